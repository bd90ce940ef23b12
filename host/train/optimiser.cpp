#include "host/train/optimiser.h"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

namespace gradepth::train {

double norm(const Tensors& gradient) {
  double sum = 0;
  for (const auto& [name, g] : gradient) {
    for (const double x : g.data) sum += x * x;
  }
  if (std::isfinite(sum) && sum > std::numeric_limits<double>::min()) return std::sqrt(sum);
  double length = 0;  // squares left the range, or something is not finite
  for (const auto& [name, g] : gradient) {
    const auto size = static_cast<Eigen::Index>(g.size());
    length =
        std::hypot(length, Eigen::Map<const Eigen::VectorXd>(g.data.data(), size).stableNorm());
  }
  return length;
}

Clipped clip(Tensors& gradient, const Clip& limit) {
  Clipped out{norm(gradient)};
  if (!std::isfinite(out.norm)) {
    out.finite = false;
    return out;
  }
  if (limit.value > 0) {
    for (auto& [name, g] : gradient) {
      for (double& x : g.data) {
        const double kept = std::clamp(x, -limit.value, limit.value);
        out.changed = out.changed || kept != x;
        x = kept;
      }
    }
  }
  const double length = limit.value > 0 ? norm(gradient) : out.norm;
  if (limit.norm > 0 && length > limit.norm) {
    const double factor = limit.norm / length;
    for (auto& [name, g] : gradient) {
      for (double& x : g.data) x *= factor;
    }
    out.changed = true;
  }
  return out;
}

void Sgd::update(Tensors& weights, const Tensors& gradient) {
  for (auto& [name, w] : weights) {
    const Tensor& g = gradient.at(name);
    for (std::size_t i = 0; i < w.size(); ++i) w.data[i] -= learning_rate_ * g.data[i];
  }
}

void Adam::update(Tensors& weights, const Tensors& gradient) {
  constexpr double beta1 = 0.9;
  constexpr double beta2 = 0.999;
  constexpr double epsilon = 1e-8;
  ++step_;
  const double correction1 = 1 - std::pow(beta1, step_);
  const double correction2 = 1 - std::pow(beta2, step_);
  for (auto& [name, w] : weights) {
    const Tensor& g = gradient.at(name);
    Tensor& m = m_.try_emplace(name, w.shape).first->second;
    Tensor& v = v_.try_emplace(name, w.shape).first->second;
    for (std::size_t i = 0; i < w.size(); ++i) {
      m.data[i] = beta1 * m.data[i] + (1 - beta1) * g.data[i];
      v.data[i] = beta2 * v.data[i] + (1 - beta2) * g.data[i] * g.data[i];
      const double m_hat = m.data[i] / correction1;
      const double v_hat = v.data[i] / correction2;
      w.data[i] -= learning_rate_ * m_hat / (std::sqrt(v_hat) + epsilon);
    }
  }
}

std::unique_ptr<Optimiser> make_optimiser(Method method, double learning_rate) {
  if (method == Method::sgd) return std::make_unique<Sgd>(learning_rate);
  return std::make_unique<Adam>(learning_rate);
}

}  // namespace gradepth::train
