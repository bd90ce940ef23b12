#include "host/growth/jacobians/jacobian.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>
#include <vector>

#include "host/growth/jacobians/weight_operators.h"
#include "host/growth/states/gate_inputs.h"
#include "host/growth/study/spec.h"
#include "host/problem/exact_activation.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/gru.h"
#include "kernels/cell/lstm.h"

namespace gradepth::growth {
namespace {

/// mlp, cnn, elman and residual nets.
class ChainJacobians final : public Jacobians {
 public:
  ChainJacobians(const GrowthSpec& spec, const Tensors& drawn, std::size_t sample)
      : Jacobians(static_cast<std::size_t>(spec.depth), jacobian_size(spec)),
        weights_(spec, drawn),
        residual_(spec.net == "residual"),
        preact_(residual_ && spec.residual == "preact"),
        scale_(residual_ && spec.residual == "scaled" ? spec.residual_scale : 1.0),
        homogeneous_(is_homogeneous(spec.activation)),
        slopes_(maps() * state_size()) {
    std::vector<double> h(state_size());
    std::copy_n(drawn.find("h0")->second.data.begin() + offset(sample), h.size(), h.begin());
    const bool is_driven = drawn.contains("x");
    with_activation(spec.activation, [&](auto act) {
      for (std::size_t l = 0; l < maps(); ++l) {
        std::vector<double> in;
        if (is_driven) in = gate_inputs(spec, drawn, l, sample);
        step<decltype(act)>(l, is_driven ? in.data() : nullptr, h);
      }
    });
  }

  void forward(std::size_t map, std::span<double> V) const override {
    std::vector<double> t(V.size());
    if (preact_) {
      std::vector<double> through(V.begin(), V.end());
      times_slopes(map, 1, through);
      weights_.multiply(map - 1, through, t);
    } else {
      weights_.multiply(map - 1, V, t);
      times_slopes(map, scale_, t);
    }
    assign(t, V);
  }

  void backward(std::size_t map, std::span<double> V) const override {
    std::vector<double> t(V.size());
    if (preact_) {
      weights_.multiply_transposed(map - 1, V, t);
      times_slopes(map, 1, t);
    } else {
      std::vector<double> through(V.begin(), V.end());
      times_slopes(map, scale_, through);
      weights_.multiply_transposed(map - 1, through, t);
    }
    assign(t, V);
  }

 private:
  [[nodiscard]] std::ptrdiff_t offset(std::size_t sample) const {
    return static_cast<std::ptrdiff_t>(sample * state_size());
  }

  /// V <- t, or V + t on a residual path.
  void assign(std::span<const double> t, std::span<double> V) const {
    for (std::size_t i = 0; i < V.size(); ++i) V[i] = residual_ ? V[i] + t[i] : t[i];
  }

  void times_slopes(std::size_t map, double scale, std::span<double> V) const {
    const std::size_t n = state_size();
    const double* slope = &slopes_[(map - 1) * n];
    for (std::size_t begin = 0; begin < V.size(); begin += n) {
      for (std::size_t i = 0; i < n; ++i) V[begin + i] *= scale * slope[i];
    }
  }

  /// The next state, kept as h · 2^exponent_, and the slopes on the way to it.
  template <class Act>
  void step(std::size_t l, const double* input, std::vector<double>& h) {
    double* slope = &slopes_[l * state_size()];
    std::vector<double> a(h.size());
    if (preact_) {
      std::vector<double> f(h.size());
      for (std::size_t i = 0; i < h.size(); ++i) {
        f[i] = exact_value<Act>(h[i]);
        slope[i] = exact_slope<Act>(h[i]);
      }
      weights_.multiply(l, f, a);
    } else {
      weights_.multiply(l, h, a);
    }
    const std::span<const double> b = weights_.bias(l);
    const std::size_t per_bias = h.size() / b.size();  // a channel's pixels share theirs
    for (std::size_t i = 0; i < h.size(); ++i) {
      double added = b[i / per_bias] + (input == nullptr ? 0.0 : input[i]);
      if (exponent_ != 0) added = std::ldexp(added, -exponent_);
      a[i] += added;
      if (preact_) {
        h[i] += a[i];
        continue;
      }
      const double y = exact_value<Act>(a[i]);
      slope[i] = exact_slope<Act>(a[i]);
      h[i] = residual_ ? h[i] + scale_ * y : y;
    }
    // A slope that is 0 far out belongs to a flat part of f; elsewhere it is too small.
    if (!has_flat_part<Act>() && std::count(slope, slope + h.size(), 0.0) > 0) {
      set_has_lost_slopes();
    }
    if (homogeneous_) rescale(h);
    if (!all_finite(h)) set_finite(false);
  }

  /// Far from 1 only, and by a power of two: no bit of a state in range changes.
  void rescale(std::vector<double>& h) {
    double largest = 0;
    for (const double v : h) largest = std::max(largest, std::abs(v));
    if (largest == 0 || !std::isfinite(largest)) return;
    const int exponent = std::ilogb(largest);
    if (std::abs(exponent) < 500) return;
    for (double& v : h) v = std::ldexp(v, -exponent);
    exponent_ += exponent;
  }

