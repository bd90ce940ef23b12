#pragma once

#include <cstddef>
#include <vector>

#include "host/growth/study/spec.h"
#include "host/problem/tensor.h"

namespace gradepth::growth {

/// What reaches a sample's pre-activations of step t from outside, in float64: [G*H]. Wx x, or x
/// itself for every gate alike. `drawn` has the tensors of make_problem(spec), an elman, lstm or
/// gru net.
std::vector<double> gate_inputs(const GrowthSpec& spec, const Tensors& drawn, std::size_t t,
                                std::size_t sample);

}  // namespace gradepth::growth
