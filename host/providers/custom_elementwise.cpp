#include <numeric>
#include <vector>

#include "host/providers/custom_plan.h"
#include "kernels/activation_pass.h"
#include "kernels/clip.h"
#include "kernels/reduce.h"

/// Activations and clipping.
namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

class ActivationPlan final : public CustomPlan {
 public:
  ActivationPlan(std::shared_ptr<const Device> device, const ActivationProblem& problem)
      : CustomPlan(std::move(device), problem), p_(problem), n_(p_.rows * p_.cols) {
    bind("x", x_ = floats(n_));
    bind("y", y_ = floats(n_));
    if (p_.pass == Pass::forward) return;
    bind("dy", dy_ = floats(n_));
    bind("dx", dx_ = floats(n_));
    if (!p_.bias_gradient) return;
    bind("db", db_ = floats(p_.cols));
    partials_ = doubles(column_sum_parts(p_.rows) * p_.cols);
  }

  void run() override {
    const auto& stream = device().stream();
    if (p_.pass == Pass::forward) {
      activation_forward(p_.act, n_, x_, y_, stream);
    } else if (p_.bias_gradient) {
      activation_backward_bias(p_.act, p_.rows, p_.cols, x_, y_, dy_, dx_, db_, partials_, stream);
    } else {
      activation_backward(p_.act, n_, x_, y_, dy_, dx_, stream);
    }
  }

 private:
  ActivationProblem p_;
  std::int64_t n_;
  float* x_ = nullptr;
  float* y_ = nullptr;
  float* dy_ = nullptr;
  float* dx_ = nullptr;
  float* db_ = nullptr;
  double* partials_ = nullptr;
};

class ClipPlan final : public CustomPlan {
 public:
  ClipPlan(std::shared_ptr<const Device> device, const ClipProblem& problem)
      : CustomPlan(std::move(device), problem),
        p_(problem),
        n_(std::accumulate(p_.sizes.begin(), p_.sizes.end(), std::int64_t{0})) {
    bind("g", g_ = floats(n_));
    original_ = floats(n_);

    std::vector<ClipTensor> tensors;
    float* next = g_;
    for (const std::int64_t size : p_.sizes) {
      tensors.push_back({next, size});
      next += size;
    }
    const std::vector<ClipChunk> table = make_clip_chunks(tensors);
    count_ = static_cast<std::int64_t>(table.size());
    auto* chunks = allocate<ClipChunk>(count_);
    this->device().upload(chunks, table.data(), table.size());
    chunks_ = chunks;

    if (p_.mode == "value") return;
    partials_ = doubles(count_);
    result_ = allocate<ClipResult>(1);
    bind("norm", &result_->norm);
    bind("skipped", &result_->skipped);
  }

  void run() override {
    const auto& stream = device().stream();
    if (p_.mode == "value") {
      clip_value(chunks_, count_, p_.threshold, stream);
    } else {
      clip_norm(chunks_, count_, p_.threshold, partials_, result_, stream);
    }
  }
  void restore() override { device().copy(g_, static_cast<const float*>(original_), length(n_)); }

 private:
  void after_set() override { device().copy(original_, static_cast<const float*>(g_), length(n_)); }

  ClipProblem p_;
  std::int64_t n_;
  float* g_ = nullptr;
  float* original_ = nullptr;
  const ClipChunk* chunks_ = nullptr;
  std::int64_t count_ = 0;
  double* partials_ = nullptr;
  ClipResult* result_ = nullptr;
};

}  // namespace

PlanPtr make_activation_plan(std::shared_ptr<const Device> device,
                             const ActivationProblem& problem) {
  return std::make_unique<ActivationPlan>(std::move(device), problem);
}
PlanPtr make_clip_plan(std::shared_ptr<const Device> device, const ClipProblem& problem) {
  return std::make_unique<ClipPlan>(std::move(device), problem);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
