#pragma once

#include <iosfwd>
#include <vector>

#include "bench/speed/speed.h"

namespace gradepth {

/// The suite's rows as tables for a terminal of 80 columns: what was checked, gradient growth
/// beside theory, speed with the providers side by side, time and growth over one depth axis,
/// training.
void print_suite(const std::vector<Row>& rows, std::ostream& out);

}  // namespace gradepth
