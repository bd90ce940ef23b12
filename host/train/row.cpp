#include "host/train/row.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "host/device/vector_target.h"
#include "host/text/json.h"
#include "host/train/knobs.h"

namespace gradepth::train {
namespace {

using nlohmann::ordered_json;

/// Means over equal stretches, at most `most` of them, each at its last step.
ordered_json thinned(const std::vector<double>& loss, std::size_t most) {
  ordered_json step = ordered_json::array();
  ordered_json value = ordered_json::array();
  const std::size_t stretch = std::max<std::size_t>(1, (loss.size() + most - 1) / most);
  for (std::size_t begin = 0; begin < loss.size(); begin += stretch) {
    const std::size_t end = std::min(begin + stretch, loss.size());
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += loss[i];
    step.push_back(end);
    value.push_back(json::number(sum / static_cast<double>(end - begin)));
  }
  return {{"step", step}, {"loss", value}};
}

/// The p-quantile of sorted values, interpolated.
double quantile(const std::vector<double>& sorted, double p) {
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return std::lerp(sorted[low], sorted[high], at - static_cast<double>(low));
}

ordered_json norm_quantiles(std::vector<double> norms) {
  std::erase_if(norms, [](double x) { return !std::isfinite(x); });
  if (norms.empty()) return nullptr;
  std::sort(norms.begin(), norms.end());
  return {{"p10", quantile(norms, 0.1)},
          {"median", quantile(norms, 0.5)},
          {"p90", quantile(norms, 0.9)},
          {"max", norms.back()}};
}

}  // namespace

std::string name(const TrainResult& r) {
  const std::string tags = train_knobs().tags(r.spec);
  std::string words = "train/";
  words += name(r.spec.task);
  words += '/';
  words += r.spec.net.name();
  return words + (tags.empty() ? "" : '-' + tags) + '/' +
         std::string(gradepth::name(r.spec.dtype)) + "/T" + std::to_string(r.T) + "_B" +
         std::to_string(r.spec.batch) + "_H" + std::to_string(r.spec.width) + "_seed" +
         std::to_string(r.spec.seed) + '/' + r.provider;
}

IdentityText row_identity(const TrainSpec& spec, std::string_view provider) {
  return IdentityText()
      .add("kind", "train")
      .add(train_knobs().identity(with_defaults(spec)))
      .add("provider", provider)
      .add("vector", vector_target());
}

ordered_json to_row(const TrainResult& r) {
  ordered_json row = {{"kind", "train"},
                      {"name", name(r)},
                      {"provider", r.provider},
                      {"dtype", gradepth::name(r.spec.dtype)},
                      {"status", gradepth::name(r.status)},
                      {"reason", r.reason}};
  const json::Value setting = train_knobs().setting(r.spec);
  for (const auto& [key, value] : setting.items()) row[key] = value;
  row["identity"] = row_identity(r.spec, r.provider).text();
  row["train_size"] = r.train_size;
  row["test_size"] = r.test_size;
  row["baseline_loss"] = r.baseline_loss;
  if (r.status != Status::ok) return row;

  row["detail"] = r.detail;
  row["steps"] = r.loss.size();
  row["loss_curve"] = thinned(r.loss, 200);
  row["loss"] = row["loss_curve"]["loss"].back();
  ordered_json step = ordered_json::array();
  ordered_json accuracy = ordered_json::array();
  for (const Epoch& epoch : r.epochs) {
    step.push_back(epoch.step);
    accuracy.push_back(epoch.accuracy);
  }
  row["accuracy"] = {{"step", step}, {"value", accuracy}};
  row["test_accuracy"] = r.epochs.back().accuracy;
  row["clipped_fraction"] =
      static_cast<double>(r.clipped) / static_cast<double>(r.gradient_norm.size());
  row["skipped_updates"] = r.skipped;
  row["gradient_norm"] = norm_quantiles(r.gradient_norm);
  row["seconds"] = r.seconds;
  return row;
}

}  // namespace gradepth::train
