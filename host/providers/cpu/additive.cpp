#include <algorithm>
#include <vector>

#include "host/providers/cpu/plans.h"
#include "host/providers/shared/buffers.h"
#include "host/providers/shared/elementwise.h"
#include "host/providers/shared/workers.h"

namespace gradepth::cpu {
namespace {

/// f' = w Σ of the newest states, as many as the form says: no coupling between elements, so each
/// worker takes a chunk of the elements through all steps. Chunks and the order of their sums
/// depend on the shape alone.
class AdditivePlan final : public Plan {
 public:
  AdditivePlan(const RecurrentProblem& problem, const Context& context)
      : p_(problem),
        context_(context),
        T_(problem.T),
        terms_(problem.form.within(problem.T)),
        size_(problem.B * problem.H),
        chunks_((size_ + chunk_size - 1) / chunk_size),
        trains_(problem.pass != Pass::forward),
        in_(problem),
        out_(problem),
        f_(static_cast<std::size_t>((T_ + 1) * size_)),
        df_(trains_ ? f_.size() : 0) {
    const auto parts = trains_ ? static_cast<std::size_t>((T_ + 1) * chunks_) : 0;
    norm_parts_.resize(parts);
    dw_parts_.resize(parts);
    out_.view("y", f_ + size_);
    out_.view("h", f_.data());
    out_.view("dh0", df_.data());
    out_.view("da", df_ + size_);
  }

  void set(const Tensors& in) override { in_.set(in); }
  Tensor get(std::string_view name) override { return out_.get(name); }
  [[nodiscard]] std::size_t workspace_bytes() const override {
    return (f_.size() + df_.size()) * sizeof(float) +
           (norm_parts_.size() + dw_parts_.size()) * sizeof(double);
  }

  void run() override {
    run_forward();
    if (trains_) run_backward();
  }
  void run_forward() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    parallel_for(workers.count(), chunks_, [&](std::ptrdiff_t chunk) { forward(chunk); });
  }
  void run_backward() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    parallel_for(workers.count(), chunks_, [&](std::ptrdiff_t chunk) { backward(chunk); });
    double dw = 0;
    for (std::ptrdiff_t s = 0; s <= T_; ++s) {
      double total = 0;
      for (std::ptrdiff_t chunk = 0; chunk < chunks_; ++chunk) {
        const auto part = static_cast<std::size_t>(s * chunks_ + chunk);
        total += norm_parts_[part];
        dw += dw_parts_[part];
      }
      if (p_.norms) out_.wide("dh_norm2")[static_cast<std::size_t>(s)] = total;
    }
    *out_.at("dWh") = static_cast<float>(dw);
  }

 private:
  static constexpr std::ptrdiff_t chunk_size = 512;

  [[nodiscard]] std::ptrdiff_t length(std::ptrdiff_t chunk) const {
    return std::min(chunk_size, size_ - chunk * chunk_size);
  }

  void forward(std::ptrdiff_t chunk) {
    const std::ptrdiff_t n = length(chunk);
    const float w = *w_;
    float* f = f_ + chunk * chunk_size;
    std::copy_n(f0_ + chunk * chunk_size, n, f);
    float sum[chunk_size] = {};  // what w multiplies
    for (std::ptrdiff_t t = 0; t < T_; ++t, f += size_) {
      add_up(f, -size_, t + 1, n, sum);
      loops_.multiply_by(w, sum, f + size_, n);
    }
  }

  /// sum <- Σ of the newest states, the oldest of them first: `newest` of `count` there are, each
  /// `back` numbers before the next. What adds up all of them holds the sum so far.
  void add_up(const float* newest, std::ptrdiff_t back, std::ptrdiff_t count, std::ptrdiff_t n,
              float* sum) const {
    if (terms_ == T_) return loops_.add(sum, newest, n);
    const std::ptrdiff_t oldest = std::min(terms_, count) - 1;
    if (oldest == 0) {
      std::copy_n(newest, n, sum);
      return;
    }
    loops_.add_bias(newest + oldest * back, newest + (oldest - 1) * back, sum, n);
    for (std::ptrdiff_t k = oldest - 2; k >= 0; --k) loops_.add(sum, newest + k * back, n);
  }

  void backward(std::ptrdiff_t chunk) {
    const std::ptrdiff_t n = length(chunk);
    const std::ptrdiff_t at = chunk * chunk_size;
    const float w = *w_;
    float later[chunk_size] = {};  // Σ of the gradients at the states that hold this one
    for (std::ptrdiff_t s = T_; s >= 0; --s) {
      float* df = df_ + s * size_ + at;
      loops_.multiply_by(w, later, df, n);
      if (s > 0) loops_.add(df, dy_ + (s - 1) * size_ + at, n);
      norm_parts_[static_cast<std::size_t>(s * chunks_ + chunk)] =
          p_.norms ? loops_.sum_of_squares(df, n) : 0;
      if (p_.record) std::copy_n(df, n, recorded_ + s * size_ + at);
      if (s == 0) break;
      if (p_.clip_value > 0) loops_.clip(df, static_cast<float>(p_.clip_value), n);
      add_up(df, size_, T_ - s + 1, n, later);
    }
    scalar_gradient(chunk);
  }

  /// dL/dw = Σ_t df_{t+1} · (what w multiplied in step t).
  void scalar_gradient(std::ptrdiff_t chunk) {
    const std::ptrdiff_t n = length(chunk);
    const std::ptrdiff_t at = chunk * chunk_size;
    float sum[chunk_size] = {};
    for (std::ptrdiff_t t = 0; t < T_; ++t) {
      add_up(f_ + t * size_ + at, -size_, t + 1, n, sum);
      const float* df = df_ + (t + 1) * size_ + at;
      dw_parts_[static_cast<std::size_t>(t * chunks_ + chunk)] = loops_.dot(df, sum, n);
    }
  }

  RecurrentProblem p_;
  Context context_;
  std::ptrdiff_t T_;
  std::ptrdiff_t terms_;  // that a state adds up; T: all
  std::ptrdiff_t size_;   // elements of a state
  std::ptrdiff_t chunks_;
  bool trains_;
  Inputs in_;
  Outputs out_;
  // Looked up once, never in a timed step; nullptr where the problem has none.
  const float* w_ = in_.at("Wh");
  const float* f0_ = in_.at("h0");
  const float* dy_ = in_.at("dy");
  float* recorded_ = out_.at("dh");
  const Loops& loops_ = loops();
  Floats f_;                        // [T+1, B, H]
  Floats df_;                       // [T+1, B, H], after clipping
  std::vector<double> norm_parts_;  // [T+1, chunks]
  std::vector<double> dw_parts_;    // [T+1, chunks], the last row 0
};

}  // namespace

PlanPtr make_additive_plan(const RecurrentProblem& problem, const Context& context) {
  return std::make_unique<AdditivePlan>(problem, context);
}

}  // namespace gradepth::cpu
