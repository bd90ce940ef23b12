#pragma once

#include "bench/commands/growth_flags.h"
#include "host/growth/study/spec.h"

namespace gradepth {

/// std::invalid_argument, in one line that names the flag, the value and what is allowed.
growth::GrowthSpec parse_growth(const GrowthFlags& flags);

}  // namespace gradepth
