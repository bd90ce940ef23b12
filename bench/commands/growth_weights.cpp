#include "bench/commands/growth_weights.h"

#include <iostream>
#include <memory>
#include <regex>
#include <stdexcept>
#include <string>

#include "bench/cli/command_line.h"
#include "host/draw/pytorch.h"
#include "host/draw/weights_file.h"
#include "host/growth/knobs/fits.h"

namespace gradepth {
namespace {

/// Draws and files exclude each other.
void refuse_drawing(const CLI::App& command) {
  for (const char* flag : {"--init", "--bias", "--density", "--preset"}) {
    if (command.count(flag) > 0) refuse(flag, "not beside --weights, whose numbers are given");
  }
}

/// What `read` finds wrong with a flag's file, with both before it.
template <class Read>
void of_file(const char* flag, const std::string& path, Read read) {
  try {
    read();
  } catch (const std::invalid_argument& error) {
    refuse(flag, printable(path), error.what());
  }
}

RecurrentWeights read_layer(const WeightsFlags& flags, bool takes_inputs) {
  const auto say = [](const std::string& size) { std::cerr << "reading " << size << '\n'; };
  RecurrentWeights weights;
  of_file("--weights", flags.weights, [&] {
    weights =
        growth::read_pytorch_layer(flags.weights, {flags.module, flags.layer, takes_inputs}, say);
  });
  if (takes_inputs) {
    of_file("--inputs", flags.inputs, [&] {
      growth::read_layer_inputs(weights, flags.inputs, flags.layer.ends_with("_reverse"), say);
    });
  }
  return weights;
}

}  // namespace

void add_weights_flags(CLI::App& command, WeightsFlags& flags) {
  command.add_option("--weights", flags.weights,
                     "a trained PyTorch RNN, LSTM or GRU: its state_dict as safetensors or npz; "
                     "--input is what its weight_ih would give, unless there are --inputs");
  command.add_option("--module", flags.module, "of --weights: encoder.lstm, where it has several");
  command.add_option("--layer", flags.layer, "of --weights: 0, 1 ... or 0_reverse ...")
      ->capture_default_str();
  command.add_option("--inputs", flags.inputs,
                     "of --weights: what it was run on, x [T, B, I] in an npz or safetensors file; "
                     "T is then the depth");
}

void read_weights(const CLI::App& command, WeightsFlags& flags, growth::GrowthSpec& spec) {
  if (command.count("--weights") == 0) {
    for (const char* flag : {"--module", "--layer", "--inputs"}) {
      if (command.count(flag) > 0) refuse(flag, "only with --weights FILE");
    }
    return;
  }
  refuse_drawing(command);
  std::smatch layer;
  if (!std::regex_match(flags.layer, layer, std::regex("0*([0-9]{1,6}(_reverse)?)"))) {
    refuse("--layer " + printable(flags.layer), "a whole number, with _reverse or without");
  }
  flags.layer = layer[1];
  spec.init.weights =
      std::make_shared<const RecurrentWeights>(read_layer(flags, command.count("--inputs") > 0));
  spec.init.W.kind = WeightInit::Kind::file;
  const RecurrentWeights& weights = *spec.init.weights;
  if (command.count("--net") == 0) spec.net = weights.cell;
  if (command.count("--width") == 0) spec.width = weights.Wh.shape.at(1);
  growth::refuse_other_layer(spec, weights);
  if (!weights.has_inputs()) return;
  if (command.count("--depth") == 0) spec.depth = weights.x.shape.at(0);
  if (command.count("--batch") == 0) spec.batch = weights.x.shape.at(1);
}

}  // namespace gradepth