  LinearMaps weights_;
  bool residual_;
  bool preact_;
  double scale_;  // A
  bool homogeneous_;
  std::vector<double> slopes_;  // [L, n]
  int exponent_ = 0;
};

/// State (h, c): dc' = f dc + p · W dh, dh' = q_c dc' + q_o W_o dh.
class LstmJacobians final : public Jacobians {
 public:
  LstmJacobians(const GrowthSpec& spec, const Tensors& drawn, std::size_t sample)
      : Jacobians(static_cast<std::size_t>(spec.depth), jacobian_size(spec)),
        weights_(spec, drawn),
        H_(static_cast<std::size_t>(spec.width)),
        units_(maps() * H_) {
    const auto row = [&](const char* name, std::size_t step) {
      return drawn.find(name)->second.data.data() +
             (step * static_cast<std::size_t>(spec.batch) + sample) * H_;
    };
    std::vector<double> h(row("h0", 0), row("h0", 0) + H_);
    std::vector<double> c(row("c0", 0), row("c0", 0) + H_);
    std::vector<double> a(4 * H_);
    for (std::size_t l = 0; l < maps(); ++l) {
      weights_.multiply(l, h, a);
      const std::vector<double> x = gate_inputs(spec, drawn, l, sample);
      const std::span<const double> b = weights_.bias(l);
      for (std::size_t j = 0; j < H_; ++j) {
        const auto gate = [&](std::size_t g) {
          return a[g * H_ + j] + x[g * H_ + j] + b[g * H_ + j];
        };
        const auto v = LstmCell::gate_values(gate(0), gate(1), gate(2), gate(3));
        const auto next = LstmCell::forward(v, c[j]);
        const auto s = LstmCell::slopes(gate(0), gate(1), gate(2), gate(3), next.c);
        units_[l * H_ + j] = {v.g * s.i, c[j] * s.f, v.i * s.g,
                              v.f,       v.o * s.c,  Tanh::value(next.c) * s.o};
        h[j] = next.h;
        c[j] = next.c;
      }
      if (!all_finite(h) || !all_finite(c)) set_finite(false);
    }
  }

  void forward(std::size_t map, std::span<double> V) const override {
    const std::size_t K = V.size() / state_size();
    std::vector<double> dh(K * H_);
    std::vector<double> a(K * 4 * H_);
    for (std::size_t k = 0; k < K; ++k) std::copy_n(&V[k * 2 * H_], H_, &dh[k * H_]);
    weights_.multiply(map - 1, dh, a);
    for (std::size_t k = 0; k < K; ++k) {
      for (std::size_t j = 0; j < H_; ++j) {
        const Unit& u = units_[(map - 1) * H_ + j];
        const double* g = &a[k * 4 * H_ + j];
        double* v = &V[k * 2 * H_ + j];
        v[H_] = u.forget * v[H_] + u.i * g[0] + u.f * g[H_] + u.g * g[2 * H_];
        v[0] = u.c * v[H_] + u.o * g[3 * H_];
      }
    }
  }

  void backward(std::size_t map, std::span<double> V) const override {
    const std::size_t K = V.size() / state_size();
    std::vector<double> dh(K * H_);
    std::vector<double> a(K * 4 * H_);
    for (std::size_t k = 0; k < K; ++k) {
      for (std::size_t j = 0; j < H_; ++j) {
        const Unit& u = units_[(map - 1) * H_ + j];
        double* g = &a[k * 4 * H_ + j];
        double* v = &V[k * 2 * H_ + j];
        const double dc = v[H_] + u.c * v[0];
        g[0] = u.i * dc;
        g[H_] = u.f * dc;
        g[2 * H_] = u.g * dc;
        g[3 * H_] = u.o * v[0];
        v[H_] = u.forget * dc;
      }
    }
    weights_.multiply_transposed(map - 1, a, dh);
    for (std::size_t k = 0; k < K; ++k) std::copy_n(&dh[k * H_], H_, &V[k * 2 * H_]);
  }

 private:
  struct Unit {
    double i, f, g;  // dc' / da of the gates
    double forget;   // dc' / dc
    double c, o;     // dh' / dc', dh' / da_o
  };

