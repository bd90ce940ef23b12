#pragma once

#include <cuda_runtime.h>

/// What timing on a GPU needs beside events. For CUDA alone: the executor keeps no time.
namespace gradepth::inline cuda {

/// The two clocks of a multiprocessor, read at once.
struct ClockReading {
  long long cycles;       // of the multiprocessor's own clock
  long long nanoseconds;  // of the device's wall clock
};

/// Holds the stream until *released is not 0, or for at most `timeout_ns`; then *gave_up is set to
/// 1. Both lie in host memory that the device sees.
void hold_stream(const int* released, int* gave_up, long long timeout_ns, cudaStream_t stream);

/// Every multiprocessor's clocks; what lies at one that no block met stays as it is.
///   readings [processors]
void read_clocks(ClockReading* readings, int processors, cudaStream_t stream);

}  // namespace gradepth::inline cuda
