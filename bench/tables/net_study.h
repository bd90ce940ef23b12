#pragma once

#include <iosfwd>

#include "bench/rows/row.h"

namespace gradepth {

/// `elman relu, fresh W`: a net by its `setting`, and what sets it apart from its neighbours.
std::string net_label(const Row& setting);

/// A row of several nets (bench/studies/net_study.h) for people, within 80 columns.
void print_net_study(std::ostream& out, const Row& row);

}  // namespace gradepth
