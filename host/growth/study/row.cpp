#include "host/growth/study/row.h"

#include <cmath>

#include "host/device/vector_target.h"
#include "host/growth/knobs/knobs.h"
#include "host/text/json.h"

namespace gradepth::growth {
namespace {

using Json = json::Value;

Json exponent(const Interval& x) {
  return {{"exponent", json::number(x.value)},
          {"low", json::number(x.low)},
          {"high", json::number(x.high)}};
}

Json law(const std::optional<Law>& l) {
  if (!l) return nullptr;
  Json json{{"kind", std::string(name(l->kind))}};
  json.update(exponent(l->exponent));
  return json;
}

Json window(const GainWindow& w) {
  return {{"low", json::number(w.low)},
          {"high", json::number(w.high)},
          {"width", json::number(w.width())},
          {"reason", w.reason}};
}

Json theory(const GrowthResult& result) {
  const std::optional<Theory>& t = result.theory;
  if (!t) return nullptr;
  Json moments = nullptr;
  if (t->moments) {
    moments = {{"ratio_squared_mean", json::number(t->moments->mean)},
               {"ratio_squared_variance", json::number(t->moments->variance)}};
  }
  Json total = nullptr;
  if (t->total) {
    total = {{"mean", json::number(t->total->mean)}, {"spread", json::number(t->total->spread)}};
  }
  return {{"rate", json::number(t->rate)},
          {"asymptotic", json::number(t->asymptotic)},
          {"formula", t->formula},
          {"source", t->source},
          {"q", json::number(t->q)},
          {"chi", json::number(t->chi)},
          {"critical_sigma", json::number(t->critical_sigma)},
          {"xi", json::number(t->xi)},
          {"xi_q", json::number(t->xi_q)},
          {"moments", moments},
          {"total", total},
          {"law", law(result.theory_law)}};
}

Json bound(const std::optional<Bound>& b) {
  if (!b) return nullptr;
  return {{"sigma_max", json::number(b->sigma_max)},
          {"gamma", json::number(b->gamma)},
          {"says", b->says}};
}

/// How many seeds have which.
Json verdicts(const GrowthResult& result) {
  Json json = Json::object();
  for (std::size_t i = 0; i < verdict_count; ++i) {
    if (result.verdicts[i] > 0) json[std::string(name(Verdict(i)))] = result.verdicts[i];
  }
  return json;
}

Json weight_gradient(const GrowthResult& result) {
  const WeightGradient& w = result.weight_gradient;
  Json json{{"by_lag", json::numbers_or_null(w.by_lag)},
            {"ln_by_lag", json::numbers_or_null(w.ln_by_lag)},
            {"sum", json::number(w.sum)},
            {"sum_squared_mean", json::number(w.sum_squared_mean)},
            {"cancellation", json::number(w.cancellation)},
            {"by_layer", json::numbers_or_null(w.by_layer)},
            {"cosine_lags", nullptr},
            {"cosine", nullptr},
            {"theory", nullptr}};
  const std::size_t lags = w.cosine_lags.size();
  if (lags > 0) {
    json["cosine_lags"] = w.cosine_lags;
    json["cosine"] = Json::array();
    for (std::size_t k = 0; k < lags; ++k) {
      const auto row = w.cosine.begin() + static_cast<std::ptrdiff_t>(k * lags);
      json["cosine"].push_back(json::numbers({row, row + static_cast<std::ptrdiff_t>(lags)}));
    }
  }
  if (const auto& t = result.weight_theory) {
    json["theory"] = {{"sum", json::number(t->sum)},
                      {"sum_squared_mean", json::number(t->sum_squared_mean)},
                      {"formula", t->formula},
                      {"source", t->source}};
  }
  return json;
}

void add_lyapunov(Json& row, const JacobianGrowth& growth) {
  for (const char* key : {"lyapunov", "lyapunov_low", "lyapunov_high", "lyapunov_theory"}) {
    row[key] = nullptr;
  }
  if (growth.lyapunov.empty()) return;
  for (const char* key : {"lyapunov", "lyapunov_low", "lyapunov_high"}) row[key] = Json::array();
  for (const Interval& x : growth.lyapunov) {
    row["lyapunov"].push_back(json::number(x.value));
    row["lyapunov_low"].push_back(json::number(x.low));
    row["lyapunov_high"].push_back(json::number(x.high));
  }
  if (const auto& theory = growth.lyapunov_theory) {
    row["lyapunov_theory"] = Json{{"exponents", json::numbers(theory->exponents)},
                                  {"formula", theory->formula},
                                  {"source", theory->source}};
  }
}

void add_jacobians(Json& row, const GrowthSpec& spec, const JacobianGrowth& growth) {
  add_lyapunov(row, growth);
  row["singular_values"] =
      growth.singular_values.empty() ? Json(nullptr) : json::numbers(growth.singular_values);
  row["largest_singular_value"] = nullptr;
  if (growth.ln_largest) {
    row["largest_singular_value"] =
        Json{{"ln", json::number(*growth.ln_largest)},
             {"exponent", json::number(*growth.ln_largest / static_cast<double>(spec.depth))}};
  }
  row["transient"] = nullptr;
  if (const auto& t = growth.transient) {
    row["transient"] = Json{{"max", json::number(std::exp(t->ln_max))},
                            {"step", t->step},
                            {"last", json::number(std::exp(t->ln_last))},
                            {"ln_max", json::number(t->ln_max)},
                            {"ln_last", json::number(t->ln_last)}};
  }
  row["spectral_radius"] = json::number(growth.spectral_radius);
  row["renormalised"] = nullptr;
  if (const auto& r = growth.renormalised) {
    row["renormalised"] = Json{{"ln_norm", Json{{"median", json::numbers(r->median)}}},
                               {"rate", json::interval(r->rate)},
                               {"total", json::interval(r->total)}};
  }
}

/// With --precision: one object for each format.
Json precision(const std::vector<PrecisionHorizon>& horizons) {
  Json array = Json::array();
  for (const PrecisionHorizon& h : horizons) {
    array.push_back(
        {{"dtype", std::string(name(h.dtype))},
         {"flush", h.flush},
         {"loss_scale", h.loss_scale},
         {"lost_at", json::number(h.lost_at)},
         {"saving_loss_scale", json::number(h.saving_loss_scale)},
         {"best", {{"loss_scale", h.best_loss_scale}, {"lost_at", json::number(h.best_lost_at)}}},
         {"ln_range",
          {{"format", json::number(h.ln_range)}, {"needed", json::number(h.ln_needed)}}},
         {"zero", json::numbers(h.zero)},
         {"subnormal", json::numbers(h.subnormal)},
         {"nonfinite", json::numbers(h.nonfinite)},
         {"dead_slope", json::numbers(h.dead_slope)}});
  }
  return array;
}

/// What an ok one has.
void add_result(Json& json, const GrowthSpec& spec, const GrowthResult& result) {
  json["ln_norm"] = Json{{"median", json::numbers(result.ln_norm.median)},
                         {"p10", json::numbers(result.ln_norm.p10)},
                         {"p90", json::numbers(result.ln_norm.p90)},
                         {"mean", json::numbers(result.ln_norm.mean)}};
  json["norms_from"] = std::string(name(result.norms_from));
  json["ratio"] = json::numbers(result.ratio);
  json["ratio_squared_mean"] = json::numbers(result.ratio_squared_mean);
  json["ratio_squared_variance"] = json::numbers(result.ratio_squared_variance);
  json["ln_mean_square"] = json::numbers(result.ln_mean_square);
  json["rate"] = json::interval(result.rate);
  constexpr std::size_t few = 5000;  // seeds that a row lists one by one
  json["rates"] = result.rates.size() <= few ? json::numbers(result.rates) : Json(nullptr);
  json["growths"] = result.growths.size() <= few ? json::numbers(result.growths) : Json(nullptr);
  json["law"] = law(result.law.law);
  json["law_reason"] = result.law.reason;
  json["law_gamma"] = result.law.gamma ? json::interval(*result.law.gamma) : Json(nullptr);
  json["theory"] = theory(result);
  if (const auto& w = result.window) {
    json["window"] = window(w->measured);
    json["window"]["evaluations"] = w->measured.evaluations;
    json["window"]["theory"] = w->theory ? window(*w->theory) : Json(nullptr);
  }
  json["bound"] = bound(result.bound);
  json["total"] = json::interval(result.total);
  json["rate_slope"] = json::interval(result.rate_slope);
  json["rate_weight"] = json::interval(result.rate_weight);
  json["slope_part"] = json::numbers(result.slope_part);
  json["weight_part"] = json::numbers(result.weight_part);
  json["verdict"] = std::string(name(result.verdict));
  json["verdicts"] = verdicts(result);
  json["reach"] = json::number(result.reach);
  json["zero"] = json::numbers(result.zero);
  json["subnormal"] = json::numbers(result.subnormal);
  json["nonfinite"] = json::numbers(result.nonfinite);
  json["saturated"] = json::numbers(result.saturated);
  json["open"] = json::numbers(result.open);
  json["ln_open_paths"] = json::numbers(result.ln_open_paths);
  json["forward_norm"] = json::numbers(result.forward_norm);
  json["weight_gradient"] = weight_gradient(result);
  add_jacobians(json, spec, result.jacobians);
}

}  // namespace

IdentityText row_identity(const GrowthSpec& spec, std::string_view provider, const Beside& beside) {
  IdentityText text;
  text.add("kind", "growth")
      .add(growth_knobs().identity(spec))
      .add("provider", provider)
      .add("vector", vector_target());
  if (beside.horizons) text.add("precision", true);
  if (beside.at.empty()) return text;
  std::string axes;
  for (const auto& [key, value] : beside.at) axes += (axes.empty() ? "" : ",") + key;
  return text.add("sweep", axes);
}

Json row(const GrowthSpec& spec, const GrowthResult& result, const Beside& beside) {
  Json json{{"kind", "growth"},
            {"name", result.name},
            {"provider", result.provider},
            {"dtype", std::string(name(spec.dtype))},
            {"status", name(result.status)},
            {"reason", result.reason},
            {"seeds", result.rates.empty() ? spec.seeds : std::ssize(result.rates)},
            {"depth", spec.depth},
            {"setting", growth_knobs().setting(spec)},
            {"identity", row_identity(spec, result.provider, beside).text()}};
  if (result.status == Status::ok) add_result(json, spec, result);
  if (beside.horizons && !beside.horizons->empty()) json["precision"] = precision(*beside.horizons);
  for (const auto& [key, value] : beside.at) json["sweep"][key] = value;
  return json;
}

}  // namespace gradepth::growth
