#pragma once

#include <cublas_v2.h>
#include <cuda_runtime.h>

#include <cstddef>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>

#include "host/device/cuda_owners.h"
#include "host/device/cuda_timer.h"
#include "host/device/loaded.h"
#include "host/providers/provider.h"
#include "kernels/linear/gemm.h"
#include "kernels/platform.h"
#include "kernels/recurrence/layout.h"

namespace gradepth::inline cuda {

inline void check(cublasStatus_t status,
                  const std::source_location& at = std::source_location::current()) {
  if (status != CUBLAS_STATUS_SUCCESS) {
    detail::fail(std::string("cuBLAS: ") + call<cublasGetStatusString>(status), at);
  }
}

using CublasHandle = std::unique_ptr<cublasContext, Destroyer<call<cublasDestroy>>>;

/// cuBLAS on a stream, in true fp32: no TF32, no emulation in lower precision.
inline CublasHandle make_cublas(cudaStream_t stream) {
  cublasHandle_t handle = nullptr;
  check(call<cublasCreate>(&handle));
  CublasHandle owner(handle);
  check(call<cublasSetStream>(handle, stream));
  check(call<cublasSetMathMode>(handle, CUBLAS_PEDANTIC_MATH));
  return owner;
}

/// The first CUDA device. std::runtime_error with the reason, in one line, when there is none.
class Device {
 public:
  static constexpr std::string_view name = "cuda";

  explicit Device(const Context& /*context*/) {
    // First of all, and before any call of cuBLAS: without a driver it fails cleanly.
    int devices = 0;
    const cudaError_t status = cudaGetDeviceCount(&devices);
    if (status == cudaErrorInsufficientDriver) {
      throw std::runtime_error("no CUDA device: no driver, or one older than this CUDA runtime");
    }
    if (status != cudaSuccess) {
      throw std::runtime_error(std::string("no CUDA device: ") + cudaGetErrorString(status));
    }
    if (devices == 0) throw std::runtime_error("no CUDA device: the driver sees none");
    stream_ = make_stream();
    cublas_ = make_cublas(stream_.get());
  }

  [[nodiscard]] StreamRef stream() const { return stream_.get(); }
  [[nodiscard]] std::string description() const {
    cudaDeviceProp device{};
    check(cudaGetDeviceProperties(&device, 0));
    int runtime = 0;
    check(cudaRuntimeGetVersion(&runtime));
    return std::string(device.name) + " (sm_" + std::to_string(device.major) +
           std::to_string(device.minor) + "), CUDA " + std::to_string(runtime / 1000) + '.' +
           std::to_string(runtime % 1000 / 10);
  }
  /// What multiplies matrices.
  [[nodiscard]] static std::string gemm_name() { return "cuBLAS pedantic fp32"; }
  void gemm(const Gemm& product) const;

  template <class T>
  void upload(T* to, const T* from, std::size_t n) const {
    transfer(to, from, n, cudaMemcpyHostToDevice);
    wait();
  }
  template <class T>
  void download(T* to, const T* from, std::size_t n) const {
    transfer(to, from, n, cudaMemcpyDeviceToHost);
    wait();
  }
  /// Within the device, in the order of the stream.
  template <class T>
  void copy(T* to, const T* from, std::size_t n) const {
    transfer(to, from, n, cudaMemcpyDeviceToDevice);
  }
  void wait() const { check(cudaStreamSynchronize(stream_.get())); }
  /// What a plan of a recurrence must know.
  [[nodiscard]] static DeviceLimits limits() {
    const auto attribute = [](cudaDeviceAttr which) {
      int value = 0;
      check(cudaDeviceGetAttribute(&value, which, 0));
      return value;
    };
    constexpr double ghz_per_khz = 1e-6;
    return {.processors = attribute(cudaDevAttrMultiProcessorCount),
            .shared_per_block =
                static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin)),
            .cooperative = attribute(cudaDevAttrCooperativeLaunch) != 0,
            .clock_ghz = attribute(cudaDevAttrClockRate) * ghz_per_khz,
            .l2_bytes = static_cast<std::size_t>(attribute(cudaDevAttrL2CacheSize))};
  }
  /// What a plan was made for, if that is not this device.
  [[nodiscard]] static std::string planned_for() { return {}; }
  [[nodiscard]] std::unique_ptr<DeviceTimer> timer() const { return make_timer(stream_.get()); }

 private:
  template <class T>
  void transfer(T* to, const T* from, std::size_t n, cudaMemcpyKind kind) const {
    if (n > 0) check(cudaMemcpyAsync(to, from, n * sizeof(T), kind, stream_.get()));
  }

  Stream stream_;
  CublasHandle cublas_;
};

/// cuBLAS counts down columns: a row-major matrix is to it the transpose, and Cᵀ = op(B)ᵀ op(A)ᵀ.
inline void Device::gemm(const Gemm& p) const {
  const auto op = [](bool transpose) { return transpose ? CUBLAS_OP_T : CUBLAS_OP_N; };
  if (p.m == 0 || p.n == 0) return;
  const float one = 1;
  check(call<cublasSgemm_64>(cublas_.get(), op(p.transpose_b), op(p.transpose_a), p.n, p.m, p.k,
                             &one, p.B, p.transpose_b ? p.k : p.n, p.A, p.transpose_a ? p.m : p.k,
                             &p.beta, p.C, p.n));
}

/// Work that is the same each time: many launches, captured once as a graph and then replayed,
/// which costs the host one launch.
class Recording {
 public:
  /// The first time the work runs plainly: kernels are loaded then, and libraries allocate, which a
  /// capture would forbid. The second time it is captured.
  template <class Work>
  void run(const Device& device, Work&& work) {
    if (!warm_) {
      work();
      warm_ = true;
      return;
    }
    if (!graph_) capture(device, work);
    check(cudaGraphLaunch(graph_.get(), device.stream().handle));
  }

 private:
  template <class Work>
  void capture(const Device& device, Work& work) {
    auto* const stream = device.stream().handle;
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    Graph graph;
    try {
      work();
    } catch (...) {
      (void)end_capture(stream, graph);  // its failure would hide this one
      throw;
    }
    check(end_capture(stream, graph));
    cudaGraphExec_t executable = nullptr;
    check(cudaGraphInstantiate(&executable, graph.get(), 0));
    graph_.reset(executable);
  }
  static cudaError_t end_capture(cudaStream_t stream, Graph& graph) {
    cudaGraph_t captured = nullptr;
    const cudaError_t status = cudaStreamEndCapture(stream, &captured);
    graph.reset(captured);
    return status;
  }

  bool warm_ = false;
  GraphExec graph_;
};

}  // namespace gradepth::inline cuda
