#pragma once

#include "host/growth/study/spec.h"
#include "host/knobs/knob.h"

/// The knobs that say what is drawn, and from what: each more than a field of the spec.
namespace gradepth::growth {

/// Whether it has W: all but additive nets.
[[nodiscard]] bool has_matrices(const GrowthSpec& spec);
/// A cell with W: elman, lstm, gru.
[[nodiscard]] bool is_cell_with_matrices(const GrowthSpec& spec);

/// A standard deviation of a sweep; throws Refused below 0.
[[nodiscard]] double swept_deviation(double value);

[[nodiscard]] Knob<GrowthSpec> init_knob();
[[nodiscard]] Knob<GrowthSpec> bias_knob();
[[nodiscard]] Knob<GrowthSpec> h0_knob();
[[nodiscard]] Knob<GrowthSpec> input_knob();
/// Read by the command (bench/commands/growth_weights.h): a file, a layer in it, its inputs.
[[nodiscard]] Knob<GrowthSpec> weights_knob();

}  // namespace gradepth::growth
