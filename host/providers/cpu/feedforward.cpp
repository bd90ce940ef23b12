#include <algorithm>
#include <utility>
#include <vector>

#include "host/providers/cpu/plans.h"
#include "host/providers/cpu/product.h"
#include "host/providers/shared/buffers.h"
#include "host/providers/shared/circular_images.h"
#include "host/providers/shared/elementwise.h"
#include "host/providers/shared/workers.h"

namespace gradepth::cpu {
namespace {

/// mlp, residual and cnn, layer by layer: a product, then a pass over the rows.
///
/// A state is a matrix [rows, N]: a row is a sample, or for a cnn a pixel of an image with its
/// channels. A convolution then is a product with the gathered 3 × 3 neighbourhoods, [rows, 9 N].
/// So images are kept with the channels last, and W as [N, 9, N].
class FeedForwardPlan final : public Plan {
 public:
  FeedForwardPlan(const FeedForwardProblem& problem, const Context& context)
      : p_(problem),
        context_(context),
        cnn_(problem.is_cnn()),
        residual_(problem.is_residual()),
        preact_(problem.is_preact()),
        scale_(problem.branch_scale()),
        trains_(problem.pass != Pass::forward),
        L_(problem.L),
        N_(problem.N),
        rows_(problem.B * (cnn_ ? pixels : 1)),
        K_(N_ * (cnn_ ? taps : 1)),
        in_(problem),
        out_(problem),
        act_(loops().elementwise(problem.act, problem.slope)),
        h_(L_ + 1, rows_ * N_),
        // What the slope needs is kept for each layer; the rest is scratch.
        a_(preact_ || act_.of_output ? 1 : L_, rows_ * N_),
        f_(!residual_                  ? 0
           : preact_ || act_.of_output ? L_
                                       : 1,
           rows_ * N_),
        gathered_(cnn_ ? 1 : 0, rows_ * K_),
        dh_(trains_ ? 1 : 0, rows_ * N_),
        da_(!trains_                          ? 0
            : problem.record || problem.share ? L_
                                              : 1,
            rows_ * N_),
        back_(trains_ ? 1 : 0, rows_ * K_),
        norm_parts_(trains_ ? static_cast<std::size_t>(rows_) : 0) {
    out_.view("y", h_.at(L_));
    out_.view("h", h_.at(0));
    out_.view("dh0", dh_.at(0));
    out_.view("da", da_.at(0));
  }

  void set(const Tensors& in) override {
    if (!cnn_) return in_.set(in);
    Tensors last = images_last(in, N_);
    if (const auto W = last.find("W"); W != last.end() && W->second.shape.size() >= 4) {
      W->second = swap_taps(W->second, N_, taps);
    }
    in_.set(last);
  }
  Tensor get(std::string_view name) override {
    Tensor tensor = out_.get(name);
    if (!cnn_) return tensor;
    return name == "dW" ? swap_taps(std::move(tensor), taps, N_)
                        : images_first(std::move(tensor), N_);
  }
  [[nodiscard]] std::size_t workspace_bytes() const override {
    return (a_.size() + f_.size() + gathered_.size() + da_.size() + back_.size() +
            (h_.size() > 0 ? static_cast<std::size_t>((L_ - 1) * rows_ * N_) : 0)) *
           sizeof(float);
  }
  [[nodiscard]] std::string detail() const override { return cnn_ ? "channels last" : ""; }

  void run() override {
    run_forward();
    if (trains_) run_backward();
  }

  void run_forward() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    std::copy_n(h0_, rows_ * N_, h_.at(0));
    for (std::ptrdiff_t l = 0; l < L_; ++l) {
      if (preact_) {
        for_rows(workers,
                 [&](std::ptrdiff_t at) { act_.forward(h_.at(l) + at, f_.at(l) + at, N_); });
      }
      gemm(Op::plain, Op::transposed, rows_, N_, K_, map_input(workers, l), K_, W(l), K_, 0,
           a_.at(l), N_);
      for_rows(workers, [&](std::ptrdiff_t at) { forward_row(l, at); });
    }
  }

