#include "host/growth/study/row.h"

#include <cmath>

#include "host/device/vector_target.h"
#include "host/draw/pytorch.h"
#include "host/text/json.h"
#include "kernels/cell/cells.h"

namespace gradepth::growth {
namespace {

using Json = json::Value;

Json theory(const std::optional<Theory>& t) {
  if (!t) return nullptr;
  Json moments = nullptr;
  if (t->moments) {
    moments = {{"ratio_squared_mean", json::number(t->moments->mean)},
               {"ratio_squared_variance", json::number(t->moments->variance)}};
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
          {"moments", moments}};
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
    json["theory"] = {
        {"sum", json::number(t->sum)}, {"formula", t->formula}, {"source", t->source}};
  }
  return json;
}

std::string input_text(const Initialisation& init) {
  using Input = Initialisation::Input;
  if (init.weights && init.weights->has_inputs()) return "file";
  if (init.input == Input::zero) return "zero";
  if (init.input == Input::impulse) return "impulse";
  return text(ValueInit{ValueInit::Kind::gaussian, init.input_scale});
}

Json weights(const RecurrentWeights& weights) {
  Json json{{"file", weights.file}, {"layer", weights.layer}, {"crc32", checksum(weights)}};
  if (weights.has_inputs()) json["inputs"] = weights.inputs_file;
  return json;
}

/// How the net was drawn: what the name does not say in full.
Json setting(const GrowthSpec& spec) {
  const Initialisation& init = spec.init;
  constexpr const char* loss_on[] = {"h", "c", "both"};
  Json json{
      {"net", spec.net},
      {"activation", spec.activation},
      {"width", spec.width},
      {"batch", spec.batch},
      {"init", text(init.W)},
      {"bias", init.weights ? "file" : text(init.bias)},
      {"h0", spec.h0_fixed_point ? "fixed-point" : text(init.h0)},
      {"input", input_text(init)},
      {"loss_gradient", init.loss == Initialisation::LossGradient::sphere ? "sphere" : "ones"},
      {"density", init.density},
      {"first_seed", spec.first_seed},
      {"clip_value", spec.clip_value},
      {"loss_scale", init.loss_scale}};
  if (init.weights) json["weights"] = weights(*init.weights);
  const CellInfo* const cell = find_cell(spec.net);
  if (cell != nullptr && cell->has_c) {
    json["loss_on"] = loss_on[static_cast<int>(init.loss_on)];
  }
  if (cell != nullptr && cell->forget_gate >= 0) json["forget_bias"] = init.forget_bias;
  if (const auto slope = slopes_from(make_problem(spec))) json["slope"] = name(*slope);
  if (is_recurrent(spec)) json["share"] = spec.share ? "on" : "off";
  if (spec.net == "residual") json["residual"] = spec.residual;
  if (spec.net == "additive") json["form"] = spec.form;
  return json;
}

}  // namespace

IdentityText row_identity(const GrowthSpec& spec, std::string_view provider) {
  return IdentityText()
      .add("kind", "growth")
      .add(identity(spec))
      .add("provider", provider)
      .add("vector", vector_target());
}

Json row(const GrowthSpec& spec, const GrowthResult& result) {
  Json json{{"kind", "growth"},
            {"name", result.name},
            {"provider", result.provider},
            {"dtype", std::string(name(spec.dtype))},
            {"status", result.status},
            {"reason", result.reason},
            {"seeds", spec.seeds},
            {"depth", spec.depth},
            {"setting", setting(spec)},
            {"identity", row_identity(spec, result.provider).text()}};
  if (result.status != "ok") return json;
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
  constexpr std::size_t few = 1000;  // seeds that a row lists one by one
  json["rates"] = result.rates.size() <= few ? json::numbers(result.rates) : Json(nullptr);
  json["theory"] = theory(result.theory);
  json["bound"] = bound(result.bound);
  json["total"] = json::interval(result.total);
  json["verdict"] = std::string(name(result.verdict));
  json["verdicts"] = verdicts(result);
  json["reach"] = json::number(result.reach);
  json["zero"] = json::numbers(result.zero);
  json["subnormal"] = json::numbers(result.subnormal);
  json["nonfinite"] = json::numbers(result.nonfinite);
  json["saturated"] = json::numbers(result.saturated);
  json["forward_norm"] = json::numbers(result.forward_norm);
  json["weight_gradient"] = weight_gradient(result);
  add_to_row(json, spec, result.jacobians);
  return json;
}

}  // namespace gradepth::growth
