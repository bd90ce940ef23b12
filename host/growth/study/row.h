#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/growth/precision/horizon.h"
#include "host/growth/study/measure.h"
#include "host/problem/identity.h"

namespace gradepth::growth {

/// What a growth row holds beside the result of its net.
struct Beside {
  std::optional<std::vector<PrecisionHorizon>> horizons;  // asked for; empty where it did not run
  std::vector<std::pair<std::string, double>> at;         // the axes and values of a sweep's point
};

/// What a growth row of this provider answers (host/problem/identity.h): the spec, the provider,
/// the width of its vectors, with which the bits of its numbers change, and what it is asked
/// beside.
IdentityText row_identity(const GrowthSpec& spec, std::string_view provider,
                          const Beside& beside = {});

/// The only writer of growth rows: one row with the keys of bench/ROWS.md; null for what is 0 or
/// not finite where the file says so.
nlohmann::ordered_json row(const GrowthSpec& spec, const GrowthResult& result,
                           const Beside& beside = {});

}  // namespace gradepth::growth
