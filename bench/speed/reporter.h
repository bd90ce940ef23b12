#pragma once

#include <benchmark/benchmark.h>

#include <array>
#include <memory>
#include <string>

/// How `speed` shows what it measured: Google Benchmark's JSON, and a table and a CSV of our own in
/// place of its.
namespace gradepth {

/// What a run carries beside its time, in the order of the CSV's columns. Keys of a row, but
/// growth_rate, which is `growth.rate`. A run has those that its row has.
inline constexpr std::array speed_counters{"ms_min",   "ms_lower",    "ms_upper", "noise",
                                           "samples",  "disturbed",   "bytes",    "flops",
                                           "gb_per_s", "gflop_per_s", "of_limit", "growth_rate"};

/// Reports in `format`: console, json or csv. The console's table fits 80 columns and has one
/// header per family; times are in the unit of the runs. Names are without what Google Benchmark
/// adds to them.
std::unique_ptr<benchmark::BenchmarkReporter> make_reporter(const std::string& format, bool color);

/// Whether standard output takes colours: `color` is true, false or auto, which asks for a terminal
/// that can and for no NO_COLOR.
bool takes_color(const std::string& color);

}  // namespace gradepth
