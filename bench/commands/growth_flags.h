#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "host/growth/study/spec.h"

namespace gradepth {

/// What the flags of `growth` say, as text where more than a number is meant.
struct GrowthFlags {
  std::string net = "mlp";
  std::string activation = "tanh";
  std::int64_t depth = 50;
  std::int64_t width = 128;
  std::int64_t batch = 1;
  std::string init = "gaussian:1";
  std::string bias = "constant:0";
  std::string h0 = "gaussian:1";
  std::string input = "zero";
  double forget_bias = 0;
  std::string loss_gradient = "sphere";
  std::string loss_on = "c";
  std::string share = "on";
  double density = 1;
  std::string residual = "plain";
  std::string form = "two-term";
  std::int64_t seeds = 8;
  std::uint64_t seed = 1;
  std::string slope = "output";
  double clip_value = 0;
  double loss_scale = 1;
  bool precision = false;
  std::int64_t lyapunov = 0;
  bool singular_values = false;
  bool transient = false;
  bool renormalised = false;
  std::string dtype = "f32";
  std::string provider = "cpu";
  std::string format = "table";
  std::string weights;  // a file's path
  std::string inputs;   // another's: what the layer was run on
  std::optional<std::string> module;
  std::string layer = "0";
  /// What `weights` names, once it is read; in place of init and bias.
  std::shared_ptr<const RecurrentWeights> read_weights;
  std::string sweep;  // gain=0.5:4:0.1,…; empty: one net
  std::string out;    // folder of a sweep's results
};

}  // namespace gradepth
