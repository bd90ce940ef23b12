#pragma once

#include <iosfwd>

#include "host/growth/measure.h"
#include "host/growth/precision.h"

namespace gradepth {

/// What one growth result says, for a person: at most 80 columns.
void print_growth(std::ostream& out, const growth::GrowthSpec& spec,
                  const growth::GrowthResult& result);

/// One line per number format: where it loses the gradient, and what a loss scale buys.
void print_precision(std::ostream& out, const std::vector<growth::PrecisionHorizon>& horizons);

/// One line per depth, with a header.
void print_growth_csv(std::ostream& out, const growth::GrowthResult& result);

}  // namespace gradepth
