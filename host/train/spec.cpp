#include "host/train/spec.h"

namespace gradepth::train {

TrainSpec with_defaults(TrainSpec spec) {
  const bool sgd = spec.optimiser == Method::sgd;
  if (!spec.learning_rate) spec.learning_rate = sgd ? spec.net->sgd_rate : spec.net->adam_rate;
  if (!spec.input_scale) spec.input_scale = spec.net->input_scale;
  return spec;
}

}  // namespace gradepth::train
