#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "bench/limits.h"
#include "host/provider.h"

namespace gradepth {

/// The model name of the processor, from /proc/cpuinfo; "unknown" where that cannot be read.
std::string processor_name();
/// Processors that this process may use.
int processor_count();

/// A row of kind "info": version, date, processor, cores, memory_bytes, compiler, build, limits
/// {gb_per_s, gflop_per_s}, providers {name: version}, missing {name: reason}.
nlohmann::ordered_json info_row(const Providers& providers, const Limits& limits);

}  // namespace gradepth
