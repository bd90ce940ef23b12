#include <algorithm>

#include "host/providers/reference/activation.h"
#include "host/providers/reference/math.h"
#include "host/providers/reference/reference.h"

/// Feed-forward nets, layer by layer.
namespace gradepth::reference {
namespace {

using image::pixels;

/// Calls f(tap, to, from) for every tap of the 3 × 3 kernel and every pixel: output pixel `to`
/// reads input pixel `from`, the image being a torus.
template <class F>
void for_each_tap(F&& f) {
  for (std::int64_t tap = 0; tap < image::taps; ++tap) {
    for (std::int64_t to = 0; to < pixels; ++to) f(tap, to, image::neighbour(to, tap));
  }
}

class FeedForwardPlan final : public ReferencePlan<FeedForwardProblem> {
 public:
  FeedForwardPlan(const FeedForwardProblem& problem, Rounding rounding)
      : ReferencePlan(problem, rounding),
        cnn_(problem.is_cnn()),
        preact_(problem.is_preact()),
        state_(length(problem.B * problem.state_size())),
        weight_(length(problem.N * problem.N * (cnn_ ? image::taps : 1))),
        h_(state_ * length(problem.L + 1)),
        a_(state_ * length(problem.L)),
        f_(a_.size()),
        dh_(h_.size()),
        da_(a_.size()) {}

  void run() override {
    run_forward();
    if (p_.pass == Pass::training) run_backward();
  }

  void run_forward() override {
    std::copy_n(in("h0"), state_, h_.begin());
    with_arithmetic(rounding_, [&](auto number) {
      const ActivationIn<decltype(number)> act(p_.act);
      for (std::int64_t l = 0; l < p_.L; ++l) forward(act, l);
    });
    std::copy_n(&h_[length(p_.L) * state_], state_, out("y"));
    if (p_.record) std::copy(h_.begin(), h_.end(), out("h"));
  }

  [[nodiscard]] Tensor get(std::string_view name) override {
    return name == "a" ? Tensor({p_.L, p_.B, p_.state_size()}, a_) : ReferencePlan::get(name);
  }

  [[nodiscard]] bool has_parts() const override { return p_.pass == Pass::training; }

  void run_backward_data() override {
    std::copy_n(in("dy"), state_, &dh_[length(p_.L) * state_]);
    with_arithmetic(rounding_, [&](auto number) {
      const ActivationIn<decltype(number)> act(p_.act);
      for (std::int64_t l = p_.L - 1; l >= 0; --l) backward(act, l);
    });
    measure(0);
    std::copy_n(dh_.begin(), state_, out("dh0"));
    if (!p_.record) return;
    std::copy(da_.begin(), da_.end(), out("da"));
    for (std::int64_t l = 0; l < p_.L; ++l) {
      out("da_norm2")[l] = sum_of_squares(&da_[length(l) * state_], state_);
    }
  }

  void run_backward_weights() override {
    const std::int64_t layers = p_.L / p_.copies();  // that have a W together
    for (std::int64_t copy = 0; copy < p_.copies(); ++copy) {
      const double* da = &da_[length(copy) * state_];
      double* dW = out("dW") + length(copy) * weight_;
      weight_gradient(layers * p_.B, da, &(preact_ ? f_ : h_)[length(copy) * state_], dW);
      round_all(rounding_, dW, weight_);
      double* db = out("db") + copy * p_.N;
      std::fill_n(db, p_.N, 0.0);
      for (std::size_t i = 0; i < length(layers) * state_; ++i)
        db[feature(i)] = add(rounding_, db[feature(i)], da[i]);
      round_all(rounding_, db, length(p_.N));
    }
  }

 private:
  [[nodiscard]] const double* W(std::int64_t l) const {
    return in("W") + (p_.share ? 0 : length(l) * weight_);
  }
  [[nodiscard]] const double* b(std::int64_t l) const {
    return in("b") + (p_.share ? 0 : l * p_.N);
  }
  /// Which feature of the bias element i of a state belongs to.
  [[nodiscard]] std::size_t feature(std::size_t i) const {
    return (cnn_ ? i / length(pixels) : i) % length(p_.N);
  }

  /// mlp, cnn: h' = f(a); residual: h' = h + A f(a), with a = W h + b; preact: h' = h + W f(h) + b,
  /// where a is kept as h, the argument of f.
  template <class T>
  void forward(const ActivationIn<T>& act, std::int64_t l) {
    const double* h = &h_[length(l) * state_];
    double* next = &h_[length(l + 1) * state_];
    double* a = &a_[length(l) * state_];
    double* f = &f_[length(l) * state_];
    const double* b = this->b(l);
    if (preact_) {
      for (std::size_t i = 0; i < state_; ++i) f[i] = static_cast<double>(act.value(T(h[i])));
    }
    Vector Wh(state_);
    map(preact_ ? f : h, W(l), Wh.data());
    for (std::size_t i = 0; i < state_; ++i) {
      const T v = T(Wh[i]) + T(b[feature(i)]);
      if (preact_) {
        a[i] = h[i];
        next[i] = static_cast<double>(T(h[i]) + v);
        continue;
      }
      a[i] = static_cast<double>(v);
      const T y = act.value(v);
      f[i] = static_cast<double>(y);
      next[i] = p_.is_residual() ? static_cast<double>(T(h[i]) + T(p_.branch_scale()) * y) : f[i];
    }
  }

