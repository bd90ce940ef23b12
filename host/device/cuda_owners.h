#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>

/// Owners of CUDA's handles and memory, and the check of its calls.
namespace gradepth::inline cuda {

namespace detail {
[[noreturn]] inline void fail(const std::string& what, const std::source_location& at) {
  throw std::runtime_error(what + " (" + at.file_name() + ':' + std::to_string(at.line()) + ')');
}
}  // namespace detail

/// std::runtime_error that names the error and the line of the call.
inline void check(cudaError_t status,
                  const std::source_location& at = std::source_location::current()) {
  if (status != cudaSuccess) detail::fail(std::string("CUDA: ") + cudaGetErrorString(status), at);
}

/// One owner for every handle. A failure to give back is not reported: it would hide the error that
/// led to it.
template <auto Destroy>
struct Destroyer {
  template <class Handle>
  void operator()(Handle handle) const noexcept {
    (void)Destroy(handle);
  }
};
using Stream = std::unique_ptr<CUstream_st, Destroyer<cudaStreamDestroy>>;
using Event = std::unique_ptr<CUevent_st, Destroyer<cudaEventDestroy>>;
using Graph = std::unique_ptr<CUgraph_st, Destroyer<cudaGraphDestroy>>;
using GraphExec = std::unique_ptr<CUgraphExec_st, Destroyer<cudaGraphExecDestroy>>;

inline Stream make_stream() {
  cudaStream_t stream = nullptr;
  check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  return Stream(stream);
}
inline Event make_event() {
  cudaEvent_t event = nullptr;
  check(cudaEventCreate(&event));
  return Event(event);
}

/// Memory of the device for n elements. It starts as NaN bytes, so that what nobody wrote is seen
/// in the result.
template <class T>
class Buffer {
 public:
  explicit Buffer(std::size_t n) : bytes_(n * sizeof(T)) {
    void* memory = nullptr;
    check_call(cudaMalloc(&memory, bytes_));
    memory_.reset(static_cast<T*>(memory));
    if (n == 0) return;
    check_call(cudaMemset(memory, 0xff, bytes_));
    check_call(cudaDeviceSynchronize());  // other streams do not wait for the memset
  }

  [[nodiscard]] T* data() const { return memory_.get(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  /// Nothing to check: compute-sanitizer does, from outside.
  void check() const {}

 private:
  static void check_call(cudaError_t status) { cuda::check(status); }

  std::size_t bytes_;
  std::unique_ptr<T, Destroyer<cudaFree>> memory_;
};

}  // namespace gradepth::inline cuda
