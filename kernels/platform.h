#pragma once
/// The machine that kernels run on: CUDA, or the SIMT executor on the CPU. This is the only file
/// that knows which. It is CUDA under nvcc, and in host files compiled with
/// GRADEPTH_PLATFORM_CUDA; else it is the executor.
///
/// Both sides offer the same: CUDA's words for kernels; what a Launch asks and does, and
/// zero_async, on a StreamRef; dynamic_shared<T>(); copy_whole; and for blocks that exchange data
/// load_exchanged, add_release, load_acquire, prefetch_l2 and spin_until.
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

#include <cstddef>

namespace gradepth::inline GRADEPTH_PLATFORM {

/// A kernel with the size of its launches, for which the device has been asked.
template <class... P>
class Launch {
 public:
  Launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes, bool cooperative)
      : kernel_(kernel),
        grid_(grid),
        block_(block),
        shared_bytes_(shared_bytes),
        cooperative_(cooperative) {
    detail::prepare(kernel, grid, block, shared_bytes, cooperative);
  }

  /// Starts it; the executor returns when it has ended, CUDA at once.
  template <class... A>
  void operator()(const StreamRef& stream, A... args) const {
    static_assert(sizeof...(P) == sizeof...(A), "as many arguments as the kernel has parameters");
    detail::start<P...>(kernel_, grid_, block_, shared_bytes_, cooperative_, stream,
                        static_cast<P>(args)...);
  }

 private:
  void (*kernel_)(P...);
  dim3 grid_, block_;
  std::size_t shared_bytes_;
  bool cooperative_;
};

/// `kernel` on grid.x·grid.y·grid.z blocks of block.x·block.y·block.z threads with `shared_bytes`
/// of dynamic shared memory per block. To ask the device takes longer than to launch: where
/// launches are timed, do it when the plan is made. Throws std::runtime_error when CUDA refuses it.
template <class... P>
Launch<P...> plan_launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes) {
  return {kernel, grid, block, shared_bytes, false};
}

/// The same with all blocks running at once, so that they can wait for each other with grid.sync()
/// or spin_until().
template <class... P>
Launch<P...> plan_cooperative_launch(void (*kernel)(P...), dim3 grid, dim3 block,
                                     std::size_t shared_bytes) {
  return {kernel, grid, block, shared_bytes, true};
}

/// Plans and starts at once: up to 48 KiB of shared memory there is nothing to ask.
template <class... P, class... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes,
            const StreamRef& stream, A... args) {
  plan_launch(kernel, grid, block, shared_bytes)(stream, args...);
}
template <class... P, class... A>
void launch_cooperative(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes,
                        const StreamRef& stream, A... args) {
  plan_cooperative_launch(kernel, grid, block, shared_bytes)(stream, args...);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
