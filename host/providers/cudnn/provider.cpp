#include <cstdlib>

#include "host/providers/cudnn/plan.h"
#include "host/providers/factories.h"

namespace gradepth {
namespace cudnn {
namespace {

/// cuBLAS as people use it, not pedantic: its fastest f32 products, which keep f32's precision.
CublasHandle make_default_cublas(cudaStream_t stream, Math math) {
  CublasHandle handle = make_cublas(stream);
  check(call<cublasSetMathMode>(
      handle.get(), math == Math::tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH));
  return handle;
}

CudnnHandle make_cudnn(cudaStream_t stream) {
  auto handle = make<CudnnHandle>(call<cudnnCreate>);
  check(call<cudnnSetStream>(handle.get(), stream));
  return handle;
}

/// `, NAME=value` for a variable of the environment that changes the libraries' arithmetic.
std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(", ") + name + '=' + value;
}

std::string cublas_version(const CublasHandle& handle) {
  int version = 0;
  check(call<cublasGetVersion>(handle.get(), &version));
  return std::to_string(version / 10000) + '.' + std::to_string(version / 100 % 100) + '.' +
         std::to_string(version % 100);
}

}  // namespace

Library::Library(const Context& context)
    : device(context),
      math(context.math),
      dnn(make_cudnn(stream())),
      blas(make_default_cublas(stream(), context.math)),
      lt(make<CublasLtHandle>(call<cublasLtCreate>)) {}

std::string Library::description() const {
  const std::size_t version = call<cudnnGetVersion>();
  return "cuDNN " + std::to_string(version / 10000) + '.' + std::to_string(version / 100 % 100) +
         '.' + std::to_string(version % 100) + ", cuBLAS " + cublas_version(blas) + ", " +
         device.description() + ", f32 products in " + std::string(name(math)) +
         setting("NVIDIA_TF32_OVERRIDE") + setting("CUBLAS_EMULATE_SINGLE_PRECISION") +
         setting("CUBLAS_EMULATION_STRATEGY") + setting("CUBLAS_WORKSPACE_CONFIG");
}

namespace {

/// What people have without writing kernels: cuDNN, cuBLAS, cuBLASLt and CUB. The baseline on a
/// GPU.
class CudnnProvider final : public Provider {
 public:
  explicit CudnnProvider(const Context& context)
      : library_(std::make_shared<const Library>(context)) {}

  [[nodiscard]] std::string_view name() const override { return "cudnn"; }
  [[nodiscard]] std::string version() const override { return library_->description(); }
  [[nodiscard]] Planned plan(const Problem& problem) override {
    validate(problem);
    if (asks_for_input_slopes(problem)) {
      return Unsupported{"cudnn: slopes from the output, where that says them"};
    }
    return std::visit([this](const auto& p) { return make_plan(p, library_); }, problem);
  }
  [[nodiscard]] std::unique_ptr<DeviceTimer> timer() override { return library_->device.timer(); }

 private:
  LibraryPtr library_;
};

}  // namespace
}  // namespace cudnn

std::unique_ptr<Provider> make_cudnn_provider(const Context& context) {
  return std::make_unique<cudnn::CudnnProvider>(context);
}

}  // namespace gradepth
