#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <tuple>

#include "kernels/simt/meter_hooks.h"
#include "kernels/simt/types.h"

namespace gradepth::inline simt {

namespace detail {
class Executor;
}
std::shared_ptr<detail::Executor> executor_of_this_thread();

/// Where and how launches run: the executor's stand-in for a CUDA stream.
struct Stream {
  /// 0: threads and blocks in their order; any other: a random order of its own.
  std::uint64_t seed = 0;
  /// Host threads that run blocks; 1: the calling thread.
  unsigned workers = 1;
  /// A host thread for every block, so that ThreadSanitizer sees races between any two of them.
  bool thread_per_block = false;
  /// What is kept between launches, host threads and stacks: that of all streams made on the same
  /// host thread. To make them anew takes longer than a small launch, and ThreadSanitizer's part of
  /// them half a millisecond a thread.
  std::shared_ptr<detail::Executor> executor = executor_of_this_thread();
};

/// Launchers take it by value.
using StreamRef = Stream;

namespace detail {

struct Configuration {
  dim3 grid, block;
  std::size_t shared_bytes;
  const Stream& stream;
  bool cooperative;
};

/// Runs kernel(arguments) once per CUDA thread.
void run_kernel(const Configuration& configuration, void (*kernel)(const void*),
                const void* arguments);

template <class... P, class... A>
void launch_with(const Configuration& configuration, void (*kernel)(P...), A... args) {
  static_assert(sizeof...(P) == sizeof...(A), "as many arguments as the kernel has parameters");
  struct Call {
    void (*kernel)(P...);
    std::tuple<P...> parameters;
  };
  const Call call{kernel, {static_cast<P>(args)...}};
  const meter::Launch metered(configuration.grid, configuration.block, configuration.shared_bytes,
                              reinterpret_cast<void (*)()>(kernel), &call, sizeof call);
  run_kernel(
      configuration,
      [](const void* what) {
        const auto& [function, parameters] = *static_cast<const Call*>(what);
        std::apply(function, parameters);
      },
      &call);
}

}  // namespace detail

/// A kernel with the size of its launches.
template <class... P>
class Launch {
 public:
  Launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes, bool cooperative)
      : kernel_(kernel),
        grid_(grid),
        block_(block),
        shared_bytes_(shared_bytes),
        cooperative_(cooperative) {}

  /// Runs it; returns when it has ended. Throws Error when the kernel does what CUDA forbids, or
  /// when the launch's sizes are beyond CUDA's limits.
  template <class... A>
  void operator()(const StreamRef& stream, A... args) const {
    detail::launch_with({grid_, block_, shared_bytes_, stream, cooperative_}, kernel_, args...);
  }

 private:
  void (*kernel_)(P...);
  dim3 grid_, block_;
  std::size_t shared_bytes_;
  bool cooperative_;
};

/// `kernel` on grid.x·grid.y·grid.z blocks of block.x·block.y·block.z threads with `shared_bytes`
/// of dynamic shared memory per block.
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

/// Plans and runs at once.
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

/// Sets `bytes` bytes to 0.
inline void zero_async(void* memory, std::size_t bytes, const StreamRef& /*stream*/) {
  meter::zeroes(memory, bytes);
  std::memset(memory, 0, bytes);
}

}  // namespace gradepth::inline simt
