#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "host/problem/dtype.h"
#include "host/train/net.h"
#include "host/train/optimiser.h"

namespace gradepth::train {

enum class Task : std::uint8_t { digits };
inline constexpr std::array<std::string_view, 1> task_names{"digits"};
constexpr std::string_view name(Task task) { return task_names[static_cast<std::size_t>(task)]; }

/// How recurrent weights start.
enum class Start : std::uint8_t { orthogonal, gaussian };
inline constexpr std::array<std::string_view, 2> start_names{"orthogonal", "gaussian"};
constexpr std::string_view name(Start start) {
  return start_names[static_cast<std::size_t>(start)];
}

/// One training run. What can be set of it is said by its knobs (knobs.h).
struct TrainSpec {
  Task task = Task::digits;
  OneOf<train_nets> net = "elman-tanh";
  Start init = Start::orthogonal;  // of a net that takes it; gain 1
  /// Wx is Gaussian, deviation input_scale/√I; none: the net's own.
  std::optional<double> input_scale;
  std::int64_t width = 64;  // H
  std::int64_t batch = 32;  // B; what is left of an epoch is dropped
  std::int64_t epochs = 30;
  std::optional<std::int64_t> steps;  // this many updates, and epochs is not looked at
  Method optimiser = Method::adam;
  std::optional<double> learning_rate;  // none: the net's own
  Clip clip;                            // norm 1
  Dtype dtype = Dtype::f32;
  std::uint64_t seed = 1;
  std::string data;  // path of the digits, bench/data/digits.csv
};

/// The spec with what it leaves to the net filled in.
TrainSpec with_defaults(TrainSpec spec);

}  // namespace gradepth::train
