#pragma once

#include <iosfwd>
#include <string>

#include "bench/compare/runs.h"
#include "bench/rows/output.h"

namespace gradepth {

/// What `compare` shows on standard output: rows, which answer `identity`, by way of `output`, or a
/// table on `out`. `all`: also the rows that did not change.
void print_comparison(const RunComparison& comparison, const std::string& identity, bool all,
                      Output& output, std::ostream& out);

}  // namespace gradepth
