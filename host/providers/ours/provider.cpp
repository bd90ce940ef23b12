#include "host/providers/factories.h"
#include "host/providers/ours/plan.h"

/// The provider of our own kernels: `simt` on the executor, `cuda` on a GPU.
namespace gradepth {
inline namespace GRADEPTH_PLATFORM {
namespace {

class KernelProvider final : public Provider {
 public:
  explicit KernelProvider(const Context& context)
      : device_(std::make_shared<const Device>(context)), variant_(context.variant) {}

  [[nodiscard]] std::string_view name() const override { return Device::name; }
  [[nodiscard]] std::string version() const override { return device_->description(); }

  [[nodiscard]] std::unique_ptr<DeviceTimer> timer() override { return device_->timer(); }

  [[nodiscard]] Planned plan(const Problem& problem) override {
    validate(problem);
    const Dtype format = dtype(problem);
    const bool elementwise = problem.index() < 2;  // an activation or a clip
    if (format == Dtype::f64 || (format != Dtype::f32 && !elementwise)) {
      return Unsupported{std::string(elementwise ? "the kernels are f32, f16 and bf16"
                                                 : "the kernels are f32 only") +
                         ", not " + std::string(gradepth::name(format))};
    }
    if (!elementwise && asks_for_input_slopes(problem)) {
      return Unsupported{"of a net these kernels take slopes from the output only"};
    }
    return std::visit([this](const auto& p) { return plan_of(p); }, problem);
  }

 private:
  [[nodiscard]] Planned plan_of(const ActivationProblem& p) const {
    return make_activation_plan(device_, p);
  }
  [[nodiscard]] Planned plan_of(const ClipProblem& p) const { return make_clip_plan(device_, p); }
  [[nodiscard]] Planned plan_of(const RecurrentProblem& p) const {
    if (p.cell == "additive") return make_additive_plan(device_, p);
    return make_recurrent_plan(device_, p, variant_);
  }
  [[nodiscard]] Planned plan_of(const FeedForwardProblem& p) const {
    return make_chain_plan(device_, p);
  }

  std::shared_ptr<const Device> device_;
  Variant variant_;
};

}  // namespace
}  // namespace GRADEPTH_PLATFORM

#ifdef GRADEPTH_PLATFORM_CUDA
std::unique_ptr<Provider> make_cuda_provider(const Context& context) {
#else
std::unique_ptr<Provider> make_simt_provider(const Context& context) {
#endif
  return std::make_unique<KernelProvider>(context);
}

}  // namespace gradepth