  template <class T>
  void backward(const ActivationIn<T>& act, std::int64_t l) {
    measure(l + 1);
    double* dh_next = &dh_[length(l + 1) * state_];
    for (std::size_t i = 0; i < state_; ++i) dh_next[i] = clip(dh_next[i], p_.clip_value);
    double* dh = &dh_[length(l) * state_];
    double* da = &da_[length(l) * state_];
    const double* a = &a_[length(l) * state_];
    const double* f = &f_[length(l) * state_];
    const SlopeFrom from = slopes_of_net<T>(p_.slope);
    const auto through_f = [&](double d, std::size_t i) {
      return static_cast<double>(T(d) * act.given_slope(from, T(a[i]), T(f[i])));
    };
    for (std::size_t i = 0; i < state_; ++i) {
      da[i] = preact_ ? dh_next[i]
                      : through_f(static_cast<double>(T(p_.branch_scale()) * T(dh_next[i])), i);
    }
    Vector back(state_);
    transposed_map(da, W(l), back.data());
    round_all(rounding_, back.data(), state_);
    for (std::size_t i = 0; i < state_; ++i) {
      const double branch = preact_ ? through_f(back[i], i) : back[i];
      dh[i] = p_.is_residual() ? static_cast<double>(T(dh_next[i]) + T(branch)) : branch;
    }
  }

  void measure(std::int64_t s) {
    const double* dh = &dh_[length(s) * state_];
    out("dh_norm2")[s] = sum_of_squares(dh, state_);
    if (p_.record) std::copy_n(dh, state_, out("dh") + length(s) * state_);
  }

  /// Calls f(out, in, w) for every sample, output channel and input channel: the first element of
  /// the two images and of the kernel between them.
  template <class F>
  void for_each_channel_pair(std::int64_t samples, F&& f) const {
    for (std::int64_t n = 0; n < samples; ++n) {
      for (std::int64_t o = 0; o < p_.N; ++o) {
        for (std::int64_t i = 0; i < p_.N; ++i) {
          f((n * p_.N + o) * pixels, (n * p_.N + i) * pixels, (o * p_.N + i) * image::taps);
        }
      }
    }
  }

  /// out = W h per sample.
  void map(const double* h, const double* W, double* out) const {
    if (!cnn_) {
      product_nt({h, p_.B, p_.N}, {W, p_.N, p_.N}, out, rounding_);
      return;
    }
    std::fill_n(out, state_, 0.0);
    for_each_channel_pair(p_.B, [&](std::int64_t o, std::int64_t i, std::int64_t w) {
      for_each_tap([&](std::int64_t k, std::int64_t to, std::int64_t from) {
        out[o + to] = add(rounding_, out[o + to], W[w + k] * h[i + from]);
      });
    });
  }

  /// out = Wᵀ da per sample.
  void transposed_map(const double* da, const double* W, double* out) const {
    if (!cnn_) {
      product({da, p_.B, p_.N}, {W, p_.N, p_.N}, out, rounding_);
      return;
    }
    std::fill_n(out, state_, 0.0);
    for_each_channel_pair(p_.B, [&](std::int64_t o, std::int64_t i, std::int64_t w) {
      for_each_tap([&](std::int64_t k, std::int64_t to, std::int64_t from) {
        out[i + from] = add(rounding_, out[i + from], W[w + k] * da[o + to]);
      });
    });
  }

  /// dW = Σ over samples of da hᵀ, of one layer or of all that share W.
  void weight_gradient(std::int64_t samples, const double* da, const double* h, double* dW) const {
    if (!cnn_) {
      product_tn({da, samples, p_.N}, {h, samples, p_.N}, dW, rounding_);
      return;
    }
    std::fill_n(dW, weight_, 0.0);
    for_each_channel_pair(samples, [&](std::int64_t o, std::int64_t i, std::int64_t w) {
      for_each_tap([&](std::int64_t k, std::int64_t to, std::int64_t from) {
        dW[w + k] = add(rounding_, dW[w + k], da[o + to] * h[i + from]);
      });
    });
  }

  bool cnn_;
  bool preact_;
  std::size_t state_;   // elements of one state, over the batch
  std::size_t weight_;  // elements of one layer's W
  Vector h_;            // [L+1, state]
  Vector a_;            // [L, state], the argument of f
  Vector f_;            // [L, state], its value
  Vector dh_;           // [L+1, state], after clipping
  Vector da_;           // [L, state], the gradient at W · + b
};

}  // namespace

PlanPtr make_plan(const FeedForwardProblem& problem, Rounding rounding) {
  return std::make_unique<FeedForwardPlan>(problem, rounding);
}

}  // namespace gradepth::reference
