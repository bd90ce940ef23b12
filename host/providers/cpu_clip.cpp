#include <algorithm>
#include <cmath>
#include <vector>

#include "host/providers/cpu_buffers.h"
#include "host/providers/cpu_elementwise.h"
#include "host/providers/cpu_plans.h"
#include "host/providers/cpu_workers.h"

namespace gradepth::cpu {
namespace {

/// A piece of one tensor. Pieces depend on the sizes alone, and their sums are added in order, so
/// the norm is bitwise the same with any number of threads.
struct Chunk {
  float* g;
  std::ptrdiff_t n;
};
constexpr std::ptrdiff_t chunk_size =
    16384;  // 64 KiB: twice the first cache, small beside the rest

class ClipPlan final : public Plan {
 public:
  ClipPlan(const ClipProblem& problem, const Context& context)
      : p_(problem), context_(context), in_(problem), out_(problem) {
    float* g = out_.at("g");
    for (const std::int64_t size : problem.sizes) {
      for (std::int64_t at = 0; at < size; at += chunk_size) {
        chunks_.push_back({g + at, std::min(chunk_size, size - at)});
      }
      g += size;
    }
    sums_.resize(chunks_.size());
  }

  void set(const Tensors& in) override {
    in_.set(in);
    restore();
  }
  void restore() override { std::copy_n(in_.at("g"), in_.size("g"), out_.at("g")); }
  Tensor get(std::string_view name) override { return out_.get(name); }
  [[nodiscard]] std::size_t workspace_bytes() const override {
    return sums_.size() * sizeof(double);
  }

  void run() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    if (p_.mode == "value") {
      const auto limit = static_cast<float>(p_.threshold);
      for_each_chunk(workers, [&](std::size_t i) { clip(chunks_[i].g, limit, chunks_[i].n); });
      return;
    }
    // Squares of float32 numbers neither overflow nor vanish in float64.
    for_each_chunk(workers,
                   [&](std::size_t i) { sums_[i] = sum_of_squares(chunks_[i].g, chunks_[i].n); });
    double total = 0;
    for (const double sum : sums_) total += sum;
    const double norm = std::sqrt(total);
    out_.wide("norm")[0] = norm;
    out_.wide("skipped")[0] = std::isfinite(norm) ? 0 : 1;
    if (!std::isfinite(norm) || norm <= p_.threshold) return;
    const double factor = p_.threshold / norm;
    for_each_chunk(workers, [&](std::size_t i) { scale(chunks_[i].g, factor, chunks_[i].n); });
  }

 private:
  template <class F>
  void for_each_chunk(const Workers& workers, F&& f) {
    parallel_for(workers.count(), static_cast<std::ptrdiff_t>(chunks_.size()),
                 [&](std::ptrdiff_t i) { f(static_cast<std::size_t>(i)); });
  }

  ClipProblem p_;
  Context context_;
  Inputs in_;
  Outputs out_;
  std::vector<Chunk> chunks_;
  std::vector<double> sums_;
};

}  // namespace

PlanPtr make_plan(const ClipProblem& problem, const Context& context) {
  return std::make_unique<ClipPlan>(problem, context);
}

}  // namespace gradepth::cpu