  void run_backward() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    for (std::ptrdiff_t s = L_; s >= 0; --s) {
      for_rows(workers, [&](std::ptrdiff_t at) { state_gradient_row(s, at); });
      double norm2 = 0;
      for (const double part : norm_parts_) norm2 += part;
      out_.wide("dh_norm2")[static_cast<std::size_t>(s)] = norm2;
      if (s == 0) break;
      const std::ptrdiff_t l = s - 1;
      weight_gradient(workers, l);
      gemm(Op::plain, Op::plain, rows_, K_, N_, da_.at(l), N_, W(l), K_, 0, back_.at(0), K_);
    }
  }

 private:
  /// A tensor per layer, or one that all layers share as scratch.
  class Layers {
   public:
    Layers(std::ptrdiff_t count, std::ptrdiff_t size)
        : stride_(count > 1 ? size : 0), data_(static_cast<std::size_t>(count * size)) {}
    float* at(std::ptrdiff_t layer) { return data_ + layer * stride_; }
    [[nodiscard]] std::size_t size() const { return data_.size(); }

   private:
    std::ptrdiff_t stride_;
    Floats data_;
  };

  /// The kernels of W, each [rows, cols], transposed: [N, N, 9] and [N, 9, N].
  [[nodiscard]] Tensor swap_taps(Tensor W, std::ptrdiff_t rows, std::ptrdiff_t cols) const {
    const std::vector<double> from = W.data;
    transpose_each(from.data(), p_.copies() * N_, rows, cols, W.data.data());
    return W;
  }
  [[nodiscard]] const float* W(std::ptrdiff_t l) const { return W_ + (p_.share ? 0 : l * N_ * K_); }
  [[nodiscard]] const float* b(std::ptrdiff_t l) const { return b_ + (p_.share ? 0 : l * N_); }

  /// Calls f(offset of the row in a state) for every row.
  template <class F>
  void for_rows(const Workers& workers, F&& f) const {
    parallel_for(workers.count(), rows_, [&](std::ptrdiff_t r) { f(r * N_); });
  }

  /// What W of layer l multiplies, [rows, K].
  const float* map_input(const Workers& workers, std::ptrdiff_t l) {
    if (!cnn_) return preact_ ? f_.at(l) : h_.at(l);
    parallel_for(workers.count(), rows_, [&](std::ptrdiff_t r) {
      const float* image = h_.at(l) + r / pixels * pixels * N_;
      for (std::ptrdiff_t k = 0; k < taps; ++k) {
        std::copy_n(image + neighbour(r % pixels, k) * N_, N_, gathered_.at(0) + r * K_ + k * N_);
      }
    });
    return gathered_.at(0);
  }

  /// dW and db of layer l. A shared W's is one product over all layers, at the last one that comes
  /// back; a convolution's inputs are gathered layer by layer, and added up.
  void weight_gradient(const Workers& workers, std::ptrdiff_t l) {
    const std::ptrdiff_t copy = p_.share ? 0 : l;
    const bool is_last = !p_.share || l == 0;
    const std::ptrdiff_t all_rows = p_.share ? L_ * rows_ : rows_;
    if (is_last) {
      column_sums(workers.count(), da_.at(l), all_rows, N_, N_, db_ + copy * N_);
    }
    if (!cnn_ && !is_last) return;
    const bool adds = cnn_ && p_.share && l + 1 < L_;
    gemm(Op::transposed, Op::plain, N_, K_, cnn_ ? rows_ : all_rows, da_.at(l), N_,
         map_input(workers, l), K_, adds ? 1 : 0, dW_ + copy * N_ * K_, K_);
  }

