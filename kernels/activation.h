#pragma once

#include <array>
#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/host_device.h"

/// All activations: value f(x) and slope f'(x), for host and device and any floating type.
///
/// An activation is one struct:
///   name          what the command line and the results call it
///   kinks         where f or a derivative of it jumps: quadrature splits its interval there
///   from_output   whether slope(x, y) needs only y = f(x), so that x need not be kept
///   value(x)      f(x)
///   slope(x, y)   f'(x), with y = f(x) at hand; at a kink, the derivative PyTorch uses
/// To add one: write its struct and put it into `Activations` at the end of the file. Kernels,
/// tests, benchmarks and theory go through that list.
///
/// NaN goes in and comes out: comparisons are written so that a NaN takes the branch that keeps it.
namespace gradepth {

struct Identity {
  static constexpr std::string_view name = "identity";
  static constexpr std::array<double, 0> kinks{};
  static constexpr bool from_output = true;
  template <class T>
  HD static T value(T x) {
    return x;
  }
  template <class T>
  HD static T slope(T /*x*/, T /*y*/) {
    return T(1);
  }
};

struct Sigmoid {
  static constexpr std::string_view name = "sigmoid";
  static constexpr std::array<double, 0> kinks{};
  static constexpr bool from_output = true;
  template <class T>
  HD static T value(T x) {
    using std::exp;
    return T(1) / (T(1) + exp(-x));
  }
  template <class T>
  HD static T slope(T /*x*/, T y) {
    return y * (T(1) - y);
  }
};

struct Tanh {
  static constexpr std::string_view name = "tanh";
  static constexpr std::array<double, 0> kinks{};
  static constexpr bool from_output = true;
  template <class T>
  HD static T value(T x) {
    using std::tanh;
    return tanh(x);
  }
  template <class T>
  HD static T slope(T /*x*/, T y) {
    return (T(1) - y) * (T(1) + y);  // 1 - y² without its cancellation near |y| = 1
  }
};

struct Relu {
  static constexpr std::string_view name = "relu";
  static constexpr std::array<double, 1> kinks{0};
  static constexpr bool from_output = true;
  template <class T>
  HD static T value(T x) {
    return x <= T(0) ? T(0) : x;
  }
  template <class T>
  HD static T slope(T /*x*/, T y) {
    return y <= T(0) ? T(0) : T(1);
  }
};

struct LeakyRelu {
  static constexpr std::string_view name = "leaky_relu";
  static constexpr std::array<double, 1> kinks{0};
  static constexpr bool from_output = true;
  static constexpr double alpha = 0.01;
  template <class T>
  HD static T value(T x) {
    return x <= T(0) ? T(alpha) * x : x;
  }
  template <class T>
  HD static T slope(T /*x*/, T y) {
    return y <= T(0) ? T(alpha) : T(1);
  }
};

/// Clevert et al. 2016 (1511.07289), alpha = 1.
struct Elu {
  static constexpr std::string_view name = "elu";
  static constexpr std::array<double, 1> kinks{0};
  static constexpr bool from_output = true;
  template <class T>
  HD static T value(T x) {
    using std::expm1;
    return x <= T(0) ? expm1(x) : x;
  }
  template <class T>
  HD static T slope(T /*x*/, T y) {
    return y <= T(0) ? y + T(1) : T(1);
  }
};

/// Klambauer et al. 2017 (1706.02515).
struct Selu {
  static constexpr std::string_view name = "selu";
  static constexpr std::array<double, 1> kinks{0};
  static constexpr bool from_output = true;
  static constexpr double scale = 1.0507009873554804934193349852946;
  static constexpr double alpha = 1.6732632423543772848170429916717;
  template <class T>
  HD static T value(T x) {
    using std::expm1;
    return x <= T(0) ? T(scale * alpha) * expm1(x) : T(scale) * x;
  }
  template <class T>
  HD static T slope(T /*x*/, T y) {
    return y <= T(0) ? y + T(scale * alpha) : T(scale);
  }
};

/// x Φ(x), Hendrycks & Gimpel 2016 (1606.08415). erfc keeps the digits of the left tail.
struct Gelu {
  static constexpr std::string_view name = "gelu";
  static constexpr std::array<double, 0> kinks{};
  static constexpr bool from_output = false;
  template <class T>
  HD static T normal_cdf(T x) {
    using std::erfc;
    return T(0.5) * erfc(T(-0.70710678118654752440) * x);
  }
  template <class T>
  HD static T value(T x) {
    return x * normal_cdf(x);
  }
  template <class T>
  HD static T slope(T x, T /*y*/) {
    using std::exp;
    const T density = T(0.39894228040143267794) * exp(T(-0.5) * x * x);
    return normal_cdf(x) + x * density;
  }
};

/// The tanh form of GELU: 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))).
struct GeluTanh {
  static constexpr std::string_view name = "gelu_tanh";
  static constexpr std::array<double, 0> kinks{};
  static constexpr bool from_output = false;
  static constexpr double scale = 0.79788456080286535588;  // √(2/π)
  static constexpr double cubic = 0.044715;
  template <class T>
  HD static T inner_tanh(T x) {
    using std::tanh;
    return tanh(T(scale) * (x + T(cubic) * x * x * x));
  }
  template <class T>
  HD static T value(T x) {
    return T(0.5) * x * (T(1) + inner_tanh(x));
  }
  template <class T>
  HD static T slope(T x, T /*y*/) {
    const T t = inner_tanh(x);
    const T sech2 = (T(1) - t) * (T(1) + t);
    if (sech2 <= T(0)) return T(0.5) * (T(1) + t);  // flat; x² below may overflow here
    const T du = T(scale) * (T(1) + T(3 * cubic) * x * x);
    return T(0.5) * (T(1) + t) + T(0.5) * x * sech2 * du;
  }
};

/// x sigmoid(x), also called swish.
struct Silu {
  static constexpr std::string_view name = "silu";
  static constexpr std::array<double, 0> kinks{};
  static constexpr bool from_output = false;
  template <class T>
  HD static T value(T x) {
    return x * Sigmoid::value(x);
  }
  template <class T>
  HD static T slope(T x, T /*y*/) {
    const T s = Sigmoid::value(x);
    return s * (T(1) + x * (T(1) - s));
  }
};

/// ln(1 + eˣ), without overflow.
struct Softplus {
  static constexpr std::string_view name = "softplus";
  static constexpr std::array<double, 0> kinks{};
  static constexpr bool from_output = false;
  template <class T>
  HD static T value(T x) {
    using std::abs;
    using std::exp;
    using std::log1p;
    return (x <= T(0) ? T(0) : x) + log1p(exp(-abs(x)));
  }
  template <class T>
  HD static T slope(T x, T /*y*/) {
    return Sigmoid::value(x);
  }
};

/// x / (1 + |x|).
struct Softsign {
  static constexpr std::string_view name = "softsign";
  static constexpr std::array<double, 1> kinks{0};
  static constexpr bool from_output = false;
  template <class T>
  HD static T value(T x) {
    using std::abs;
    return x / (T(1) + abs(x));
  }
  template <class T>
  HD static T slope(T x, T /*y*/) {
    using std::abs;
    const T r = T(1) / (T(1) + abs(x));
    return r * r;
  }
};

/// clamp((x + 3) / 6, 0, 1), as in PyTorch.
struct HardSigmoid {
  static constexpr std::string_view name = "hard_sigmoid";
  static constexpr std::array<double, 2> kinks{-3, 3};
  static constexpr bool from_output = true;
  template <class T>
  HD static T value(T x) {
    return x <= T(-3) ? T(0) : x >= T(3) ? T(1) : (x + T(3)) / T(6);
  }
  template <class T>
  HD static T slope(T /*x*/, T y) {
    return y <= T(0) || y >= T(1) ? T(0) : T(1) / T(6);
  }
};

/// clamp(x, -1, 1).
struct HardTanh {
  static constexpr std::string_view name = "hard_tanh";
  static constexpr std::array<double, 2> kinks{-1, 1};
  static constexpr bool from_output = true;
  template <class T>
  HD static T value(T x) {
    return x <= T(-1) ? T(-1) : x >= T(1) ? T(1) : x;
  }
  template <class T>
  HD static T slope(T /*x*/, T y) {
    return y <= T(-1) || y >= T(1) ? T(0) : T(1);
  }
};

/// x tanh(softplus(x)), Misra 2019 (1908.08681).
struct Mish {
  static constexpr std::string_view name = "mish";
  static constexpr std::array<double, 0> kinks{};
  static constexpr bool from_output = false;
  template <class T>
  HD static T value(T x) {
    return x * Tanh::value(Softplus::value(x));
  }
  template <class T>
  HD static T slope(T x, T /*y*/) {
    const T t = Tanh::value(Softplus::value(x));
    return t + x * Sigmoid::value(x) * (T(1) - t) * (T(1) + t);
  }
};

template <class... Acts>
struct ActivationList {};

/// The list that everything iterates.
using Activations = ActivationList<Identity, Sigmoid, Tanh, Relu, LeakyRelu, Elu, Selu, Gelu,
                                   GeluTanh, Silu, Softplus, Softsign, HardSigmoid, HardTanh, Mish>;

/// Calls f(Act{}) for every activation of the list, in order.
template <class F, class... Acts>
void for_each_activation(F&& f, ActivationList<Acts...> /*list*/) {
  (f(Acts{}), ...);
}
template <class F>
void for_each_activation(F&& f) {
  for_each_activation(std::forward<F>(f), Activations{});
}

/// The names of the list, separated by `separator`.
inline std::string activation_names(std::string_view separator = ", ") {
  std::string names;
  for_each_activation([&](auto act) {
    if (!names.empty()) names += separator;
    names += decltype(act)::name;
  });
  return names;
}

inline bool is_activation(std::string_view name) {
  bool found = false;
  for_each_activation([&](auto act) { found = found || decltype(act)::name == name; });
  return found;
}

/// Calls f(Act{}) for the activation called `name`; std::invalid_argument for an unknown name.
template <class F, class... Acts>
void with_activation(std::string_view name, F&& f, ActivationList<Acts...> /*list*/) {
  const bool found = ((Acts::name == name && (f(Acts{}), true)) || ...);
  if (!found) {
    throw std::invalid_argument("activation " + std::string(name) + ": one of " +
                                activation_names());
  }
}
template <class F>
void with_activation(std::string_view name, F&& f) {
  with_activation(name, std::forward<F>(f), Activations{});
}

}  // namespace gradepth
