#pragma once

#include <array>
#include <cmath>
#include <string_view>

#include "kernels/host_device.h"

/// All activations: value f(x) and slope f'(x), for host and device and any floating type.
///
/// An activation is one struct:
///   name                   what the command line and the results call it
///   kinks                  where f or a derivative of it jumps: quadrature splits its interval
///                          there
///   homogeneous, odd       f(s x) = s f(x) for s > 0;  f(-x) = -f(x)
///   on_chip                kernels that take a recurrent layer through all steps in one launch
///                          have it; others go step by step. Each makes those kernels larger.
///   value(x)               f(x)
///   slope(x)               f'(x), with all its digits as far as the format reaches; at a kink, the
///                          derivative PyTorch uses
///   slope_from_output(y)   where y = f(x) says the slope, so that x need not be kept: what
///                          frameworks do. Where f is flat, y has lost the digits of f' (tanh in
///                          float32: 0 from |x| = 9 on). Not every activation has it.
/// To add one: write its struct and put it into `Activations` at the end of the file. Kernels,
/// tests, benchmarks and theory go through that list.
///
/// NaN goes in and comes out: comparisons are written so that a NaN takes the branch that keeps it.
namespace gradepth {

struct ActivationTraits {
  static constexpr bool homogeneous = false;
  static constexpr bool odd = false;
  static constexpr bool on_chip = false;
};

struct Identity : ActivationTraits {
  static constexpr std::string_view name = "identity";
  static constexpr bool homogeneous = true;
  static constexpr bool odd = true;
  static constexpr bool on_chip = true;
  static constexpr std::array<double, 0> kinks{};
  template <class T>
  HD static T value(T x) {
    return x;
  }
  template <class T>
  HD static T slope(T /*x*/) {
    return T(1);
  }
  template <class T>
  HD static T slope_from_output(T /*y*/) {
    return T(1);
  }
};

struct Sigmoid : ActivationTraits {
  static constexpr std::string_view name = "sigmoid";
  static constexpr bool on_chip = true;
  static constexpr std::array<double, 0> kinks{};
  template <class T>
  HD static T value(T x) {
    using std::exp;
    return T(1) / (T(1) + exp(-x));
  }
  template <class T>
  HD static T slope(T x) {
    using std::abs;
    using std::exp;
    const T e = exp(-abs(x));
    return e / ((T(1) + e) * (T(1) + e));
  }
  template <class T>
  HD static T slope_from_output(T y) {
    return y * (T(1) - y);
  }
};

struct Tanh : ActivationTraits {
  static constexpr std::string_view name = "tanh";
  static constexpr bool odd = true;
  static constexpr bool on_chip = true;
  static constexpr std::array<double, 0> kinks{};
  template <class T>
  HD static T value(T x) {
    using std::tanh;
    return tanh(x);
  }
  template <class T>
  HD static T slope(T x) {
    using std::abs;
    using std::exp;
    const T e = exp(T(-2) * abs(x));
    return T(4) * e / ((T(1) + e) * (T(1) + e));  // 1 / cosh² x
  }
  template <class T>
  HD static T slope_from_output(T y) {
    return (T(1) - y) * (T(1) + y);  // 1 - y² without its cancellation near |y| = 1
  }
};

struct Relu : ActivationTraits {
  static constexpr std::string_view name = "relu";
  static constexpr bool homogeneous = true;
  static constexpr bool on_chip = true;
  static constexpr std::array<double, 1> kinks{0};
  template <class T>
  HD static T value(T x) {
    return x <= T(0) ? T(0) : x;
  }
  template <class T>
  HD static T slope(T x) {
    return x <= T(0) ? T(0) : T(1);
  }
  template <class T>
  HD static T slope_from_output(T y) {
    return slope(y);
  }
};

struct LeakyRelu : ActivationTraits {
  static constexpr std::string_view name = "leaky_relu";
  static constexpr bool homogeneous = true;
  static constexpr bool on_chip = true;
  static constexpr std::array<double, 1> kinks{0};
  static constexpr double alpha = 0.01;
  template <class T>
  HD static T value(T x) {
    return x <= T(0) ? T(alpha) * x : x;
  }
  template <class T>
  HD static T slope(T x) {
    return x <= T(0) ? T(alpha) : T(1);
  }
  template <class T>
  HD static T slope_from_output(T y) {
    return slope(y);
  }
};

/// Clevert et al. 2016 (1511.07289), alpha = 1.
struct Elu : ActivationTraits {
  static constexpr std::string_view name = "elu";
  static constexpr std::array<double, 1> kinks{0};
  template <class T>
  HD static T value(T x) {
    using std::expm1;
    return x <= T(0) ? expm1(x) : x;
  }
  template <class T>
  HD static T slope(T x) {
    using std::exp;
    return x <= T(0) ? exp(x) : T(1);
  }
  template <class T>
  HD static T slope_from_output(T y) {
    return y <= T(0) ? y + T(1) : T(1);
  }
};

/// Klambauer et al. 2017 (1706.02515).
struct Selu : ActivationTraits {
  static constexpr std::string_view name = "selu";
  static constexpr std::array<double, 1> kinks{0};
  static constexpr double scale = 1.0507009873554804934193349852946;
  static constexpr double alpha = 1.6732632423543772848170429916717;
  template <class T>
  HD static T value(T x) {
    using std::expm1;
    return x <= T(0) ? T(scale * alpha) * expm1(x) : T(scale) * x;
  }
  template <class T>
  HD static T slope(T x) {
    using std::exp;
    return x <= T(0) ? T(scale * alpha) * exp(x) : T(scale);
  }
  template <class T>
  HD static T slope_from_output(T y) {
    return y <= T(0) ? y + T(scale * alpha) : T(scale);
  }
};

/// x Φ(x), Hendrycks & Gimpel 2016 (1606.08415). erfc keeps the digits of the left tail.
struct Gelu : ActivationTraits {
  static constexpr std::string_view name = "gelu";
  static constexpr std::array<double, 0> kinks{};
  template <class T>
  HD static T value(T x) {
    return x * normal_cdf(x);
  }
  template <class T>
  HD static T slope(T x) {
    using std::exp;
    // The density in two factors: x times it is in range where it alone no longer is.
    const T root = exp(T(-0.25) * x * x);
    return normal_cdf(x) + (T(0.39894228040143267794) * x * root) * root;
  }

