#include "bench/studies/net_study.h"

#include <optional>

#include "bench/rows/output.h"
#include "host/growth/precision/horizon.h"
#include "host/growth/studies/sweep.h"
#include "host/growth/study/measure.h"
#include "host/growth/study/row.h"

namespace gradepth {
namespace {

/// A growth row without what is long and no question here.
Row net_row(const Row& whole) {
  Row net;
  for (const char* key : {"name", "status", "reason", "seeds", "depth", "setting", "rate",
                          "rate_slope", "rate_weight", "law", "law_gamma", "law_reason", "theory",
                          "window", "total", "verdict", "forward_norm", "ln_open_paths"}) {
    if (whole.contains(key)) net[key] = whole[key];
  }
  if (whole.contains("ln_norm")) net["ln_norm"]["median"] = whole["ln_norm"]["median"];
  if (whole.contains("weight_gradient")) {
    for (const char* key : {"sum_squared_mean", "theory"}) {
      net["weight_gradient"][key] = whole["weight_gradient"][key];
    }
  }
  if (!whole.contains("precision")) return net;
  for (const Row& horizon : whole["precision"]) {
    Row kept;
    for (const char* key :
         {"dtype", "flush", "loss_scale", "lost_at", "saving_loss_scale", "best"}) {
      kept[key] = horizon[key];
    }
    net["precision"].push_back(std::move(kept));
  }
  return net;
}

growth::Beside beside(const NetStudy& study) {
  growth::Beside asked;
  if (study.precision) asked.horizons.emplace();
  return asked;
}

}  // namespace

IdentityText net_study_identity(const NetStudy& study, std::string_view provider) {
  IdentityText identity;
  identity.add("study", study.name);
  for (std::size_t i = 0; i < study.nets.size(); ++i) {
    identity.add("net" + std::to_string(i),
                 growth::row_identity(study.nets[i], provider, beside(study)).text());
  }
  return identity;
}

double work(const NetStudy& study) {
  double sum = 0;
  for (const growth::GrowthSpec& net : study.nets) {
    constexpr double gains = 25;  // that a window takes
    sum += growth::work(net) * (net.window ? gains : study.precision ? gains : 1);
  }
  return sum;
}

Row net_study_row(const NetStudy& study, Provider& provider) {
  Row row{{"kind", "study"},     {"name", study.name + '/' + std::string(provider.name())},
          {"study", study.name}, {"provider", provider.name()},
          {"dtype", "f32"},      {"status", name(Status::ok)},
          {"reason", ""},        {"identity", net_study_identity(study, provider.name()).text()},
          {"nets", Row::array()}};
  for (const growth::GrowthSpec& spec : study.nets) {
    const growth::GrowthResult result = growth::measure_growth(spec, provider);
    growth::Beside asked = beside(study);
    if (study.precision && result.status == Status::ok) {
      asked.horizons = growth::precision_horizons(spec);
    }
    if (result.status != Status::ok && status_of(row) == Status::ok) {
      set_status(row, result.status, result.reason);
    }
    row["nets"].push_back(net_row(growth::row(spec, result, asked)));
  }
  return row;
}

}  // namespace gradepth
