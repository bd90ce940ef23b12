#pragma once

#include <cuda_runtime.h>

#include <memory>

#include "host/device/device_timer.h"

namespace gradepth::inline cuda {

/// Times what is queued on `stream`, with events. The stream must outlive the timer.
/// std::runtime_error when CUDA refuses something.
std::unique_ptr<DeviceTimer> make_timer(cudaStream_t stream);

}  // namespace gradepth::inline cuda
