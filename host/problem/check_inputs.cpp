#include "host/problem/check_inputs.h"

#include <algorithm>
#include <stdexcept>

namespace gradepth {

void check_inputs(const Problem& problem, const Tensors& in, bool all) {
  const std::vector<TensorSpec> specs = inputs(problem);
  const std::string where = name(problem) + ": tensor ";
  for (const auto& [tensor_name, tensor] : in) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const TensorSpec& s) { return s.name == tensor_name; });
    if (spec == specs.end()) throw std::invalid_argument(where + tensor_name + " is not an input");
    if (spec->shape != tensor.shape || size(spec->shape) != tensor.size()) {
      throw std::invalid_argument(where + tensor_name + " has the wrong shape");
    }
  }
  if (!all) return;
  for (const TensorSpec& spec : specs) {
    if (!in.contains(spec.name)) throw std::invalid_argument(where + spec.name + " is missing");
  }
}

}  // namespace gradepth