 private:
  template <class T>
  HD static T normal_cdf(T x) {
    using std::erfc;
    return T(0.5) * erfc(T(-0.70710678118654752440) * x);
  }
};

/// x σ(v), where v depends on x and has its sign: SiLU and the tanh form of GELU. e^-|v| comes in
/// two factors: x times it is in range where it alone no longer is.
struct SigmoidUnit {
  template <class T>
  HD static T value(T x, T v) {
    const T root = root_of_decay(v);
    return (v <= T(0) ? x * root * root : x) / (T(1) + root * root);
  }
  /// σ(v) + x v' σ'(v), from v and x v'.
  template <class T>
  HD static T slope(T v, T x_dv) {
    const T root = root_of_decay(v);
    const T d = T(1) + root * root;
    const T above = v <= T(0) ? (d + x_dv) * root * root : d + x_dv * root * root;
    return above / (d * d);
  }

 private:
  template <class T>
  HD static T root_of_decay(T v) {
    using std::abs;
    using std::exp;
    return exp(T(-0.5) * abs(v));
  }
};

/// The tanh form of GELU: 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))) = x σ(v), v twice what is
/// inside tanh, so that nothing cancels in the left tail.
struct GeluTanh : ActivationTraits {
  static constexpr std::string_view name = "gelu_tanh";
  static constexpr std::array<double, 0> kinks{};
  template <class T>
  HD static T value(T x) {
    return SigmoidUnit::value(x, inner(near(x), T(1)));
  }
  template <class T>
  HD static T slope(T x) {
    x = near(x);
    return SigmoidUnit::slope(inner(x, T(1)), inner(x, T(3)));
  }

