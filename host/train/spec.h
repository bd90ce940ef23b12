#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "host/problem/dtype.h"
#include "host/train/optimiser.h"

namespace gradepth::train {

/// One training run. What can be set of it is said by its knobs (knobs.h).
///
/// The nets: `elman-tanh`; `irnn`, which is elman relu started at W = I, b = 0 (Le, Jaitly & Hinton
/// 2015); `lstm` with forget bias 1.
struct TrainSpec {
  std::string task = "digits";
  std::string net = "elman-tanh";
  std::string init = "orthogonal";  // elman-tanh's Wh: orthogonal or gaussian, gain 1
  /// Wx is Gaussian, deviation input_scale/√I; none: the net's own.
  std::optional<double> input_scale;
  std::int64_t width = 64;  // H
  std::int64_t batch = 32;  // B; what is left of an epoch is dropped
  std::int64_t epochs = 30;
  std::optional<std::int64_t> steps;    // this many updates, and epochs is not looked at
  std::string optimiser = "adam";       // adam or sgd
  std::optional<double> learning_rate;  // none: default_learning_rate
  Clip clip;                            // norm 1
  Dtype dtype = Dtype::f32;
  std::uint64_t seed = 1;
  std::string data;  // path of the digits, bench/data/digits.csv
};

/// The settings that trained best here within 30 epochs at width 64; see host/train/README.md.
double default_learning_rate(const TrainSpec& spec);
double default_input_scale(const TrainSpec& spec);

/// The spec with what it leaves to the net filled in.
TrainSpec with_defaults(TrainSpec spec);

}  // namespace gradepth::train
