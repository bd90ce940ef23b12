#include "host/growth/states/gradient_path.h"

#include <cmath>
#include <span>

#include "host/growth/jacobians/weight_operators.h"
#include "host/growth/states/states.h"

namespace gradepth::growth {

std::vector<double> ln_between(const GrowthSpec& spec, Plan& plan, const Tensors& drawn) {
  const auto L = static_cast<std::size_t>(spec.depth);
  const Tensor da = plan.get("da");
  if (da.size() == 0) return {};
  std::vector<double> ln(L);
  if (is_preact(spec)) {
    const WeightOperators weights(spec, drawn);
    std::vector<double> df(da.stride());
    for (std::size_t d = 0; d < L; ++d) {
      weights.multiply_transposed(L - 1 - d, slice(da, L - 1 - d), df);
      ln[d] = ln_norm(df);
    }
    return ln;
  }
  const Tensor norm2 = is_additive(spec) ? Tensor{} : plan.get("da_norm2");
  for (std::size_t d = 0; d < L; ++d) {
    const std::size_t map = L - 1 - d;
    const bool is_measured = norm2.size() > 0 && std::isnormal(norm2.data[map]);
    ln[d] = is_measured ? 0.5 * std::log(norm2.data[map]) : ln_norm(slice(da, map));
  }
  return ln;
}

}  // namespace gradepth::growth
