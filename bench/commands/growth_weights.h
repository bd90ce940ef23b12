#pragma once

#include <CLI/CLI.hpp>

#include "bench/commands/growth_flags.h"

/// `growth --weights FILE`: somebody's own net.
namespace gradepth {

/// --weights, --module, --layer and --inputs.
void add_weights_flags(CLI::App& command, GrowthFlags& flags);

/// Reads the file of --weights, if it was given, into `flags.read_weights`; the net and its width
/// follow from it. std::invalid_argument, in one line, for a file that is refused and for flags
/// that contradict it.
void read_weights(const CLI::App& command, GrowthFlags& flags);

}  // namespace gradepth
