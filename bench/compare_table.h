#pragma once

#include <iosfwd>

#include "bench/compare_runs.h"

namespace gradepth {

/// What `compare` shows on standard output. `all`: also the rows that did not change.
void print_comparison(const RunComparison& comparison, const std::string& format, bool all,
                      std::ostream& out);

}  // namespace gradepth
