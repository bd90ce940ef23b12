#include "kernels/recurrence/additive.h"
#include "host/providers/ours/plan.h"
#include "kernels/chain/pointwise.h"
#include "kernels/linear/reduce.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

class AdditivePlan final : public KernelPlan {
 public:
  AdditivePlan(std::shared_ptr<const Device> device, const RecurrentProblem& p)
      : KernelPlan(std::move(device), p), blocks_(additive_blocks(p.B * p.H)) {
    const std::int64_t n = p.B * p.H;
    float* const w = floats(1);
    net_.terms = p.form.within(p.T);
    net_.T = p.T;
    net_.n = n;
    net_.w = w;
    net_.h = floats((p.T + 1) * n);
    net_.a = floats(p.T * n);
    bind("Wh", w);
    bind("h0", net_.h);
    bind("y", net_.h + n);
    if (p.record) bind("h", net_.h);
    if (p.pass == Pass::forward) return;

    float* const dy = floats(p.T * n);
    net_.dy = dy;
    net_.clip_value = static_cast<float>(p.clip_value);
    net_.dh0 = floats(n);
    net_.dw_partials = doubles(blocks_);
    dw_ = doubles(1);
    bind("dy", dy);
    bind("dh0", net_.dh0);
    bind("dWh", dw_);
    if (p.norms) {
      net_.partials = doubles((p.T + 1) * step_quantities * blocks_);
      steps_ = doubles((p.T + 1) * step_quantities);
      bind("dh_norm2", steps_ + step_dh2, step_quantities);
    }
    if (p.record || is_windowed(net_)) net_.da = floats(p.T * n);
    if (!p.record) return;
    bind("dh", net_.dh = floats((p.T + 1) * n));
    bind("da", net_.da);
  }

  void run_forward() override { additive_forward(net_, device().stream()); }

  void run_backward() override {
    const auto& stream = device().stream();
    additive_backward(net_, stream);
    if (net_.partials != nullptr) {
      sum_rows((net_.T + 1) * step_quantities, blocks_, net_.partials, steps_, stream);
    }
    sum_rows(1, blocks_, net_.dw_partials, dw_, stream);
  }

 private:
  Additive net_;
  std::int64_t blocks_;
  double* steps_ = nullptr;  // [T + 1, step_quantities]
  double* dw_ = nullptr;     // [1]
};

}  // namespace

PlanPtr make_additive_plan(std::shared_ptr<const Device> device, const RecurrentProblem& problem) {
  return std::make_unique<AdditivePlan>(std::move(device), problem);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
