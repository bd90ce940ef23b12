#include "host/growth/jacobians/jacobians.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "host/growth/jacobians/weight_operators.h"
#include "host/growth/states/gate_inputs.h"
#include "host/growth/study/spec.h"
#include "host/problem/exact_activation.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

namespace gradepth::growth {
namespace {

/// mlp, cnn, elman and residual nets.
class ChainJacobians final : public Jacobians {
 public:
  ChainJacobians(const GrowthSpec& spec, const Tensors& drawn, std::size_t sample)
      : Jacobians(static_cast<std::size_t>(spec.depth), jacobian_size(spec)),
        weights_(spec, drawn),
        residual_(is_residual(spec)),
        preact_(is_preact(spec)),
        scale_(branch_scale(spec)),
        homogeneous_(spec.activation->homogeneous),
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

  void backward(std::size_t map, std::span<double> V, std::vector<double>* between) const override {
    std::vector<double> t(V.size());
    if (preact_) {
      weights_.multiply_transposed(map - 1, V, t);
      if (between != nullptr) *between = t;
      times_slopes(map, 1, t);
    } else {
      std::vector<double> through(V.begin(), V.end());
      times_slopes(map, scale_, through);
      weights_.multiply_transposed(map - 1, through, t);
      if (between != nullptr) *between = std::move(through);
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

  WeightOperators weights_;
  bool residual_;
  bool preact_;
  double scale_;  // A
  bool homogeneous_;
  std::vector<double> slopes_;  // [L, n]
  int exponent_ = 0;
};

/// A cell of gates: what a step's products with W, its h and its c do to the next h and c is what
/// comes back through the cell from a gradient of 1 at each.
template <class Cell>
class GatedJacobians final : public Jacobians {
 public:
  GatedJacobians(const GrowthSpec& spec, const Tensors& drawn, std::size_t sample)
      : Jacobians(static_cast<std::size_t>(spec.depth), jacobian_size(spec)),
        weights_(spec, drawn),
        H_(static_cast<std::size_t>(spec.width)),
        units_(maps() * H_) {
    const auto row = [&](const char* name) {
      const double* const at = drawn.find(name)->second.data.data() + sample * H_;
      return std::vector<double>(at, at + H_);
    };
    std::vector<double> h = row("h0");
    std::vector<double> c = has_c ? row("c0") : std::vector<double>(H_);
    std::vector<double> product(G * H_);
    for (std::size_t l = 0; l < maps(); ++l) {
      weights_.multiply(l, h, product);
      const std::vector<double> x = gate_inputs(spec, drawn, l, sample);
      const std::span<const double> b = weights_.bias(l);
      for (std::size_t j = 0; j < H_; ++j) {
        double Wh_j[G];
        double x_j[G];
        double b_j[K];
        for (std::size_t g = 0; g < G; ++g) Wh_j[g] = product[g * H_ + j];
        for (std::size_t g = 0; g < G; ++g) x_j[g] = x[g * H_ + j];
        for (std::size_t k = 0; k < K; ++k) b_j[k] = b[k * H_ + j];
        double a[K];
        preactivations(Wh_j, x_j, b_j, a);
        double v[K];
        Cell::gate_values(a, v);
        const auto next = Cell::forward(v, h[j], c[j]);
        const auto slopes = Cell::slopes(a, v, next.c);
        units_[l * H_ + j] = {Cell::backward(1.0, 0.0, v, h[j], c[j], slopes),
                              Cell::backward(0.0, 1.0, v, h[j], c[j], slopes)};
        h[j] = next.h;
        c[j] = next.c;
      }
      if (!all_finite(h) || !all_finite(c)) set_finite(false);
    }
  }

  void forward(std::size_t map, std::span<double> V) const override {
    const std::vector<double> dh = states(V);
    std::vector<double> a(G * dh.size());
    weights_.multiply(map - 1, dh, a);
    for_each_unit(
        map, V, a, [](const Unit& u, double& h, [[maybe_unused]] double* c, const auto& gate) {
          double h_next = u.h.dh * h;
          [[maybe_unused]] double c_next = 0;  // NOLINT(misc-const-correctness): cells without c
          if constexpr (has_c) {
            h_next += u.h.dc * *c;
            c_next = u.c.dh * h + u.c.dc * *c;
          }
          for (std::size_t g = 0; g < G; ++g) {
            h_next += product(u.h, g) * gate(g);
            if constexpr (has_c) c_next += product(u.c, g) * gate(g);
          }
          h = h_next;
          if constexpr (has_c) *c = c_next;
        });
  }

  void backward(std::size_t map, std::span<double> V, std::vector<double>* between) const override {
    std::vector<double> a(G * (has_c ? V.size() / 2 : V.size()));
    if (between != nullptr) {
      between->resize(a.size());
      to_gates(map, V, *between, [](const Gradient& back, std::size_t g) { return back.da[g]; });
    }
    to_gates(map, V, a, product);
    for_each_unit(map, V, a,
                  [](const Unit& u, double& h, [[maybe_unused]] double* c, const auto& /*gate*/) {
                    const double dh = h;
                    h = u.h.dh * dh;
                    if constexpr (has_c) {
                      h += u.c.dh * *c;
                      *c = u.h.dc * dh + u.c.dc * *c;
                    }
                  });
    std::vector<double> dh(a.size() / G);
    weights_.multiply_transposed(map - 1, a, dh);
    for (std::size_t i = 0; i < dh.size(); ++i) V[at(i)] += dh[i];
  }

 private:
  static constexpr std::size_t G = Cell::info.gates;
  static constexpr std::size_t K = Cell::info.biases;
  static constexpr bool has_c = Cell::info.has_c;
  using Gradient = CellGradient<double, Cell::info.gates>;
  struct Unit {
    Gradient h, c;  // of the next h and c
  };

  /// To gate g's product with W.
  static double product(const Gradient& back, std::size_t g) {
    return g == G - 1 ? back.dr : back.da[g];
  }

  /// Where element i of the states alone, [K, H], lies in V, [K, H] or [K, 2, H].
  [[nodiscard]] std::size_t at(std::size_t i) const { return has_c ? i + i / H_ * H_ : i; }
  [[nodiscard]] std::vector<double> states(std::span<const double> V) const {
    std::vector<double> h(has_c ? V.size() / 2 : V.size());
    for (std::size_t i = 0; i < h.size(); ++i) h[i] = V[at(i)];
    return h;
  }
  /// a <- what V, the gradient of the next states, is at the gates; `of(gradient, g)` is the part
  /// of one unit's that goes there.
  template <class Of>
  void to_gates(std::size_t map, std::span<double> V, std::vector<double>& a, Of of) const {
    for_each_unit(map, V, a,
                  [&](const Unit& u, double& h, [[maybe_unused]] double* c, const auto& gate) {
                    for (std::size_t g = 0; g < G; ++g) {
                      gate(g) = of(u.h, g) * h;
                      if constexpr (has_c) gate(g) += of(u.c, g) * *c;
                    }
                  });
  }
  /// f(unit, h, c or nullptr, gate): gate(g) is its number in a, [K, G, H].
  template <class F>
  void for_each_unit(std::size_t map, std::span<double> V, std::vector<double>& a, F&& f) const {
    for (std::size_t i = 0; i < a.size() / G; ++i) {
      const std::size_t j = i % H_;
      double* const h = &V[at(i)];
      f(units_[(map - 1) * H_ + j], *h, has_c ? h + H_ : nullptr,
        [&, first = (i - j) * G + j](std::size_t g) -> double& { return a[first + g * H_]; });
    }
  }

  WeightOperators weights_;
  std::size_t H_;
  std::vector<Unit> units_;  // [L, H]
};

/// Whether an additive net's steps add up every state there is, so that one sum remembers them all.
/// (Two terms are a pair either way.)
bool remembers_all(const GrowthSpec& spec) {
  return spec.form.adds_all() || (spec.form.terms > 2 && spec.form.terms >= spec.depth);
}

/// f' = w Σ of the states that it remembers: linear, no states are needed. These are the newest, as
/// parts of one state, and move on by one part per step; or f and the sum m of all before it.
class AdditiveJacobians final : public Jacobians {
 public:
  AdditiveJacobians(const GrowthSpec& spec, const Tensors& drawn)
      : Jacobians(static_cast<std::size_t>(spec.depth), jacobian_size(spec)),
        w_(drawn.find("Wh")->second.data.at(0)),
        keep_(remembers_all(spec) ? 1.0 : 0.0),
        parts_(state_parts(spec)) {}

  void forward(std::size_t /*map*/, std::span<double> V) const override {
    for_each_unit(V, [&](const auto& part) {
      const double oldest = part(parts_ - 1);
      double sum = 0;
      for (std::size_t k = parts_; k-- > 1; part(k) = part(k - 1)) sum += part(k);
      sum += part(0);
      part(parts_ - 1) += keep_ * oldest;
      part(0) = w_ * sum;
    });
  }

  void backward(std::size_t /*map*/, std::span<double> V,
                std::vector<double>* between) const override {
    if (between != nullptr) {
      between->assign(V.begin(), V.begin() + static_cast<std::ptrdiff_t>(V.size() / parts_));
    }
    for_each_unit(V, [&](const auto& part) {
      const double through = w_ * part(0);
      const double oldest = parts_ > 1 ? keep_ * part(parts_ - 1) : 0.0;
      for (std::size_t k = 0; k + 1 < parts_; ++k) part(k) = through + part(k + 1);
      part(parts_ - 1) = through + oldest;
    });
  }

 private:
  /// f(part): part(k) is the unit's number in part k.
  template <class F>
  void for_each_unit(std::span<double> V, F&& f) const {
    const std::size_t H = state_size() / parts_;
    for (std::size_t begin = 0; begin < V.size(); begin += parts_ * H) {
      for (std::size_t j = 0; j < H; ++j) {
        f([&](std::size_t k) -> double& { return V[begin + k * H + j]; });
      }
    }
  }

  double w_;
  double keep_;  // of the last part
  std::size_t parts_;
};

}  // namespace

std::size_t state_parts(const GrowthSpec& spec) {
  if (has_c(spec) || (is_additive(spec) && remembers_all(spec))) return 2;
  return is_additive(spec) ? static_cast<std::size_t>(spec.form.terms) : 1;
}

std::size_t jacobian_size(const GrowthSpec& spec) {
  const auto width = static_cast<std::size_t>(spec.width);
  if (is_cnn(spec)) return width * static_cast<std::size_t>(image::pixels);
  return state_parts(spec) * width;
}

std::unique_ptr<Jacobians> make_jacobians(const GrowthSpec& spec, const Tensors& drawn,
                                          std::size_t sample) {
  if (is_additive(spec)) return std::make_unique<AdditiveJacobians>(spec, drawn);
  std::unique_ptr<Jacobians> made;
  if (is_recurrent(spec)) {
    with_cell(*spec.net.cell(), Tanh{}, [&]<class Cell>(const Cell&) {
      if constexpr (!Cell::info.takes_activation) {
        made = std::make_unique<GatedJacobians<Cell>>(spec, drawn, sample);
      }
    });
  }
  if (made == nullptr) made = std::make_unique<ChainJacobians>(spec, drawn, sample);
  return made;
}

}  // namespace gradepth::growth
