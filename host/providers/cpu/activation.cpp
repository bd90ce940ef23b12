#include <algorithm>
#include <numeric>
#include <vector>

#include "host/providers/cpu/plans.h"
#include "host/providers/cpu/product.h"
#include "host/providers/shared/buffers.h"
#include "host/providers/shared/elementwise.h"
#include "host/providers/shared/workers.h"

namespace gradepth::cpu {
namespace {

/// Elements from which results go past the caches: smaller ones may be read again from there
/// (1.2 to 1.4 times on an AVX-512 server, in an earlier trial; not measured again for this code).
constexpr std::ptrdiff_t stream_from = std::ptrdiff_t{1} << 20;

/// y = f(x), or dx = dy f' with db. The work is cut into tiles of rows × columns that depend on the
/// shape alone, so db is the same with any number of threads.
class ActivationPlan final : public Plan {
 public:
  ActivationPlan(const ActivationProblem& problem, const Context& context)
      : p_(problem),
        context_(context),
        in_(problem),
        out_(problem),
        act_(loops().elementwise(problem.act, problem.slope)),
        // Without a bias gradient the shape does not matter: one long row.
        rows_(problem.bias_gradient ? problem.rows : 1),
        cols_(problem.bias_gradient ? problem.cols : problem.rows * problem.cols),
        streams_(problem.rows * problem.cols >= stream_from),
        row_blocks_((rows_ + rows_per_block() - 1) / rows_per_block()),
        partial_(problem.bias_gradient ? static_cast<std::size_t>(row_blocks_ * cols_) : 0),
        counts_(problem.count_saturated ? static_cast<std::size_t>(row_blocks_ * col_blocks_) : 0) {
  }

  void set(const Tensors& in) override { in_.set(in); }
  Tensor get(std::string_view name) override { return out_.get(name); }
  [[nodiscard]] std::size_t workspace_bytes() const override {
    return partial_.size() * sizeof(float) + counts_.size() * sizeof(std::ptrdiff_t);
  }
  [[nodiscard]] std::string detail() const override {
    return streams_ ? "non-temporal stores" : "";
  }

  void run() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    parallel(workers.count(), [&](const Worker& worker) {
      const std::ptrdiff_t tiles = row_blocks_ * col_blocks_;
      const std::ptrdiff_t end = tiles * (worker.id() + 1) / worker.count();
      for (std::ptrdiff_t i = tiles * worker.id() / worker.count(); i < end; ++i) {
        run_tile(i / col_blocks_, i % col_blocks_);
      }
      if (streams_) end_streaming();
    });
    if (p_.pass == ActivationPass::forward) return;
    if (p_.count_saturated) {
      const std::ptrdiff_t total =
          std::accumulate(counts_.begin(), counts_.end(), std::ptrdiff_t{0});
      out_.wide("saturated")[0] = static_cast<double>(total);
    }
    if (!p_.bias_gradient) return;
    parallel_for(workers.count(), col_blocks_, [&](std::ptrdiff_t c) { add_partials(c); });
  }

 private:
  static constexpr std::ptrdiff_t block_cols = 1024;
  static constexpr std::ptrdiff_t block_rows = 32;

  [[nodiscard]] std::ptrdiff_t rows_per_block() const { return std::min(rows_, block_rows); }

  void run_tile(std::ptrdiff_t row_block, std::ptrdiff_t col_block) {
    const std::ptrdiff_t first = col_block * block_cols;
    const std::ptrdiff_t n = std::min(block_cols, cols_ - first);
    const std::ptrdiff_t end = std::min(rows_, (row_block + 1) * block_rows);
    float* partial = partial_.size() == 0 ? nullptr : partial_ + (row_block * cols_ + first);
    if (partial != nullptr) std::fill_n(partial, n, 0.0F);
    std::ptrdiff_t saturated = 0;
    for (std::ptrdiff_t r = row_block * block_rows; r < end; ++r) {
      const std::ptrdiff_t at = r * cols_ + first;
      run_segment(at, n, partial);
      if (!counts_.empty()) saturated += act_.saturated(x_ + at, kept_ + at, n);
    }
    if (!counts_.empty()) {
      counts_[static_cast<std::size_t>(row_block * col_blocks_ + col_block)] = saturated;
    }
  }

  void run_segment(std::ptrdiff_t at, std::ptrdiff_t n, float* partial) {
    const bool forward = p_.pass == ActivationPass::forward;
    float* result = (forward ? y_ : dx_) + at;
    alignas(64) float staged[block_cols];
    float* to = streams_ ? staged : result;
    if (forward) {
      act_.forward(x_ + at, to, n);
    } else {
      act_.backward(x_ + at, kept_ + at, dy_ + at, to, n);
    }
    if (partial != nullptr) loops_.add(partial, to, n);
    if (streams_) loops_.stream(result, staged, n);
  }

  /// db of one block of columns: the partial sums of the row blocks, added in order.
  void add_partials(std::ptrdiff_t col_block) {
    float* db = out_.at("db");
    const std::ptrdiff_t end = std::min(cols_, (col_block + 1) * block_cols);
    for (std::ptrdiff_t c = col_block * block_cols; c < end; ++c) {
      double sum = 0;
      for (std::ptrdiff_t b = 0; b < row_blocks_; ++b) {
        sum += static_cast<double>(*(partial_ + (b * cols_ + c)));
      }
      db[c] = static_cast<float>(sum);
    }
  }

  ActivationProblem p_;
  Context context_;
  Inputs in_;
  Outputs out_;
  const Loops& loops_ = loops();
  Elementwise act_;
  std::ptrdiff_t rows_;
  std::ptrdiff_t cols_;
  bool streams_;
  std::ptrdiff_t row_blocks_;
  std::ptrdiff_t col_blocks_ = (cols_ + block_cols - 1) / block_cols;
  Floats partial_;                      // [row_blocks, cols]
  std::vector<std::ptrdiff_t> counts_;  // [row_blocks, col_blocks]
  const float* x_ = in_.at("x");
  const float* kept_ = in_.at("y");
  const float* dy_ = in_.at("dy");
  float* y_ = out_.at("y");
  float* dx_ = out_.at("dx");
};

}  // namespace

PlanPtr make_plan(const ActivationProblem& problem, const Context& context) {
  return std::make_unique<ActivationPlan>(problem, context);
}

}  // namespace gradepth::cpu
