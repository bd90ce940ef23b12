#pragma once

#include <nlohmann/json.hpp>

#include "host/growth/measure.h"

namespace gradepth::growth {

/// The result as one row with the keys of bench/ROWS.md; null for what is 0 or not finite where the
/// file says so.
nlohmann::ordered_json row(const GrowthSpec& spec, const GrowthResult& result);

}  // namespace gradepth::growth
