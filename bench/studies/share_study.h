#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>

#include "host/growth/studies/share.h"
#include "host/problem/identity.h"

namespace gradepth {

/// What a row of the study answers (host/problem/identity.h): the chain that all four are made of,
/// and the density of the sparse ones.
IdentityText share_identity(const growth::GrowthSpec& spec, double density,
                            std::string_view provider);

/// The study as one row of kind `study` (bench/ROWS.md).
nlohmann::ordered_json share_row(const growth::ShareStudy& study);

/// Such a row for people, within 80 columns: four chains, then what sharing and thinning change.
void print_share(std::ostream& out, const nlohmann::ordered_json& row);
/// One line per chain.
void print_share_csv(std::ostream& out, const nlohmann::ordered_json& row);

}  // namespace gradepth