  LinearMaps weights_;
  std::size_t H_;
  std::vector<Unit> units_;  // [L, H]
};

/// dh' = z dh + p · W dh over the gates r, z, n.
class GruJacobians final : public Jacobians {
 public:
  GruJacobians(const GrowthSpec& spec, const Tensors& drawn, std::size_t sample)
      : Jacobians(static_cast<std::size_t>(spec.depth), jacobian_size(spec)),
        weights_(spec, drawn),
        units_(maps() * state_size()) {
    const std::size_t H = state_size();
    const auto row = [&](const char* name, std::size_t step) {
      return drawn.find(name)->second.data.data() +
             (step * static_cast<std::size_t>(spec.batch) + sample) * H;
    };
    std::vector<double> h(row("h0", 0), row("h0", 0) + H);
    std::vector<double> a(3 * H);
    for (std::size_t l = 0; l < maps(); ++l) {
      weights_.multiply(l, h, a);
      const std::vector<double> x = gate_inputs(spec, drawn, l, sample);
      const std::span<const double> b = weights_.bias(l);
      for (std::size_t j = 0; j < H; ++j) {
        const double a_r = a[j] + x[j] + b[j];
        const double a_z = a[H + j] + x[H + j] + b[H + j];
        const double x_n = x[2 * H + j] + b[2 * H + j];
        const auto v = GruCell::gate_values(a_r, a_z, x_n, a[2 * H + j] + b[3 * H + j]);
        const auto s = GruCell::slopes(a_r, a_z, x_n + v.r * v.m);
        const double through_n = s.update * s.n;
        units_[l * H + j] = {through_n * v.m * s.r, (h[j] - v.n) * s.z, through_n * v.r, v.z};
        h[j] = GruCell::forward(v, h[j]);
      }
      if (!all_finite(h)) set_finite(false);
    }
  }

  void forward(std::size_t map, std::span<double> V) const override {
    const std::size_t H = state_size();
    const std::size_t K = V.size() / H;
    std::vector<double> a(3 * V.size());
    weights_.multiply(map - 1, V, a);
    for (std::size_t k = 0; k < K; ++k) {
      for (std::size_t j = 0; j < H; ++j) {
        const Unit& u = units_[(map - 1) * H + j];
        const double* g = &a[k * 3 * H + j];
        V[k * H + j] = u.keep * V[k * H + j] + u.r * g[0] + u.z * g[H] + u.n * g[2 * H];
      }
    }
  }

  void backward(std::size_t map, std::span<double> V) const override {
    const std::size_t H = state_size();
    const std::size_t K = V.size() / H;
    std::vector<double> a(3 * V.size());
    std::vector<double> through(V.size());
    for (std::size_t k = 0; k < K; ++k) {
      for (std::size_t j = 0; j < H; ++j) {
        const Unit& u = units_[(map - 1) * H + j];
        const double v = V[k * H + j];
        double* g = &a[k * 3 * H + j];
        g[0] = u.r * v;
        g[H] = u.z * v;
        g[2 * H] = u.n * v;
      }
    }
    weights_.multiply_transposed(map - 1, a, through);
    for (std::size_t k = 0; k < K; ++k) {
      for (std::size_t j = 0; j < H; ++j) {
        V[k * H + j] = units_[(map - 1) * H + j].keep * V[k * H + j] + through[k * H + j];
      }
    }
  }

 private:
  struct Unit {
    double r, z, n;  // dh' / d (W_r h), d (W_z h), d (W_n h)
    double keep;     // dh' / dh past the products
  };

  LinearMaps weights_;
  std::vector<Unit> units_;  // [L, H]
};

/// f' = w (f + m), m' = f (two-term) or f + m (sum): linear, no states are needed.
class AdditiveJacobians final : public Jacobians {
 public:
  AdditiveJacobians(const GrowthSpec& spec, const Tensors& drawn)
      : Jacobians(static_cast<std::size_t>(spec.depth), jacobian_size(spec)),
        w_(drawn.find("Wh")->second.data.at(0)),
        keep_(spec.form == "sum" ? 1.0 : 0.0) {}

  void forward(std::size_t /*map*/, std::span<double> V) const override {
    for_each_unit(V, [&](double& f, double& m) {
      const double sum = f + m;
      m = f + keep_ * m;
      f = w_ * sum;
    });
  }

  void backward(std::size_t /*map*/, std::span<double> V) const override {
    for_each_unit(V, [&](double& f, double& m) {
      const double through = w_ * f;
      f = through + m;
      m = through + keep_ * m;
    });
  }

 private:
  template <class F>
  void for_each_unit(std::span<double> V, F&& f) const {
    const std::size_t H = state_size() / 2;
    for (std::size_t begin = 0; begin < V.size(); begin += 2 * H) {
      for (std::size_t j = 0; j < H; ++j) f(V[begin + j], V[begin + H + j]);
    }
  }

  double w_;
  double keep_;
};

}  // namespace

std::size_t jacobian_size(const GrowthSpec& spec) {
  const auto width = static_cast<std::size_t>(spec.width);
  if (spec.net == "cnn") return width * static_cast<std::size_t>(image::pixels);
  return spec.net == "lstm" || spec.net == "additive" ? 2 * width : width;
}

std::unique_ptr<Jacobians> make_jacobians(const GrowthSpec& spec, const Tensors& drawn,
                                          std::size_t sample) {
  if (spec.net == "additive") return std::make_unique<AdditiveJacobians>(spec, drawn);
  if (spec.net == "lstm") return std::make_unique<LstmJacobians>(spec, drawn, sample);
  if (spec.net == "gru") return std::make_unique<GruJacobians>(spec, drawn, sample);
  if (is_recurrent(spec) && spec.net != "elman") {
    throw std::invalid_argument("no Jacobian of the cell " + spec.net);
  }
  return std::make_unique<ChainJacobians>(spec, drawn, sample);
}

}  // namespace gradepth::growth
