#pragma once

#include <filesystem>
#include <string>

#include <nlohmann/json.hpp>

#include "host/growth/grid.h"
#include "host/provider.h"

namespace gradepth {

/// A growth row with the values of its axes under `sweep`.
nlohmann::ordered_json sweep_row(const growth::SweepCell& cell, const growth::GrowthResult& result);

struct SweepOptions {
  std::string axes;    // gain=0.5:4:0.1,depth=10:100:10
  std::string out;     // folder of the results; empty: results/<time>
  std::string format;  // table, json or csv
};

/// Measures a grid of nets, shows progress on stderr and the outcome on stdout, and keeps each row
/// in the folder's results.jsonl: the same sweep with the same folder goes on where it was
/// interrupted. Exit status: 1 if a cell is not ok. std::invalid_argument for axes that do not fit;
/// Interrupted after Ctrl-C.
int run_sweep_command(const SweepOptions& options, const growth::GrowthSpec& spec,
                      Provider& provider, Provider* reference);

}  // namespace gradepth
