#include "host/train/spec.h"

namespace gradepth::train {

double default_learning_rate(const TrainSpec& spec) {
  if (spec.optimiser == "sgd") return spec.net == "irnn" ? 1e-3 : 0.1;
  return spec.net == "irnn" ? 1e-3 : spec.net == "lstm" ? 1e-2 : 2e-3;
}

double default_input_scale(const TrainSpec& spec) { return spec.net == "elman-tanh" ? 0.3 : 1; }

TrainSpec with_defaults(TrainSpec spec) {
  if (!spec.learning_rate) spec.learning_rate = default_learning_rate(spec);
  if (!spec.input_scale) spec.input_scale = default_input_scale(spec);
  return spec;
}

}  // namespace gradepth::train
