#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <vector>

#include "host/growth/studies/sweep.h"

namespace gradepth {

/// The axes of a sweep, from the `sweep` keys of its rows.
std::vector<growth::SweepAxis> axes_of(const std::vector<nlohmann::ordered_json>& rows);

/// A sweep for people, within 80 columns: one axis as a table with a bar for the rate, two as a map
/// of verdicts with the critical gain of theory, more as a plain table. `rows` by cell, the last
/// axis fastest.
void print_sweep(std::ostream& out, const std::vector<growth::SweepAxis>& axes,
                 const std::vector<nlohmann::ordered_json>& rows);

/// Tidy CSV, one line per cell, the swept knobs as its first columns of numbers.
void print_sweep_csv(std::ostream& out, const std::vector<growth::SweepAxis>& axes,
                     const std::vector<nlohmann::ordered_json>& rows);

}  // namespace gradepth
