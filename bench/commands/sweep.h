#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/timing/results.h"
#include "host/growth/studies/sweep.h"
#include "host/problem/identity.h"
#include "host/providers/provider.h"

namespace gradepth {

/// A growth row with the values of its axes under `sweep`, and what it answers.
Row sweep_row(const growth::SweepCell& cell, const growth::GrowthResult& result);
/// What a cell's row answers (host/problem/identity.h): the net of its own, as a point of these
/// axes.
IdentityText sweep_identity(const growth::SweepCell& cell, std::string_view provider);

/// Those cells that `results` has no row of, by their numbers.
std::vector<std::size_t> open_cells(const std::vector<growth::SweepCell>& cells,
                                    std::string_view provider, const Results& results);

struct SweepOptions {
  std::string axes;    // gain=0.5:4:0.1,depth=10:100:10
  std::string out;     // folder of the results; empty: results/<time>
  std::string format;  // table, json or csv
};

/// Measures a grid of nets, shows progress on stderr and the outcome on stdout, and keeps each row
/// in the folder's results.jsonl: the same sweep with the same folder goes on where it was
/// interrupted, and takes in new values of its axes. Exit status: 1 if a cell is not ok.
/// std::invalid_argument for axes that do not fit, and for a folder with rows of other settings;
/// Interrupted after Ctrl-C.
int run_sweep_command(const SweepOptions& options, const growth::GrowthSpec& spec,
                      Provider& provider);

}  // namespace gradepth
