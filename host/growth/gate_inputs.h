#pragma once

#include <cstddef>
#include <vector>

#include "host/growth/spec.h"
#include "host/tensor.h"

namespace gradepth::growth {

/// What reaches the pre-activations of step t from outside, in float64: [B, G*H]. Wx x, or x itself
/// for every gate alike. `drawn` has the tensors of make_problem(spec), an elman, lstm or gru net.
std::vector<double> gate_inputs(const GrowthSpec& spec, const Tensors& drawn, std::size_t t);

}  // namespace gradepth::growth
