#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "host/growth/study/spec.h"

/// `growth --weights FILE`: somebody's own net.
namespace gradepth {

struct WeightsFlags {
  std::string weights;  // a file's path
  std::string inputs;   // another's: what the layer was run on
  std::optional<std::string> module;
  std::string layer = "0";
};

/// --weights, --module, --layer and --inputs.
void add_weights_flags(CLI::App& command, WeightsFlags& flags);

/// Reads the file of --weights, if it was given, into the spec, whose net and width follow from it.
/// std::invalid_argument, in one line, for a file that is refused and for flags that contradict it.
void read_weights(const CLI::App& command, WeightsFlags& flags, growth::GrowthSpec& spec);

}  // namespace gradepth
