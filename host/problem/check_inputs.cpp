#include "host/problem/check_inputs.h"

#include <algorithm>
#include <stdexcept>

namespace gradepth {

void check_inputs(const Problem& problem, const Tensors& in, bool all) {
  const std::vector<TensorSpec> specs = inputs(problem);
  const auto refuse = [&](const std::string& tensor, const char* why) {
    throw std::invalid_argument(name(problem) + ": tensor " + tensor + ' ' + why);
  };
  for (const auto& [tensor_name, tensor] : in) {
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const TensorSpec& s) { return s.name == tensor_name; });
    if (spec == specs.end()) refuse(tensor_name, "is not an input");
    if (spec->shape != tensor.shape || size(spec->shape) != tensor.size()) {
      refuse(tensor_name, "has the wrong shape");
    }
  }
  if (!all) return;
  for (const TensorSpec& spec : specs) {
    if (!in.contains(spec.name)) refuse(spec.name, "is missing");
  }
}

}  // namespace gradepth
