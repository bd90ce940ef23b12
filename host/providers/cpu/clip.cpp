#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "host/providers/cpu/plans.h"
#include "host/providers/shared/buffers.h"
#include "host/providers/shared/elementwise.h"
#include "host/providers/shared/workers.h"
#include "host/text/not_finite.h"
#include "kernels/clip/rules.h"

namespace gradepth::cpu {
namespace {

/// A piece of one tensor, or a whole unit. Pieces depend on the sizes alone, and their sums
/// are added in order, so a norm is bitwise the same with any number of threads.
struct Chunk {
  std::ptrdiff_t at;
  std::ptrdiff_t n;
  std::size_t norm;  // which one it belongs to
};
constexpr std::ptrdiff_t chunk_size =
    16384;  // 64 KiB: twice the first cache, small beside the rest

class ClipPlan final : public Plan {
 public:
  ClipPlan(const ClipProblem& problem, const Context& context)
      : p_(problem), rule_(*problem.mode), context_(context), in_(problem), out_(problem) {
    std::ptrdiff_t first = 0;
    std::size_t norm = 0;
    for (std::size_t t = 0; t < p_.sizes.size(); ++t) {
      const std::ptrdiff_t size = p_.sizes[t];
      const bool by_unit = rule_.scope == ClipScope::unit;
      const std::ptrdiff_t step =
          by_unit ? size / (p_.units.empty() ? 1 : p_.units[t]) : chunk_size;
      for (std::ptrdiff_t at = 0; at < size; at += step) {
        chunks_.push_back({first + at, std::min(step, size - at), norm});
        if (by_unit) ++norm;
      }
      if (rule_.scope == ClipScope::tensor) ++norm;
      first += size;
    }
    if (!rule_.has_norms()) return;
    const std::size_t norms = out_.wide("norm").size();
    sums_.resize(chunks_.size());
    if (rule_.reads_weights) weights_.resize(chunks_.size());
    scales_.resize(norms);
    sizes_.resize(norms);
    for (const Chunk& chunk : chunks_) sizes_[chunk.norm] += static_cast<double>(chunk.n);
  }

  void set(const Tensors& in) override {
    in_.set(in);
    restore();
  }
  void restore() override {
    for (const char* name : {"g", "w", "v"}) {
      if (float* changed = out_.at(name)) std::copy_n(in_.at(name), in_.size(name), changed);
    }
  }
  Tensor get(std::string_view name) override { return out_.get(name); }
  [[nodiscard]] std::size_t workspace_bytes() const override {
    return (sums_.size() + weights_.size() + scales_.size() + sizes_.size()) * sizeof(double);
  }

  void run() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    if (!rule_.has_norms()) {
      const auto limit = static_cast<float>(p_.threshold);
      for_each_chunk(workers, [&](std::size_t i) {
        if (p_.sgd) {
          update(chunks_[i], limit, 1.0);
        } else {
          loops_.clip(clipped_g_ + chunks_[i].at, limit, chunks_[i].n);
        }
      });
      return;
    }
    // Squares of float32 numbers neither overflow nor vanish in float64.
    const float* g = p_.sgd ? g_ : clipped_g_;
    for_each_chunk(workers, [&](std::size_t i) {
      const Chunk& chunk = chunks_[i];
      sums_[i] = loops_.sum_of_squares(g + chunk.at, chunk.n);
      if (rule_.reads_weights) weights_[i] = loops_.sum_of_squares(w_ + chunk.at, chunk.n);
    });
    decide();
    for_each_chunk(workers, [&](std::size_t i) { apply(chunks_[i]); });
  }

 private:
  /// The norms, and a scale for each: 1 leaves it, NaN stands for one that is not finite.
  void decide() {
    std::vector<double>& norms = out_.wide("norm");
    std::fill(norms.begin(), norms.end(), 0.0);
    for (std::size_t i = 0; i < chunks_.size(); ++i) norms[chunks_[i].norm] += sums_[i];
    double skipped = 0;
    for (std::size_t i = 0; i < norms.size(); ++i) {
      norms[i] = std::sqrt(norms[i]);
      // A rule by unit, and only such a rule reads weights, has as many chunks as norms.
      const double weight = rule_.reads_weights ? std::sqrt(weights_[i]) : 0;
      scales_[i] = scale_to(norms[i], rule_.limit(p_.threshold, {sizes_[i], weight}));
      skipped += std::isfinite(norms[i]) ? 0 : 1;
    }
    out_.wide("skipped")[0] = skipped;
  }
  static double scale_to(double norm, double limit) {
    if (!std::isfinite(norm)) return nan;
    return norm > limit ? limit / norm : 1.0;
  }

  void apply(const Chunk& chunk) {
    const double factor = scales_[chunk.norm];
    if (std::isnan(factor)) return;
    if (p_.sgd) {
      update(chunk, std::numeric_limits<float>::infinity(), factor);
    } else if (factor != 1) {
      loops_.scale(clipped_g_ + chunk.at, factor, chunk.n);
    }
  }
  void update(const Chunk& chunk, float limit, double factor) {
    loops_.sgd(g_ + chunk.at, limit, factor, p_.lr, p_.momentum, new_w_ + chunk.at,
               new_v_ + chunk.at, chunk.n);
  }

  template <class F>
  void for_each_chunk(const Workers& workers, F&& f) {
    parallel_for(workers.count(), static_cast<std::ptrdiff_t>(chunks_.size()),
                 [&](std::ptrdiff_t i) { f(static_cast<std::size_t>(i)); });
  }

  ClipProblem p_;
  const ClipRule& rule_;
  Context context_;
  Inputs in_;
  Outputs out_;
  // Looked up once, never in a timed step; nullptr where the problem has none.
  const float* g_ = in_.at("g");
  const float* w_ = in_.at("w");
  float* clipped_g_ = out_.at("g");
  float* new_w_ = out_.at("w");
  float* new_v_ = out_.at("v");
  const Loops& loops_ = loops();
  std::vector<Chunk> chunks_;
  std::vector<double> sums_;     // of squares, by chunk
  std::vector<double> weights_;  // the same of w, where the rule reads it
  std::vector<double> scales_;   // by norm
  std::vector<double> sizes_;    // by norm: elements that share it
};

}  // namespace

PlanPtr make_plan(const ClipProblem& problem, const Context& context) {
  return std::make_unique<ClipPlan>(problem, context);
}

}  // namespace gradepth::cpu
