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

/// A piece of one tensor, with agc a whole unit. Pieces depend on the sizes alone, and their sums
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
      : p_(problem),
        rule_(clip_rule(problem.mode)),
        context_(context),
        in_(problem),
        out_(problem) {
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
    sums_.resize(chunks_.size());
    scales_.resize(out_.wide("norm").size());
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
    return (sums_.size() + scales_.size()) * sizeof(double);
  }

  void run() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    if (rule_.scope == ClipScope::element) {
      const auto limit = static_cast<float>(p_.threshold);
      for_each_chunk(workers, [&](std::size_t i) {
        if (p_.sgd) {
          update(chunks_[i], limit, 1.0);
        } else {
          loops_.clip(out_.at("g") + chunks_[i].at, limit, chunks_[i].n);
        }
      });
      return;
    }
    // Squares of float32 numbers neither overflow nor vanish in float64.
    const float* g = in_.at("g");
    if (!p_.sgd) g = out_.at("g");
    for_each_chunk(workers, [&](std::size_t i) {
      sums_[i] = loops_.sum_of_squares(g + chunks_[i].at, chunks_[i].n);
    });
    decide();
    if (rule_.reads_weights) weigh(workers);
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
      scales_[i] = scale_to(norms[i], p_.threshold);
      skipped += std::isfinite(norms[i]) ? 0 : 1;
    }
    out_.wide("skipped")[0] = skipped;
  }
  /// agc: scales that follow from the weights.
  void weigh(const Workers& workers) {
    const std::vector<double>& norms = out_.wide("norm");
    for_each_chunk(workers, [&](std::size_t i) {
      const double weight =
          std::sqrt(loops_.sum_of_squares(in_.at("w") + chunks_[i].at, chunks_[i].n));
      scales_[i] = scale_to(norms[i], p_.threshold * (weight > 1e-3 ? weight : 1e-3));
    });
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
      loops_.scale(out_.at("g") + chunk.at, factor, chunk.n);
    }
  }
  void update(const Chunk& chunk, float limit, double factor) {
    loops_.sgd(in_.at("g") + chunk.at, limit, factor, p_.lr, p_.momentum, out_.at("w") + chunk.at,
               out_.at("v") + chunk.at, chunk.n);
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
  const Loops& loops_ = loops();
  std::vector<Chunk> chunks_;
  std::vector<double> sums_;    // of squares, by chunk
  std::vector<double> scales_;  // by norm
};

}  // namespace

PlanPtr make_plan(const ClipProblem& problem, const Context& context) {
  return std::make_unique<ClipPlan>(problem, context);
}

}  // namespace gradepth::cpu
