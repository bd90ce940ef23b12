#include "host/growth/study/row.h"

#include <cmath>

#include "host/draw/pytorch.h"
#include "host/device/vector_target.h"

namespace gradepth::growth {
namespace {

using Json = nlohmann::ordered_json;

Json number(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }
Json number(const std::optional<double>& x) { return x ? number(*x) : Json(nullptr); }

Json numbers(const std::vector<double>& x) {
  Json array = Json::array();
  for (const double v : x) array.push_back(number(v));
  return array;
}

/// An absent array is null, not [].
Json numbers_or_null(const std::vector<double>& x) {
  return x.empty() ? Json(nullptr) : numbers(x);
}

Json interval(const Interval& x) {
  return {{"value", number(x.value)}, {"low", number(x.low)}, {"high", number(x.high)}};
}

Json theory(const std::optional<Theory>& t) {
  if (!t) return nullptr;
  Json moments = nullptr;
  if (t->moments) {
    moments = {{"ratio_squared_mean", number(t->moments->mean)},
               {"ratio_squared_variance", number(t->moments->variance)}};
  }
  return {{"rate", number(t->rate)},
          {"asymptotic", number(t->asymptotic)},
          {"formula", t->formula},
          {"source", t->source},
          {"q", number(t->q)},
          {"chi", number(t->chi)},
          {"critical_sigma", number(t->critical_sigma)},
          {"xi", number(t->xi)},
          {"xi_q", number(t->xi_q)},
          {"moments", moments}};
}

Json bound(const std::optional<Bound>& b) {
  if (!b) return nullptr;
  return {{"sigma_max", number(b->sigma_max)}, {"gamma", number(b->gamma)}, {"says", b->says}};
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
  Json json{{"by_lag", numbers_or_null(w.by_lag)},
            {"ln_by_lag", numbers_or_null(w.ln_by_lag)},
            {"sum", number(w.sum)},
            {"cancellation", number(w.cancellation)},
            {"by_layer", numbers_or_null(w.by_layer)},
            {"cosine_lags", nullptr},
            {"cosine", nullptr},
            {"theory", nullptr}};
  const std::size_t lags = w.cosine_lags.size();
  if (lags > 0) {
    json["cosine_lags"] = w.cosine_lags;
    json["cosine"] = Json::array();
    for (std::size_t k = 0; k < lags; ++k) {
      const auto row = w.cosine.begin() + static_cast<std::ptrdiff_t>(k * lags);
      json["cosine"].push_back(numbers({row, row + static_cast<std::ptrdiff_t>(lags)}));
    }
  }
  if (const auto& t = result.weight_theory) {
    json["theory"] = {{"sum", number(t->sum)}, {"formula", t->formula}, {"source", t->source}};
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
  if (spec.net == "lstm") json["loss_on"] = loss_on[static_cast<int>(init.loss_on)];
  if (spec.net == "lstm" || spec.net == "gru") json["forget_bias"] = init.forget_bias;
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
  json["ln_norm"] = Json{{"median", numbers(result.ln_norm.median)},
                         {"p10", numbers(result.ln_norm.p10)},
                         {"p90", numbers(result.ln_norm.p90)},
                         {"mean", numbers(result.ln_norm.mean)}};
  json["norms_from"] = std::string(name(result.norms_from));
  json["ratio"] = numbers(result.ratio);
  json["ratio_squared_mean"] = numbers(result.ratio_squared_mean);
  json["ratio_squared_variance"] = numbers(result.ratio_squared_variance);
  json["ln_mean_square"] = numbers(result.ln_mean_square);
  json["rate"] = interval(result.rate);
  constexpr std::size_t few = 1000;  // seeds that a row lists one by one
  json["rates"] = result.rates.size() <= few ? numbers(result.rates) : Json(nullptr);
  json["theory"] = theory(result.theory);
  json["bound"] = bound(result.bound);
  json["total"] = interval(result.total);
  json["verdict"] = std::string(name(result.verdict));
  json["verdicts"] = verdicts(result);
  json["reach"] = number(result.reach);
  json["zero"] = numbers(result.zero);
  json["subnormal"] = numbers(result.subnormal);
  json["nonfinite"] = numbers(result.nonfinite);
  json["saturated"] = numbers(result.saturated);
  json["forward_norm"] = numbers(result.forward_norm);
  json["weight_gradient"] = weight_gradient(result);
  add_to_row(json, spec, result.jacobians);
  return json;
}

}  // namespace gradepth::growth
