#pragma once

#include <iosfwd>

#include "bench/rows/csv.h"
#include "host/growth/precision/horizon.h"
#include "host/growth/study/measure.h"

namespace gradepth {

/// What one growth result says, for a person: at most 80 columns.
void print_growth(std::ostream& out, const growth::GrowthSpec& spec,
                  const growth::GrowthResult& result);

/// One line per number format: where it loses the gradient, and what a loss scale buys.
void print_precision(std::ostream& out, const std::vector<growth::PrecisionHorizon>& horizons);

/// Columns for what a row of kind `growth` says of a whole net.
std::vector<Column> growth_columns();

/// A row of kind `growth` as CSV in long form: a line per depth, on which what holds for the whole
/// net stands again. A row that is not ok is one line.
void print_growth_csv(std::ostream& out, const Row& row);

/// Its key `precision` in the same way: a line per format and depth.
void print_precision_csv(std::ostream& out, const Row& row);

}  // namespace gradepth
