#include "host/growth/states/gate_inputs.h"

#include <numeric>

namespace gradepth::growth {

std::vector<double> gate_inputs(const GrowthSpec& spec, const Tensors& drawn, std::size_t t,
                                std::size_t sample) {
  const auto H = static_cast<std::size_t>(spec.width);
  const Tensor& x = drawn.find("x")->second;
  const std::size_t features = x.stride() / static_cast<std::size_t>(spec.batch);
  const double* from = &x.data[t * x.stride() + sample * features];
  const auto Wx = drawn.find("Wx");
  std::vector<double> in(static_cast<std::size_t>(gates(spec)) * H);
  for (std::size_t row = 0; row < in.size(); ++row) {
    in[row] = Wx == drawn.end() ? from[row % H]
                                : std::inner_product(from, from + features,
                                                     &Wx->second.data[row * features], 0.0);
  }
  return in;
}

}  // namespace gradepth::growth
