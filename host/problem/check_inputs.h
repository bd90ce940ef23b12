#pragma once

#include "host/problem/problem.h"
#include "host/problem/tensor.h"

namespace gradepth {

/// What every Plan::set starts with. std::invalid_argument when a tensor is unknown or of the wrong
/// shape, or when `all` are needed and one is missing.
void check_inputs(const Problem& problem, const Tensors& in, bool all);

}  // namespace gradepth
