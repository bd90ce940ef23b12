#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "host/providers/provider.h"
#include "host/text/status.h"
#include "host/train/sequences.h"
#include "host/train/spec.h"

/// Trains one recurrent net on a task, through any provider.
///
///   for each batch:  h_T = net(x);  L = cross-entropy(V h_T + c);  dL/dh_T goes back through time
///                    clip, update
/// The recurrent net and its gradient are the provider's, in the spec's number format; the head,
/// the clip and the update are float64 on the host, and the weights are rounded to the format after
/// every update. Batches come from a counter-based stream, so a seed gives the same run again.
namespace gradepth::train {

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
  Status status = Status::ok;  // ok, unsupported, error
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

/// std::invalid_argument, one line naming the flag, the value and what is allowed.
void validate(const TrainSpec& spec);

/// Trains on the task's data. std::invalid_argument for a bad spec or a bad data file; a provider
/// that cannot, or fails, is a result with that status and its reason.
TrainResult train(const TrainSpec& spec, Provider& provider, const Progress& progress = {});

/// The same on data already read.
TrainResult train(const TrainSpec& spec, Provider& provider, const Sequences& train_data,
                  const Sequences& test_data, const Progress& progress = {});

}  // namespace gradepth::train
