#pragma once

#include <iosfwd>

#include "host/growth/measure.h"

namespace gradepth {

/// What one growth result says, for a person: at most 80 columns.
void print_growth(std::ostream& out, const growth::GrowthSpec& spec,
                  const growth::GrowthResult& result);

/// One line per depth, with a header.
void print_growth_csv(std::ostream& out, const growth::GrowthResult& result);

}  // namespace gradepth
