#include "host/problem/problem.h"

#include <array>
#include <numeric>
#include <sstream>
#include <stdexcept>

#include "host/problem/overloaded.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"
#include "kernels/clip/rules.h"

namespace gradepth {
namespace {

constexpr std::int64_t max_elements = std::int64_t{1} << 40;

void require(bool ok, const std::string& what, const std::string& value,
             const std::string& allowed) {
  if (!ok) throw std::invalid_argument(what + ' ' + value + ": " + allowed);
}

void require_size(const char* what, std::int64_t value) {
  require(value >= 1 && value <= 1'000'000'000, what, std::to_string(value),
          "a whole number from 1 to 1000000000");
}

void require_activation(const std::string& act) {
  require(is_activation(act), "activation", act, "one of " + activation_names());
}

/// A limit that rounds to 0 would turn clipping off.
void require_clip_value(double value, Dtype dtype) {
  std::ostringstream text;
  text << value;
  require(value == 0 || round_to(dtype, value) > 0, "clip-value", text.str(),
          "0 (off) or a number above 0 that " + std::string(name(dtype)) + " holds");
}

void require_clip(const ClipProblem& p) {
  require(find_clip_rule(p.mode) != nullptr, "clip mode", p.mode,
          "one of " + names_of(all_clip_rules));
  const ClipRule& rule = clip_rule(p.mode);
  for (const std::int64_t size : p.sizes) {
    require(size >= 0 && size <= max_elements, "clip size", std::to_string(size),
            "a whole number from 0 to 2^40");
  }
  require(p.units.empty() || (rule.scope == ClipScope::unit && p.units.size() == p.sizes.size()),
          "clip units", "of " + std::to_string(p.units.size()) + " tensors",
          "of " + clip_rules_with([](const ClipRule& r) { return r.scope == ClipScope::unit; }) +
              " only, one for each tensor");
  for (std::size_t i = 0; i < p.units.size(); ++i) {
    require(p.units[i] >= 1 && p.sizes[i] % p.units[i] == 0, "clip units",
            std::to_string(p.units[i]), "a whole number that divides its tensor's size");
  }
  require(p.threshold > 0, "clip threshold", std::to_string(p.threshold), "a number above 0");
  require(p.lr >= 0 && p.lr <= 1e6, "clip lr", std::to_string(p.lr), "a number from 0 to 1e6");
  require(p.momentum >= 0 && p.momentum <= 1, "clip momentum", std::to_string(p.momentum),
          "a number from 0 to 1");
  require(p.route == ClipRoute::automatic || rule.takes_route(), "clip route",
          std::string(name(p.route)),
          "only for " + clip_rules_with([](const ClipRule& r) { return r.takes_route(); }));
}

std::string size_suffix(std::initializer_list<std::pair<const char*, std::int64_t>> sizes) {
  std::string text;
  for (const auto& [label, value] : sizes) {
    text += (text.empty() ? "" : "_") + std::string(label) + std::to_string(value);
  }
  return text;
}

std::string clip_suffix(double clip_value) {
  if (clip_value <= 0) return {};
  std::ostringstream text;
  text << "_clip" << clip_value;
  return text.str();
}

/// float64 has the exact slopes always, without saying so.
std::string slope_suffix(SlopeFrom from, Dtype dtype) {
  return from == SlopeFrom::input && dtype != Dtype::f64 ? "_input-slope" : "";
}

bool says_slope_by_output(std::string_view act) {
  bool says = false;
  with_activation(act, [&](auto f) { says = has_slope_from_output<decltype(f)>; });
  return says;
}

/// Whether slopes of an activation are taken.
template <class P>
bool has_slopes(const P& p) {
  if constexpr (requires { p.pass; }) {
    if (p.pass == Pass::forward) return false;
  }
  if constexpr (requires { p.cell; }) {
    return p.cell != "additive";
  } else {
    return requires { p.act; };
  }
}

/// What is asked for, where there is a choice.
template <class P>
std::optional<SlopeFrom> slope_choice(const P& p) {
  if constexpr (requires { p.slope; }) {
    if (has_slopes(p) && says_slope_by_output(p.act)) return p.slope;
  }
  return std::nullopt;
}

std::int64_t features(const RecurrentProblem& p) { return p.I > 0 ? p.I : p.H; }

/// The leading [T] of weights that are not shared.
Shape per_step(const RecurrentProblem& p, Shape shape) {
  if (!p.share) shape.insert(shape.begin(), p.T);
  return shape;
}

Shape state_shape(const FeedForwardProblem& p) {
  if (p.net != "cnn") return {p.B, p.N};
  return {p.B, p.N, FeedForwardProblem::image, FeedForwardProblem::image};
}

Shape with_leading(std::int64_t n, Shape shape) {
  shape.insert(shape.begin(), n);
  return shape;
}

Shape weight_shape(const FeedForwardProblem& p) {
  if (p.net != "cnn") return {p.L, p.N, p.N};
  return {p.L, p.N, p.N, FeedForwardProblem::kernel, FeedForwardProblem::kernel};
}

std::int64_t total(const std::vector<std::int64_t>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
}

/// Norms that a clip takes.
std::int64_t norms(const ClipProblem& p) {
  const auto tensors = static_cast<std::int64_t>(p.sizes.size());
  const ClipScope scope = clip_rule(p.mode).scope;
  if (scope == ClipScope::all) return 1;
  if (scope == ClipScope::tensor) return tensors;
  std::int64_t units = 0;
  for (std::size_t i = 0; i < p.sizes.size(); ++i) {
    if (p.sizes[i] > 0) units += p.units.empty() ? 1 : p.units[i];
  }
  return units;
}

double element_bytes(Dtype dtype) { return dtype == Dtype::f64 ? 8 : dtype == Dtype::f32 ? 4 : 2; }

/// Per unit and step, of the cell's pointwise part.
double pointwise_flops(const RecurrentProblem& p) {
  const CellInfo& cell = cell_info(p.cell);
  return cell.forward_flops + (p.pass == Pass::forward ? 0 : cell.backward_flops);
}

}  // namespace

std::int64_t gates(std::string_view cell) { return cell_info(cell).gates; }
std::int64_t biases(std::string_view cell) { return cell_info(cell).biases; }

void validate(const Problem& problem) {
  std::visit(
      Overloaded{
          [](const ActivationProblem& p) {
            require_activation(p.act);
            require_size("rows", p.rows);
            require_size("cols", p.cols);
          },
          [](const ClipProblem& p) { require_clip(p); },
          [](const RecurrentProblem& p) {
            require(find_cell(p.cell) != nullptr, "cell", p.cell, "one of " + names_of(all_cells));
            const CellInfo& cell = cell_info(p.cell);
            require_activation(p.act);
            require(p.act == "tanh" || cell.takes_activation || !cell.has_matrices, "activation",
                    p.act, p.cell + " has tanh");
            require(p.form == "two-term" || p.form == "sum", "form", p.form,
                    "one of two-term, sum");
            require(p.share || cell.has_matrices, "share", "off", p.cell + " nets share w");
            require(p.share || !p.project_input, "share", "off", "not with an input projection");
            require_clip_value(p.clip_value, p.dtype);
            require_size("T", p.T);
            require_size("B", p.B);
            require_size("H", p.H);
            if (p.I != 0) require_size("I", p.I);
          },
          [](const FeedForwardProblem& p) {
            require(p.net == "mlp" || p.net == "residual" || p.net == "cnn", "net", p.net,
                    "one of mlp, residual, cnn");
            require_activation(p.act);
            require(p.residual == "plain" || p.residual == "preact" || p.residual == "scaled",
                    "residual", p.residual, "one of plain, preact, scaled");
            require_clip_value(p.clip_value, p.dtype);
            require_size("L", p.L);
            require_size("B", p.B);
            require_size("N", p.N);
          },
      },
      problem);
  for (const auto& specs : {inputs(problem), outputs(problem)}) {
    for (const TensorSpec& spec : specs) {
      double elements = 1;
      for (const std::int64_t extent : spec.shape) elements *= static_cast<double>(extent);
      require(elements <= static_cast<double>(max_elements), "tensor", spec.name,
              "at most 2^40 elements; make the problem smaller");
    }
  }
}

std::vector<TensorSpec> inputs(const Problem& problem) {
  return std::visit(
      Overloaded{
          [](const ActivationProblem& p) -> std::vector<TensorSpec> {
            const Shape shape{p.rows, p.cols};
            if (p.pass == Pass::forward) return {{"x", shape}};
            return {{"x", shape}, {"y", shape}, {"dy", shape}};
          },
          [](const ClipProblem& p) -> std::vector<TensorSpec> {
            const Shape shape{total(p.sizes)};
            std::vector<TensorSpec> specs{{"g", shape}};
            if (p.sgd || clip_rule(p.mode).reads_weights) specs.push_back({"w", shape});
            if (p.sgd) specs.push_back({"v", shape});
            return specs;
          },
          [](const RecurrentProblem& p) -> std::vector<TensorSpec> {
            const CellInfo& cell = cell_info(p.cell);
            const std::int64_t rows = cell.gates * p.H;
            std::vector<TensorSpec> specs{{"h0", {p.B, p.H}}};
            if (!cell.has_matrices) {
              specs.push_back({"Wh", {1}});
            } else {
              specs.push_back({"Wh", per_step(p, {rows, p.H}), !p.share});
              specs.push_back({"b", per_step(p, {cell.biases * p.H}), !p.share});
              if (p.project_input) specs.push_back({"Wx", {rows, features(p)}});
              specs.push_back({"x", {p.T, p.B, p.project_input ? features(p) : p.H}, true});
            }
            if (cell.has_c) specs.push_back({"c0", {p.B, p.H}});
            if (p.pass == Pass::forward) return specs;
            specs.push_back({"dy", {p.T, p.B, p.H}, true});
            if (cell.has_c) specs.push_back({"dc", {p.B, p.H}});
            return specs;
          },
          [](const FeedForwardProblem& p) -> std::vector<TensorSpec> {
            std::vector<TensorSpec> specs{
                {"h0", state_shape(p)}, {"W", weight_shape(p), true}, {"b", {p.L, p.N}, true}};
            if (p.pass != Pass::forward) specs.push_back({"dy", state_shape(p)});
            return specs;
          },
      },
      problem);
}

std::vector<TensorSpec> outputs(const Problem& problem) {
  return std::visit(Overloaded{
                        [](const ActivationProblem& p) -> std::vector<TensorSpec> {
                          const Shape shape{p.rows, p.cols};
                          if (p.pass == Pass::forward) return {{"y", shape}};
                          std::vector<TensorSpec> specs{{"dx", shape}};
                          if (p.bias_gradient) specs.push_back({"db", {p.cols}});
                          if (p.count_saturated) specs.push_back({"saturated", {1}});
                          return specs;
                        },
                        [](const ClipProblem& p) -> std::vector<TensorSpec> {
                          const Shape shape{total(p.sizes)};
                          std::vector<TensorSpec> specs{{"g", shape}};
                          if (p.sgd) specs = {{"w", shape}, {"v", shape}};
                          if (!clip_rule(p.mode).has_norms()) return specs;
                          specs.push_back({"norm", {norms(p)}});
                          specs.push_back({"skipped", {1}});
                          return specs;
                        },
                        [](const RecurrentProblem& p) -> std::vector<TensorSpec> {
                          const CellInfo& cell = cell_info(p.cell);
                          const Shape states{p.T + 1, p.B, p.H};
                          std::vector<TensorSpec> specs{{"y", {p.T, p.B, p.H}, true}};
                          if (p.record) specs.push_back({"h", states, true});
                          if (p.record && cell.has_c) specs.push_back({"c", states, true});
                          if (p.pass == Pass::forward) return specs;
                          for (const TensorSpec& in : inputs(p)) {
                            if (in.name != "dy" && in.name != "dc")
                              specs.push_back({"d" + in.name, in.shape, in.by_step});
                          }
                          if (p.norms) specs.push_back({"dh_norm2", {p.T + 1}, true});
                          if (p.record) {
                            specs.push_back({"dh", states, true});
                            specs.push_back({"da", {p.T, p.B, cell.gates * p.H}, true});
                            if (cell.has_c) specs.push_back({"dc", states, true});
                          }
                          return specs;
                        },
                        [](const FeedForwardProblem& p) -> std::vector<TensorSpec> {
                          const Shape state = state_shape(p);
                          std::vector<TensorSpec> specs{{"y", state}};
                          if (p.record) specs.push_back({"h", with_leading(p.L + 1, state), true});
                          if (p.pass == Pass::forward) return specs;
                          specs.push_back({"dh0", state});
                          specs.push_back({"dW", weight_shape(p), true});
                          specs.push_back({"db", {p.L, p.N}, true});
                          specs.push_back({"dh_norm2", {p.L + 1}, true});
                          if (p.record) {
                            specs.push_back({"dh", with_leading(p.L + 1, state), true});
                            specs.push_back({"da", with_leading(p.L, state), true});
                          }
                          return specs;
                        },
                    },
                    problem);
}

std::string name(const Problem& problem) {
  const std::string dtype_part = '/' + std::string(name(dtype(problem))) + '/';
  return std::string(kind(problem)) + '/' +
         std::visit(
             Overloaded{
                 [&](const ActivationProblem& p) {
                   const std::string pass = p.pass == Pass::forward ? "/forward" : "/backward";
                   return p.act + pass + dtype_part + size_suffix({{"R", p.rows}, {"C", p.cols}}) +
                          (p.bias_gradient ? "_bias" : "") +
                          (p.count_saturated ? "_saturated" : "") + slope_suffix(p.slope, p.dtype);
                 },
                 [&](const ClipProblem& p) {
                   std::ostringstream threshold;
                   threshold << p.threshold;
                   std::ostringstream update;
                   if (p.sgd) update << "_sgd" << p.lr << "_momentum" << p.momentum;
                   return p.mode + dtype_part +
                          size_suffix({{"N", total(p.sizes)},
                                       {"K", static_cast<std::int64_t>(p.sizes.size())}}) +
                          (clip_rule(p.mode).scope == ClipScope::unit
                               ? "_U" + std::to_string(norms(p))
                               : "") +
                          "_at" + threshold.str() + update.str() +
                          (p.route == ClipRoute::automatic ? "" : '_' + std::string(name(p.route)));
                 },
                 [&](const RecurrentProblem& p) {
                   return p.cell + '/' + (p.cell == "additive" ? p.form : p.act) + dtype_part +
                          size_suffix({{"T", p.T}, {"B", p.B}, {"H", p.H}}) +
                          (p.I > 0 && p.I != p.H ? "_I" + std::to_string(p.I) : "") +
                          (p.project_input || p.cell == "additive" ? "" : "_recurrence") +
                          (p.share ? "" : "_distinct") +
                          (p.pass == Pass::forward ? "_forward" : "") +
                          (p.norms || p.pass == Pass::forward ? "" : "_nonorms") +
                          clip_suffix(p.clip_value) + slope_suffix(p.slope, p.dtype);
                 },
                 [&](const FeedForwardProblem& p) {
                   return p.net + '/' + p.act + dtype_part +
                          size_suffix({{"L", p.L}, {"B", p.B}, {"N", p.N}}) +
                          (p.net == "residual" && p.residual != "plain" ? '_' + p.residual : "") +
                          (p.pass == Pass::forward ? "_forward" : "") + clip_suffix(p.clip_value) +
                          slope_suffix(p.slope, p.dtype);
                 },
             },
             problem);
}

std::string_view name(ClipRoute route) {
  constexpr std::array<std::string_view, 3> names{"auto", "on_chip", "two_launches"};
  return names.at(static_cast<std::size_t>(route));
}

std::string_view name(SlopeFrom from) { return from == SlopeFrom::output ? "output" : "input"; }

std::optional<SlopeFrom> slopes_from(const Problem& problem) {
  return std::visit(
      [](const auto& p) -> std::optional<SlopeFrom> {
        if (!has_slopes(p)) return std::nullopt;
        return p.dtype == Dtype::f64 ? SlopeFrom::input
                                     : slope_choice(p).value_or(SlopeFrom::input);
      },
      problem);
}

bool asks_for_input_slopes(const Problem& problem) {
  return std::visit([](const auto& p) { return slope_choice(p) == SlopeFrom::input; }, problem);
}

Problem with_slopes(Problem problem, SlopeFrom from) {
  std::visit(
      [=](auto& p) {
        if constexpr (requires { p.slope; }) {
          if (slope_choice(p)) p.slope = from;
        }
      },
      problem);
  return problem;
}

std::string_view kind(const Problem& problem) {
  constexpr std::string_view kinds[] = {"activation", "clip", "recurrent", "feedforward"};
  return kinds[problem.index()];
}

Dtype dtype(const Problem& problem) {
  return std::visit([](const auto& p) { return p.dtype; }, problem);
}

std::int64_t depth(const Problem& problem) {
  if (const auto* p = std::get_if<RecurrentProblem>(&problem)) return p->T;
  if (const auto* p = std::get_if<FeedForwardProblem>(&problem)) return p->L;
  return 1;
}

bool is_forward_only(const Problem& problem) {
  return std::visit(
      [](const auto& p) {
        if constexpr (requires { p.pass; }) return p.pass == Pass::forward;
        return false;
      },
      problem);
}

bool is_training(const Problem& problem) {
  if (const auto* p = std::get_if<RecurrentProblem>(&problem)) return p->pass == Pass::training;
  if (const auto* p = std::get_if<FeedForwardProblem>(&problem)) return p->pass == Pass::training;
  return false;
}

double working_set(const Problem& problem) {
  if (const auto* p = std::get_if<ActivationProblem>(&problem)) {
    // Backward reads x or y, whichever the slope needs, not both.
    const double n = static_cast<double>(p->rows) * static_cast<double>(p->cols);
    return element_bytes(p->dtype) * ((p->pass == Pass::forward ? 2 : 3) * n +
                                      (p->bias_gradient ? static_cast<double>(p->cols) : 0));
  }
  if (const auto* c = std::get_if<ClipProblem>(&problem)) {
    const double arrays = c->sgd ? 3 : clip_rule(c->mode).reads_weights ? 2 : 1;
    return element_bytes(c->dtype) * arrays * static_cast<double>(total(c->sizes));
  }
  double elements = 0;
  for (const auto& specs : {inputs(problem), outputs(problem)}) {
    for (const TensorSpec& spec : specs) elements += static_cast<double>(size(spec.shape));
  }
  return element_bytes(dtype(problem)) * elements;
}

double bytes(const Problem& problem) {
  const auto* clip = std::get_if<ClipProblem>(&problem);
  if (clip == nullptr) return working_set(problem);
  // In place g is read and written, and w read by some rules; an update reads g, w, v and writes
  // w, v.
  const ClipRule& rule = clip_rule(clip->mode);
  const double accesses = (clip->sgd            ? 5
                           : rule.reads_weights ? 3
                                                : 2) +
                          (rule.takes_route() && clip->route != ClipRoute::on_chip ? 1 : 0);
  return element_bytes(clip->dtype) * accesses * static_cast<double>(total(clip->sizes));
}

double flops(const Problem& problem) {
  return std::visit(
      Overloaded{
          [](const ActivationProblem& p) {
            const double n = static_cast<double>(p.rows) * static_cast<double>(p.cols);
            if (p.pass == Pass::forward) return n;
            return n * (3.0 + (p.bias_gradient ? 1 : 0) + (p.count_saturated ? 1 : 0));
          },
          [](const ClipProblem& p) {
            const double clip = clip_rule(p.mode).flops;
            return static_cast<double>(total(p.sizes)) * (clip + (p.sgd ? 4 : 0));
          },
          [](const RecurrentProblem& p) {
            const double units = static_cast<double>(p.T) * static_cast<double>(p.B * p.H);
            if (!cell_info(p.cell).has_matrices) return units * pointwise_flops(p);
            const auto fan_in =
                static_cast<double>(p.H + (p.project_input ? features(p) : std::int64_t{0}));
            const double product = 2.0 * static_cast<double>(gates(p.cell)) * fan_in;
            // Forward, gradient of the data, gradient of the weights: three products of a size.
            return units * (product * (p.pass == Pass::forward ? 1 : 3) + pointwise_flops(p));
          },
          [](const FeedForwardProblem& p) {
            const double taps = p.net == "cnn" ? 9 : 1;
            const double units = static_cast<double>(p.L) * static_cast<double>(p.B) *
                                 static_cast<double>(p.state_size());
            const double product = 2.0 * taps * static_cast<double>(p.N);
            return units * (product * (p.pass == Pass::forward ? 1 : 3) + 9);
          },
      },
      problem);
}

}  // namespace gradepth
