#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "host/problem/tensor.h"

/// Clipping and the update of the weights.
namespace gradepth::train {

/// Frobenius norm over all tensors together. Not finite if an element is not, nor if the norm
/// exceeds float64.
double norm(const Tensors& gradient);

/// How a gradient is clipped; 0 turns either off. By value first, if both are on.
///   value  each element to [-value, value]
///   norm   g · min(1, norm / |g|), |g| over all tensors together (Pascanu et al. 2013)
struct Clip {
  double norm = 1;
  double value = 0;
};

struct Clipped {
  double norm = 0;       // before clipping
  bool changed = false;  // whether any element was
  bool finite = true;    // false: the gradient was left as it is, and must not be used
};

Clipped clip(Tensors& gradient, const Clip& limit);

/// One step of gradient descent on tensors by name.
class Optimiser {
 public:
  Optimiser() = default;
  Optimiser(const Optimiser&) = delete;
  Optimiser& operator=(const Optimiser&) = delete;
  virtual ~Optimiser() = default;
  /// Changes every weight that has a gradient. Both hold the same tensors at every call.
  virtual void update(Tensors& weights, const Tensors& gradient) = 0;
};

/// w -= η g
class Sgd final : public Optimiser {
 public:
  explicit Sgd(double learning_rate) : learning_rate_(learning_rate) {}
  void update(Tensors& weights, const Tensors& gradient) override;

 private:
  double learning_rate_;
};

/// Kingma & Ba 2015 (1412.6980), β1 = 0.9, β2 = 0.999, ε = 1e-8:
///   m = β1 m + (1-β1) g,  v = β2 v + (1-β2) g²,  w -= η m̂ / (√v̂ + ε),
///   m̂ = m / (1-β1^t),  v̂ = v / (1-β2^t)
class Adam final : public Optimiser {
 public:
  explicit Adam(double learning_rate) : learning_rate_(learning_rate) {}
  void update(Tensors& weights, const Tensors& gradient) override;

 private:
  double learning_rate_;
  int step_ = 0;
  Tensors m_, v_;
};

enum class Method : std::uint8_t { adam, sgd };
inline constexpr std::array<std::string_view, 2> method_names{"adam", "sgd"};
constexpr std::string_view name(Method method) {
  return method_names[static_cast<std::size_t>(method)];
}
std::unique_ptr<Optimiser> make_optimiser(Method method, double learning_rate);

}  // namespace gradepth::train
