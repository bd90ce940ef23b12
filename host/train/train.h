#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/identity.h"
#include "host/providers/provider.h"
#include "host/train/optimiser.h"
#include "host/train/sequences.h"

/// Trains one recurrent net on a task, through any provider.
///
///   for each batch:  h_T = net(x);  L = cross-entropy(V h_T + c);  dL/dh_T goes back through time
///                    clip, update
/// The recurrent net and its gradient are the provider's, in the spec's number format; the head,
/// the clip and the update are float64 on the host, and the weights are rounded to the format after
/// every update. Batches come from a counter-based stream, so a seed gives the same run again.
namespace gradepth::train {

/// The nets: `elman-tanh`; `irnn`, which is elman relu started at W = I, b = 0 (Le, Jaitly & Hinton
/// 2015); `lstm` with forget bias 1.
inline constexpr std::string_view net_names = "elman-tanh, irnn, lstm";

struct TrainSpec {
  std::string task = "digits";
  std::string net = "elman-tanh";
  std::string init = "orthogonal";  // elman-tanh's Wh: orthogonal or gaussian, gain 1
  std::optional<double>
      input_scale;          // Wx is Gaussian, deviation input_scale/√I; none: the net's own
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

/// What an epoch came to.
struct Epoch {
  std::int64_t step = 0;  // updates so far
  double loss = 0;        // mean training loss since the last epoch
  double accuracy = 0;    // on the test part
};
using Progress = std::function<void(const Epoch&)>;

struct TrainResult {
  TrainSpec spec;  // with_defaults
  std::string provider;
  std::string status = "ok";  // ok, unsupported, error
  std::string reason;
  std::string detail;  // the plan's
  std::int64_t T = 0;
  std::size_t train_size = 0;
  std::size_t test_size = 0;
  double baseline_loss = 0;           // of a uniform guess: ln classes
  std::vector<double> loss;           // by step
  std::vector<double> gradient_norm;  // by step, before clipping
  std::vector<Epoch> epochs;
  std::int64_t clipped = 0;  // steps whose gradient the clip changed
  std::int64_t skipped = 0;  // steps left out because the norm was not finite
  double seconds = 0;        // training steps and tests, without reading the data and planning
};

/// The settings that trained best here within 30 epochs at width 64; see host/train/README.md.
double default_learning_rate(const TrainSpec& spec);
double default_input_scale(const TrainSpec& spec);

/// The spec with what it leaves to the net filled in.
TrainSpec with_defaults(TrainSpec spec);

/// All of a spec with its defaults (host/problem/identity.h); the data by the checksum of the file.
IdentityText identity(const TrainSpec& spec);

/// std::invalid_argument, one line naming the flag, the value and what is allowed.
void validate(const TrainSpec& spec);

/// Trains on the task's data. std::invalid_argument for a bad spec or a bad data file; a provider
/// that cannot, or fails, is a result with that status and its reason.
TrainResult train(const TrainSpec& spec, Provider& provider, const Progress& progress = {});

/// The same on data already read.
TrainResult train(const TrainSpec& spec, Provider& provider, const Sequences& train_data,
                  const Sequences& test_data, const Progress& progress = {});

}  // namespace gradepth::train
