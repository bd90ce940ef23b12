#include "host/growth/gate_inputs.h"

#include <algorithm>

namespace gradepth::growth {

std::vector<double> gate_inputs(const GrowthSpec& spec, const Tensors& drawn, std::size_t t) {
  const auto H = static_cast<std::size_t>(spec.width);
  const auto B = static_cast<std::size_t>(spec.batch);
  const std::size_t G = static_cast<std::size_t>(gates(spec.net));
  const Tensor& x = drawn.find("x")->second;
  const std::size_t features = x.stride() / B;
  const auto Wx = drawn.find("Wx");
  std::vector<double> in(B * G * H);
  for (std::size_t n = 0; n < B; ++n) {
    const double* from = &x.data[t * x.stride() + n * features];
    for (std::size_t row = 0; row < G * H; ++row) {
      double& to = in[n * G * H + row];
      if (Wx == drawn.end()) {
        to = from[row % H];
      } else {
        const double* weights = &Wx->second.data[row * features];
        for (std::size_t i = 0; i < features; ++i) to += weights[i] * from[i];
      }
    }
  }
  return in;
}

}  // namespace gradepth::growth
