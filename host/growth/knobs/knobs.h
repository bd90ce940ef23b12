#pragma once

#include <string>
#include <string_view>

#include "host/growth/study/spec.h"
#include "host/knobs/knob.h"

namespace gradepth::growth {

/// All knobs of a growth study, the only list of them. A new one is a field of GrowthSpec (or of
/// Initialisation), an entry here, and an effect somewhere; tests/growth/knobs_test.cpp finds a
/// field without an entry.
[[nodiscard]] const KnobTable<GrowthSpec>& growth_knobs();

/// The row's name: the problem, what is drawn, the provider.
[[nodiscard]] std::string row_name(const GrowthSpec& spec, std::string_view provider);

}  // namespace gradepth::growth
