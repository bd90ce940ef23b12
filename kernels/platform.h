#pragma once
/// The machine that kernels run on: CUDA, or the SIMT executor on the CPU. This is the only file
/// that knows which. It is CUDA under nvcc, and in host files compiled with
/// GRADEPTH_PLATFORM_CUDA; else it is the executor.
///
/// Both sides offer the same: CUDA's words for kernels; plan_launch, plan_cooperative_launch,
/// launch and zero_async on a StreamRef; dynamic_shared<T>(); copy_whole; and for blocks that
/// exchange data load_exchanged, add_release, load_acquire, prefetch_l2 and spin_until.
///
/// Kernel files open `namespace gradepth::inline GRADEPTH_PLATFORM`. The name is needed where one
/// program links both machines: equal names of inline functions would be merged, and one machine
/// would silently run the other's code. The executor also finds __shared__ variables by it.
#if defined(__CUDACC__) || defined(GRADEPTH_PLATFORM_CUDA)

#define GRADEPTH_PLATFORM cuda

#include <cuda_runtime.h>

#include "kernels/cuda/launch.h"
#include "kernels/cuda/memory_order.h"
#include "kernels/cuda/whole.h"

#else

#define GRADEPTH_PLATFORM simt

#include "kernels/simt/atomics.h"
#include "kernels/simt/builtins.h"
#include "kernels/simt/engine/barriers.h"
#include "kernels/simt/error.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/math.h"
#include "kernels/simt/memory_order.h"
#include "kernels/simt/shared.h"
#include "kernels/simt/types.h"
#include "kernels/simt/vocabulary.h"
#include "kernels/simt/whole.h"

#endif
