#pragma once

#include <optional>
#include <string>

#include "bench/rows/origin.h"
#include "bench/timing/limits.h"
#include "host/providers/provider.h"

namespace gradepth {

/// The model name of the processor, from /proc/cpuinfo; "unknown" where that cannot be read.
std::string processor_name();
/// Processors that this process may use.
int processor_count();

/// What this process computes with.
Machinery machinery();

/// A row of kind "info": version, date, processor, cores, memory_bytes, openmp, limits {gb_per_s,
/// gflop_per_s} (null where they were not measured), providers {name: version}, missing {name:
/// reason}.
Row info_row(const Providers& providers, const std::optional<Limits>& limits);

}  // namespace gradepth
