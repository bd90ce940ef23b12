#include <memory>
#include <vector>

#include "host/providers/cudnn/choice.h"
#include "host/providers/cudnn/elementwise.h"

namespace gradepth::cudnn {
namespace {

/// cuDNN's activation; for the bias gradient a second pass over dx, by cuDNN's sum or by a product
/// with ones, whichever is faster.
class ActivationPlan final : public LibraryPlan {
 public:
  ActivationPlan(const LibraryPtr& shared, const ActivationProblem& problem)
      : LibraryPlan(shared, problem),
        p_(problem),
        activation_(shared, p_.act, p_.dtype, p_.rows * p_.cols) {
    const std::int64_t n = p_.rows * p_.cols;
    x_ = tensor("x", n);
    y_ = tensor("y", n);
    if (!forward_only()) {
      dy_ = tensor("dy", n);
      dx_ = tensor("dx", n);
    }
    set_trial_inputs();
    run_activation();  // what cuDNN refuses, it refuses here
    if (p_.bias_gradient && !forward_only()) choose_sum(shared);
    wait();
    forget();
  }

  void run() override {
    run_activation();
    if (db_ != nullptr) sum_rows(by_gemv_);
  }
  [[nodiscard]] bool keeps_tails() const override { return false; }
  [[nodiscard]] std::string detail() const override {
    return db_ == nullptr ? "" : "bias gradient: " + describe(trials_);
  }

 private:
  [[nodiscard]] std::size_t library_bytes() const override {
    return sum_ ? sum_->workspace_bytes() : 0;
  }
  void run_activation() const {
    if (p_.pass == ActivationPass::forward) {
      activation_.forward(x_, y_);
    } else {
      activation_.backward(y_, dy_, x_, dx_);
    }
  }
  void sum_rows(bool by_gemv) const {
    if (by_gemv) {
      sum_rows_by_gemv(library(), p_.rows, p_.cols, static_cast<const float*>(dx_), ones_,
                       static_cast<float*>(db_));
    } else {
      sum_->run(dx_, db_);
    }
  }
  void choose_sum(const LibraryPtr& shared) {
    db_ = tensor("db", p_.cols);
    trials_.push_back(try_out("cudnnReduceTensor", [&] {
      sum_ = std::make_unique<RowSum>(shared, p_.dtype, p_.rows, p_.cols);
      return median_ms(stream(), [&] { sum_rows(false); });
    }));
    if (p_.dtype == Dtype::f32) {
      const std::vector<float> ones(static_cast<std::size_t>(p_.rows), 1.F);
      ones_ = allocate_numbers<float>(p_.rows);
      library().device.upload(ones_, ones.data(), ones.size());
      trials_.push_back(try_out("cublasSgemv with ones",
                                [&] { return median_ms(stream(), [&] { sum_rows(true); }); }));
    }
    const auto best = fastest(trials_);
    if (best < 0) throw std::runtime_error("no bias gradient: " + describe(trials_));
    by_gemv_ = best == 1;
  }

  ActivationProblem p_;
  CudnnActivation activation_;
  void* x_ = nullptr;
  void* y_ = nullptr;
  void* dy_ = nullptr;
  void* dx_ = nullptr;
  void* db_ = nullptr;
  float* ones_ = nullptr;
  std::unique_ptr<RowSum> sum_;
  bool by_gemv_ = false;
  std::vector<Trial> trials_;
};

}  // namespace

Planned make_plan(const ActivationProblem& problem, const LibraryPtr& library) {
  if (problem.dtype != Dtype::f32) return Unsupported{"the activation baseline is f32 only"};
  if (problem.count_saturated) return Unsupported{"cuDNN counts no saturated units"};
  if (!describe_activation(problem.act))
    return Unsupported{"cuDNN has no " + std::string(problem.act.name())};
  try {
    return std::make_unique<ActivationPlan>(library, problem);
  } catch (const CudnnError& error) {
    return Unsupported{"cuDNN refuses it: " + error.reason};
  }
}

}  // namespace gradepth::cudnn