 private:
  /// scale x (1 + times cubic x²): v for 1, x v' for 3. The constants are given to twice the digits
  /// of a double: far out the error of v grows into e^v.
  template <class T>
  HD static T inner(T x, T times) {
    const T scale = T(1.5957691216057308) + T(-9.96930880911092e-17);  // 2 √(2/π)
    const T cubic = T(0.044715) + T(2.1960211427085595e-18);
    return scale * x * (T(1) + times * cubic * x * x);
  }
  /// Beyond ±30 the slope is 0 or 1 in every format, and soon x² is not.
  template <class T>
  HD static T near(T x) {
    return x <= T(-30) ? T(-30) : x >= T(30) ? T(30) : x;
  }
};

/// x sigmoid(x), also called swish.
struct Silu : ActivationTraits {
  static constexpr std::string_view name = "silu";
  static constexpr std::array<double, 0> kinks{};
  template <class T>
  HD static T value(T x) {
    return SigmoidUnit::value(x, x);
  }
  template <class T>
  HD static T slope(T x) {
    return SigmoidUnit::slope(x, x);
  }
};

/// ln(1 + eˣ), without overflow.
struct Softplus : ActivationTraits {
  static constexpr std::string_view name = "softplus";
  static constexpr std::array<double, 0> kinks{};
  template <class T>
  HD static T value(T x) {
    using std::abs;
    using std::exp;
    using std::log1p;
    return (x <= T(0) ? T(0) : x) + log1p(exp(-abs(x)));
  }
  template <class T>
  HD static T slope(T x) {  // the sigmoid, down to the least number
    using std::abs;
    using std::exp;
    const T e = exp(-abs(x));
    return (x <= T(0) ? e : T(1)) / (T(1) + e);
  }
};

/// x / (1 + |x|).
struct Softsign : ActivationTraits {
  static constexpr std::string_view name = "softsign";
  static constexpr bool odd = true;
  static constexpr std::array<double, 1> kinks{0};
  template <class T>
  HD static T value(T x) {
    using std::abs;
    return x / (T(1) + abs(x));
  }
  template <class T>
  HD static T slope(T x) {
    using std::abs;
    const T r = T(1) / (T(1) + abs(x));
    return r * r;
  }
};

/// clamp((x + 3) / 6, 0, 1), as in PyTorch.
struct HardSigmoid : ActivationTraits {
  static constexpr std::string_view name = "hard_sigmoid";
  static constexpr std::array<double, 2> kinks{-3, 3};
  template <class T>
  HD static T value(T x) {
    return x <= T(-3) ? T(0) : x >= T(3) ? T(1) : (x + T(3)) / T(6);
  }
  template <class T>
  HD static T slope(T x) {
    return x <= T(-3) || x >= T(3) ? T(0) : T(1) / T(6);
  }
  template <class T>
  HD static T slope_from_output(T y) {
    return y <= T(0) || y >= T(1) ? T(0) : T(1) / T(6);
  }
};

/// clamp(x, -1, 1).
struct HardTanh : ActivationTraits {
  static constexpr std::string_view name = "hard_tanh";
  static constexpr bool odd = true;
  static constexpr std::array<double, 2> kinks{-1, 1};
  template <class T>
  HD static T value(T x) {
    return x <= T(-1) ? T(-1) : x >= T(1) ? T(1) : x;
  }
  template <class T>
  HD static T slope(T x) {
    return x <= T(-1) || x >= T(1) ? T(0) : T(1);
  }
  template <class T>
  HD static T slope_from_output(T y) {
    return slope(y);
  }
};

/// x tanh(softplus(x)), Misra 2019 (1908.08681). With e = eˣ, tanh(ln(1 + e)) = e (e + 2) / d,
/// d = e² + 2e + 2, and its slope is 4 e (1 + e) / d²; for x > 0 the same in e⁻ˣ. As in SigmoidUnit
/// e^-|x| comes in two factors.
struct Mish : ActivationTraits {
  static constexpr std::string_view name = "mish";
  static constexpr std::array<double, 0> kinks{};
  template <class T>
  HD static T value(T x) {
    const Parts<T> p = parts(x);
    return (x <= T(0) ? x * p.above * p.root * p.root : x * p.above) / p.d;
  }
  template <class T>
  HD static T slope(T x) {
    const Parts<T> p = parts(x);
    const T e = p.root * p.root;
    const T w = x <= T(0) ? p.root : e;  // x times it before anything large
    const T of_tanh = T(4) * (T(1) + e) * (x * w) * w;
    const T sum = (x <= T(0) ? p.above * p.d * e : p.above * p.d) + of_tanh;
    return sum / (p.d * p.d);
  }

 private:
  /// tanh(softplus(x)) is above / d, for x <= 0 times root².
  template <class T>
  struct Parts {
    T root, above, d;  // root² = e^-|x|
  };
  template <class T>
  HD static Parts<T> parts(T x) {
    using std::abs;
    using std::exp;
    const T root = exp(T(-0.5) * abs(x));
    const T e = root * root;
    return {root, x <= T(0) ? e + T(2) : T(1) + T(2) * e,
            x <= T(0) ? T(2) + e * (T(2) + e) : T(1) + T(2) * e * (T(1) + e)};
  }
};

/// x clamp((x + 3) / 6, 0, 1), Howard et al. 2019 (1905.02244). At its kinks the slope is 0 and 1,
/// as in PyTorch 2.15, JAX 0.10 and oneDNN 2.6; in PyTorch up to 2.6 it was -1/2 and 3/2
/// (pytorch/pytorch#147801).
struct HardSwish : ActivationTraits {
  static constexpr std::string_view name = "hard_swish";
  static constexpr std::array<double, 2> kinks{-3, 3};
  template <class T>
  HD static T value(T x) {
    return x <= T(-3) ? T(0) : x >= T(3) ? x : x * (x + T(3)) / T(6);
  }
  template <class T>
  HD static T slope(T x) {
    return x <= T(-3) ? T(0) : x >= T(3) ? T(1) : (T(2) * x + T(3)) / T(6);
  }
};

template <class... Acts>
struct ActivationList {};

/// The list that everything iterates.
using Activations =
    ActivationList<Identity, Sigmoid, Tanh, Relu, LeakyRelu, Elu, Selu, Gelu, GeluTanh, Silu,
                   Softplus, Softsign, HardSigmoid, HardTanh, Mish, HardSwish>;

}  // namespace gradepth
