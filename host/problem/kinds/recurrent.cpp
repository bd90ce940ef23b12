#include "host/problem/kinds/recurrent.h"

#include <functional>
#include <optional>

#include "host/problem/kinds/common.h"
#include "host/problem/kinds/parts.h"
#include "kernels/cell/cells.h"

/// A cell through time; what differs between cells is said by cells.h.
namespace gradepth::kinds {
namespace {

/// `I30`, where it is not H.
Part<RecurrentProblem> features_detail() {
  Part<RecurrentProblem> part = size_detail("I", &RecurrentProblem::I);
  part.required = false;
  part.write = [](const RecurrentProblem& p) -> std::optional<std::string> {
    if (p.I == 0 || p.I == p.H) return std::nullopt;
    return std::to_string(p.I);
  };
  return part;
}

/// `two-term`, `sum`, `terms:3`.
Part<RecurrentProblem> form_word() {
  return {.label = "form",
          .allowed = "one of two-term, sum, terms:K with K " + std::string(size_range),
          .required = true,
          .write = [](const RecurrentProblem& p) { return std::optional(p.form.name()); },
          .read =
              [](RecurrentProblem& p, std::string_view word) {
                const auto form = AdditiveForm::find(word);
                if (form) p.form = *form;
                return form.has_value();
              }};
}

bool has_matrices(const RecurrentProblem& p) { return p.cell->has_matrices; }

/// The leading [T] of weights that are not shared.
Shape per_step(const RecurrentProblem& p, Shape shape) {
  return p.share ? std::move(shape) : with_leading(p.T, std::move(shape));
}

/// Per unit and step, of the cell's pointwise part.
double pointwise_flops(const RecurrentProblem& p) {
  const CellInfo& cell = *p.cell;
  return cell.forward_flops + (p.pass == Pass::forward ? 0 : cell.backward_flops);
}

}  // namespace

void validate(const RecurrentProblem& p) {
  const CellInfo& cell = *p.cell;
  require(p.act == "tanh" || cell.takes_activation || !cell.has_matrices, "activation",
          std::string(p.act.name()), std::string(cell.name) + " has tanh");
  require(p.share || cell.has_matrices, "share", "off", std::string(cell.name) + " nets share w");
  require(p.share || !p.project_input, "share", "off", "not with an input projection");
  require_clip_value(p.clip_value, p.dtype);
  require_size("T", p.T);
  require_size("B", p.B);
  require_size("H", p.H);
  if (p.I != 0) require_size("I", p.I);
  if (!p.form.adds_all()) require_size("terms", p.form.terms);
}

std::vector<TensorSpec> inputs(const RecurrentProblem& p) {
  const CellInfo& cell = *p.cell;
  const std::int64_t rows = cell.gates * p.H;
  std::vector<TensorSpec> specs{{"h0", {p.B, p.H}}};
  if (!cell.has_matrices) {
    specs.push_back({"Wh", {1}});
  } else {
    specs.push_back({"Wh", per_step(p, {rows, p.H}), !p.share});
    specs.push_back({"b", per_step(p, {cell.biases * p.H}), !p.share});
    if (p.project_input) specs.push_back({"Wx", {rows, p.features()}});
    specs.push_back({"x", {p.T, p.B, p.features()}, true});
  }
  if (cell.has_c) specs.push_back({"c0", {p.B, p.H}});
  if (p.pass == Pass::forward) return specs;
  specs.push_back({"dy", {p.T, p.B, p.H}, true});
  if (cell.has_c) specs.push_back({"dc", {p.B, p.H}});
  return specs;
}

std::vector<TensorSpec> outputs(const RecurrentProblem& p) {
  const CellInfo& cell = *p.cell;
  const Shape states{p.T + 1, p.B, p.H};
  std::vector<TensorSpec> specs{{"y", {p.T, p.B, p.H}, true}};
  if (p.record) specs.push_back({"h", states, true});
  if (p.record && cell.has_c) specs.push_back({"c", states, true});
  if (p.pass == Pass::forward) return specs;
  for (const TensorSpec& in : inputs(p)) {
    if (in.name != "dy" && in.name != "dc") specs.push_back({"d" + in.name, in.shape, in.by_step});
  }
  if (p.norms) specs.push_back({"dh_norm2", {p.T + 1}, true});
  if (p.record) {
    specs.push_back({"dh", states, true});
    specs.push_back({"da", {p.T, p.B, cell.gates * p.H}, true});
    if (cell.has_c) specs.push_back({"dc", states, true});
    if (p.norms && cell.has_matrices) specs.push_back({"da_norm2", {p.T}, true});
  }
  return specs;
}

const Parts<RecurrentProblem>& parts(const RecurrentProblem& /*p*/) {
  using P = RecurrentProblem;
  static const Parts<P> table{
      .words = {entry_word("cell", &P::cell), entry_word("activation", &P::act).when(has_matrices),
                form_word().when(std::not_fn(has_matrices)), dtype_word<P>()},
      .details = {size_detail("T", &P::T), size_detail("B", &P::B), size_detail("H", &P::H),
                  features_detail(),
                  mark("recurrence", &P::project_input, false).when(has_matrices),
                  mark("distinct", &P::share, false), mark("forward", &P::pass, Pass::forward),
                  mark("nonorms", &P::norms, false).when([](const P& p) {
                    return p.pass != Pass::forward;
                  }),
                  clip_value_detail<P>(), slope_mark<P>()}};
  return table;
}

double working_set(const RecurrentProblem& p) { return bytes_of(p.dtype, {inputs(p), outputs(p)}); }

double bytes(const RecurrentProblem& p) { return working_set(p); }

double flops(const RecurrentProblem& p) {
  const double units = static_cast<double>(p.T) * static_cast<double>(p.B * p.H);
  const CellInfo& cell = *p.cell;
  if (!cell.has_matrices) return units * pointwise_flops(p);
  const auto fan_in = static_cast<double>(p.H + (p.project_input ? p.features() : std::int64_t{0}));
  const double product = 2.0 * static_cast<double>(cell.gates) * fan_in;
  // Forward, gradient of the data, gradient of the weights: three products of a size.
  return units * (product * (p.pass == Pass::forward ? 1 : 3) + pointwise_flops(p));
}

}  // namespace gradepth::kinds
