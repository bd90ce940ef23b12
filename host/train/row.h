#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "host/problem/identity.h"
#include "host/train/train.h"

namespace gradepth::train {

/// `train/digits/irnn/f32/T64_B32_H64_seed1/cpu`
std::string name(const TrainResult& result);

/// What a row of this provider answers (host/problem/identity.h).
IdentityText row_identity(const TrainSpec& spec, std::string_view provider);

/// The result as a row of results.jsonl: the keys every row has, the spec, and
///   steps, loss_curve {step, loss} (means of at most 200 equal stretches of steps),
///   accuracy {step, value} on the test part by epoch, test_accuracy (the last),
///   baseline_loss, clipped_fraction, skipped_updates,
///   gradient_norm {p10, median, p90, max} before clipping, null without a finite one,
///   seconds, train_size, test_size
nlohmann::ordered_json to_row(const TrainResult& result);

}  // namespace gradepth::train
