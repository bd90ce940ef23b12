#pragma once

#include "host/knobs/knob.h"
#include "host/train/spec.h"

namespace gradepth::train {

/// All knobs of a training run, the only list of them; data counts by the checksum of the file.
/// tests/train/knobs_test.cpp finds a field of TrainSpec without one.
[[nodiscard]] const KnobTable<TrainSpec>& train_knobs();

}  // namespace gradepth::train
