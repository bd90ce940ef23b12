#include "host/providers/ours/plan.h"
#include "kernels/activation/pass.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

/// Numbers are stored as T.
template <class T>
class ActivationPlan final : public KernelPlan {
 public:
  ActivationPlan(std::shared_ptr<const Device> device, const ActivationProblem& problem)
      : KernelPlan(std::move(device), problem),
        p_(problem),
        kernels_(activation_kernels<T>(p_.act)) {
    const std::int64_t n = p_.rows * p_.cols;
    bind("x", x_ = allocate<T>(n));
    bind("y", y_ = allocate<T>(n));
    if (p_.pass == ActivationPass::forward) return;
    T* const dy = allocate<T>(n);
    backward_ = {.rows = p_.rows, .cols = p_.cols, .x = x_, .y = y_, .dy = dy};
    backward_.slope = p_.slope;
    bind("dy", dy);
    bind("dx", backward_.dx = allocate<T>(n));
    if (p_.bias_gradient) bind("db", backward_.db = allocate<T>(p_.cols));
    if (p_.count_saturated) {
      bind("saturated", backward_.saturated = doubles(1));
    }
    backward_.workspace =
        doubles(activation_workspace<T>(p_.rows, p_.cols, p_.bias_gradient, p_.count_saturated));
  }

  void run() override {
    if (p_.pass == ActivationPass::forward) {
      kernels_.forward(p_.rows * p_.cols, x_, y_, device().stream());
    } else {
      kernels_.backward(backward_, device().stream());
    }
  }

 private:
  ActivationProblem p_;
  ActivationKernels<T> kernels_;
  T* x_ = nullptr;
  T* y_ = nullptr;
  ActivationBackward<T> backward_;
};

}  // namespace

PlanPtr make_activation_plan(std::shared_ptr<const Device> device,
                             const ActivationProblem& problem) {
  return with_storage(problem.dtype, [&](auto number) -> PlanPtr {
    return std::make_unique<ActivationPlan<decltype(number)>>(device, problem);
  });
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
