#pragma once

#include <nlohmann/json.hpp>

#include "host/growth/study/measure.h"
#include "host/problem/identity.h"

namespace gradepth::growth {

/// What a growth row of this provider answers (host/problem/identity.h): the spec, the provider,
/// and the width of its vectors, with which the bits of its numbers change.
IdentityText row_identity(const GrowthSpec& spec, std::string_view provider);

/// The result as one row with the keys of bench/ROWS.md; null for what is 0 or not finite where the
/// file says so.
nlohmann::ordered_json row(const GrowthSpec& spec, const GrowthResult& result);

}  // namespace gradepth::growth
