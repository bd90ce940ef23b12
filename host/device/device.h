#pragma once

/// The machine that kernels/platform.h chose, seen from the host: who owns its memory and its
/// stream, how numbers come and go, and what multiplies matrices. Both machines offer
///   Buffer<T>   owns memory of the machine; move-only
///   Device      stream(), upload, download, copy, gemm, wait, description()
/// so that host/providers/ours is one source for both.
#ifdef GRADEPTH_PLATFORM_CUDA
#include "host/device/device_cuda.h"
#else
#include "host/device/device_simt.h"
#endif
