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

/// There is nothing to ask: what CUDA would refuse, a launch does.
template <class... P>
void prepare(void (* /*kernel*/)(P...), dim3 /*grid*/, dim3 /*block*/, std::size_t /*shared_bytes*/,
             bool /*cooperative*/) {}

/// Runs `kernel`; returns when it has ended. Throws Error when it does what CUDA forbids, or when
/// the launch's sizes are beyond CUDA's limits.
template <class... P>
void start(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes, bool cooperative,
           const StreamRef& stream, P... parameters) {
  struct Call {
    void (*kernel)(P...);
    std::tuple<P...> parameters;
  };
  const Call call{kernel, {parameters...}};
  const meter::Launch metered(grid, block, shared_bytes, reinterpret_cast<void (*)()>(kernel),
                              &call, sizeof call);
  run_kernel(
      {grid, block, shared_bytes, stream, cooperative},
      [](const void* what) {
        const auto& [function, arguments] = *static_cast<const Call*>(what);
        std::apply(function, arguments);
      },
      &call);
}

}  // namespace detail

/// Sets `bytes` bytes to 0.
inline void zero_async(void* memory, std::size_t bytes, const StreamRef& /*stream*/) {
  meter::zeroes(memory, bytes);
  std::memset(memory, 0, bytes);
}

}  // namespace gradepth::inline simt