  /// One row of state l+1 from the product in a.
  void forward_row(std::ptrdiff_t l, std::ptrdiff_t at) {
    float* a = a_.at(l) + at;
    const float* h = h_.at(l) + at;
    float* next = h_.at(l + 1) + at;
    loops_.add(a, b(l), N_);
    if (preact_) return loops_.add_bias(h, a, next, N_);
    if (!residual_) return act_.forward(a, next, N_);
    float* f = f_.at(l) + at;
    act_.forward(a, f, N_);
    loops_.add_scaled(h, static_cast<float>(scale_), f, next, N_);
  }

  /// One row of dL/dh of state s, from the loss or from layer s; its norm, the record, the clip;
  /// and da of layer s-1.
  void state_gradient_row(std::ptrdiff_t s, std::ptrdiff_t at) {
    float* dh = dh_.at(0) + at;
    if (s == L_) {
      std::copy_n(dy_ + at, N_, dh);
    } else {
      through_layer_row(s, at, dh);
    }
    norm_parts_[static_cast<std::size_t>(at / N_)] = loops_.sum_of_squares(dh, N_);
    if (p_.record) std::copy_n(dh, N_, recorded_ + s * rows_ * N_ + at);
    if (s == 0) return;
    if (p_.clip_value > 0) loops_.clip(dh, static_cast<float>(p_.clip_value), N_);
    const std::ptrdiff_t l = s - 1;
    float* da = da_.at(l) + at;
    if (preact_) {
      std::copy_n(dh, N_, da);
      return;
    }
    const float* y = residual_ ? f_.at(l) : h_.at(s);
    act_.backward(a_.at(l) + at, y + at, dh, da, N_);
    if (scale_ != 1) loops_.scale(da, scale_, N_);
  }

  /// dL/dh before layer l from that behind it, which dh holds, and from the branch through W.
  void through_layer_row(std::ptrdiff_t l, std::ptrdiff_t at, float* dh) {
    if (!residual_) std::fill_n(dh, N_, 0.0F);
    if (cnn_) {
      const std::ptrdiff_t r = at / N_;
      const float* image = back_.at(0) + r / pixels * pixels * K_;
      for (std::ptrdiff_t k = 0; k < taps; ++k) {
        // Tap k of that neighbour falls on this pixel.
        loops_.add(dh, image + neighbour(r % pixels, taps - 1 - k) * K_ + k * N_, N_);
      }
      return;
    }
    float* branch = back_.at(0) + at;
    if (preact_) act_.backward(h_.at(l) + at, f_.at(l) + at, branch, branch, N_);
    loops_.add(dh, branch, N_);
  }

  FeedForwardProblem p_;
  Context context_;
  bool cnn_, residual_, preact_;
  double scale_;
  bool trains_;
  std::ptrdiff_t L_, N_, rows_, K_;
  Inputs in_;
  Outputs out_;
  // Looked up once, never in a timed step; nullptr where the problem has none.
  const float* h0_ = in_.at("h0");
  const float* W_ = in_.at("W");
  const float* b_ = in_.at("b");
  const float* dy_ = in_.at("dy");
  float* dW_ = out_.at("dW");
  float* db_ = out_.at("db");
  float* recorded_ = out_.at("dh");
  const Loops& loops_ = loops();
  Elementwise act_;
  Layers h_;                        // [L+1, rows, N]
  Layers a_;                        // [L or 1, rows, N]
  Layers f_;                        // [L or 1, rows, N], residual nets: f(a), preact: f(h)
  Layers gathered_;                 // [rows, K], cnn
  Layers dh_;                       // [rows, N], of the state at hand
  Layers da_;                       // [L with record, else 1; rows, N]
  Layers back_;                     // [rows, K], da W
  std::vector<double> norm_parts_;  // [rows]
};

}  // namespace

PlanPtr make_plan(const FeedForwardProblem& problem, const Context& context) {
  return std::make_unique<FeedForwardPlan>(problem, context);
}

}  // namespace gradepth::cpu
