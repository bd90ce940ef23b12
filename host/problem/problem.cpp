#include "host/problem/problem.h"

#include <stdexcept>

#include "host/problem/kinds/common.h"
#include "host/problem/kinds/parts.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

namespace gradepth {
namespace {

/// Whether slopes of an activation are taken.
template <class P>
bool has_slopes(const P& p) {
  if constexpr (requires { p.pass; }) {
    if (p.pass == decltype(p.pass)::forward) return false;
  }
  if constexpr (requires { p.cell; }) {
    return p.cell->has_matrices;
  } else {
    return requires { p.act; };
  }
}

/// What is asked for, where there is a choice.
template <class P>
std::optional<SlopeFrom> slope_choice(const P& p) {
  if constexpr (requires { p.slope; }) {
    if (has_slopes(p) && p.act->slope_from_output) return p.slope;
  }
  return std::nullopt;
}

}  // namespace

void validate(const Problem& problem) {
  std::visit([](const auto& p) { kinds::validate(p); }, problem);
  for (const auto& specs : {inputs(problem), outputs(problem)}) {
    for (const TensorSpec& spec : specs) {
      double elements = 1;
      for (const std::int64_t extent : spec.shape) elements *= static_cast<double>(extent);
      kinds::require(elements <= static_cast<double>(kinds::max_elements), "tensor", spec.name,
                     "at most 2^40 elements; make the problem smaller");
    }
  }
}

std::vector<TensorSpec> inputs(const Problem& problem) {
  return std::visit([](const auto& p) { return kinds::inputs(p); }, problem);
}

std::vector<TensorSpec> outputs(const Problem& problem) {
  return std::visit([](const auto& p) { return kinds::outputs(p); }, problem);
}

std::string name(const Problem& problem) {
  return std::visit(
      [&](const auto& p) { return kinds::write_name(kind(problem), kinds::parts(p), p); }, problem);
}

Problem parse_problem(std::string_view name) {
  kinds::NameReader reader(name);
  const std::string_view word = reader.take_word();
  std::string known;
  for (Problem problem : {Problem(ActivationProblem{}), Problem(ClipProblem{}),
                          Problem(RecurrentProblem{}), Problem(FeedForwardProblem{})}) {
    known += (known.empty() ? "one of " : ", ") + std::string(kind(problem));
    if (word != kind(problem)) continue;
    std::visit([&](auto& p) { p = kinds::read_name(reader, kinds::parts(p)); }, problem);
    try {
      validate(problem);
    } catch (const std::invalid_argument& error) {
      reader.refuse(error.what());
    }
    return problem;
  }
  reader.refuse("kind " + kinds::shown(word, "missing") + ": " + known);
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
        if constexpr (requires { p.pass; }) return p.pass == decltype(p.pass)::forward;
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
  return std::visit([](const auto& p) { return kinds::working_set(p); }, problem);
}

double bytes(const Problem& problem) {
  return std::visit([](const auto& p) { return kinds::bytes(p); }, problem);
}

double flops(const Problem& problem) {
  return std::visit([](const auto& p) { return kinds::flops(p); }, problem);
}

}  // namespace gradepth
