#pragma once

#include <array>
#include <string_view>

#include "host/draw/initialise.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"
#include "kernels/named.h"

namespace gradepth::train {

/// A net that can be trained: a cell, how it starts, and the settings that trained best here within
/// 30 epochs at width 64 (README.md).
struct TrainNet {
  std::string_view name;
  RecurrentCell cell;
  Activation activation;
  WeightInit::Kind W;       // of the recurrent weights, gain 1
  bool takes_init = false;  // whether the run says how they start, in place of W
  double forget_bias = 0;
  double input_scale = 1;
  double sgd_rate = 0.1;
  double adam_rate = 2e-3;
};

/// The only list. `irnn`: Le, Jaitly & Hinton 2015, W = I, b = 0.
inline constexpr std::array<TrainNet, 3> train_nets{TrainNet{.name = "elman-tanh",
                                                             .cell = "elman",
                                                             .activation = "tanh",
                                                             .W = WeightInit::Kind::orthogonal,
                                                             .takes_init = true,
                                                             .input_scale = 0.3},
                                                    TrainNet{.name = "irnn",
                                                             .cell = "elman",
                                                             .activation = "relu",
                                                             .W = WeightInit::Kind::identity,
                                                             .sgd_rate = 1e-3,
                                                             .adam_rate = 1e-3},
                                                    TrainNet{.name = "lstm",
                                                             .cell = "lstm",
                                                             .activation = "tanh",
                                                             .W = WeightInit::Kind::gaussian,
                                                             .forget_bias = 1,
                                                             .adam_rate = 1e-2}};

}  // namespace gradepth::train
