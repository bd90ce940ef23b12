#include "host/problem/judge.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <random>

#include "host/providers/reference/reference.h"
#include "host/text/not_finite.h"

namespace gradepth {
namespace {

constexpr double least_roundings = 16;  // in ε
constexpr double margin = 8;            // times the distance of one draw
constexpr double most_lost = 1e-2;      // of an output's largest entry, times the margin
constexpr std::size_t few_entries = 64;
constexpr int moved_draws = 8;

bool is_net(const Problem& problem) { return problem.index() >= 2; }

bool is_storage_only(const Problem& problem) {
  return !is_net(problem) && has_16_bits(dtype(problem));
}

/// ε of the arithmetic.
double epsilon(const Problem& problem) {
  return format(is_storage_only(problem) ? Dtype::f32 : dtype(problem)).epsilon;
}

/// The problem in exact arithmetic. Clips, and storage of 16 bits, are that already but for one
/// rounding of each result. A limit or factor is a number of the format too: 0.1f is not 0.1.
Problem exact(Problem problem) {
  const Dtype stored = dtype(problem);
  if (std::holds_alternative<ClipProblem>(problem) || is_storage_only(problem)) return problem;
  std::visit(
      [&](auto& p) {
        if constexpr (requires { p.clip_value; }) p.clip_value = round_to(stored, p.clip_value);
        if constexpr (requires { p.residual_scale; }) {
          p.residual_scale = round_to(stored, p.residual_scale);
        }
        p.dtype = Dtype::f64;
      },
      problem);
  return problem;
}

/// Where f' jumps: its values on the two sides differ.
std::vector<double> jumping_kinks(const Problem& problem) {
  std::vector<double> kinks;
  std::visit(
      [&](const auto& p) {
        if constexpr (requires { p.act; }) {
          with_activation(p.act, [&](auto act) {
            constexpr double side = 1e-9;
            for (const double kink : act.kinks) {
              const double jump = act.slope(kink + side) - act.slope(kink - side);
              if (std::abs(jump) > 1e-3) kinks.push_back(kink);
            }
          });
        }
      },
      problem);
  return kinks;
}

/// Every input moved by up to half a spacing of the format.
Tensors moved(const Tensors& in, double eps, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> part(-eps / 2, eps / 2);
  Tensors out = in;
  for (auto& [name, tensor] : out) {
    for (double& x : tensor.data) x *= 1 + part(random);
  }
  return out;
}

/// The reference on these inputs; its sums run in float32, or in float64.
PlanPtr make_plan(const Problem& problem, bool narrow_sums, const Tensors& in) {
  const Rounding rounding{.dtype = dtype(problem), .narrow_sums = narrow_sums};
  PlanPtr plan = reference::make_plan(problem, rounding);
  plan->set(in);
  return plan;
}

/// What is float64 on every provider.
bool is_counted(const TensorSpec& spec) {
  return spec.name == "norm" || spec.name == "skipped" || spec.name == "saturated";
}

/// An output of few entries. Norms of steps are sums of many terms of one sign: no luck there.
bool is_near_by_luck(const TensorSpec& spec) {
  return size(spec.shape) < few_entries && spec.name.starts_with('d') && !is_norm2(spec.name);
}

}  // namespace

Judge::Judge(const Problem& problem, Tensors in, Math math)
    : problem_(problem), in_(std::move(in)), truth_(make_plan(exact(problem), false, in_)) {
  PlanPtr own = make_plan(problem_, dtype(problem_) != Dtype::f64, in_);
  if (is_net(problem_) && is_training(problem_)) {
    truth_->run_forward();
    own->run_forward();
    if (const auto kinks = jumping_kinks(problem_); !kinks.empty()) {
      leave_out_kinks(*own, kinks, math);
    }
    truth_->run_backward();
    own->run_backward();
  } else {
    truth_->run();
    own->run();
  }
  set_tolerances(*own);
  own.reset();
  draw_again();
  refuse_what_is_lost();
}

/// What rounding the factors of products adds.
double Judge::factor_rounding(Math math) const {
  const double factors = math == Math::tf32 ? 4 * 2 * tf32_epsilon : 0;
  return factors * std::sqrt(static_cast<double>(depth(problem_)));
}

/// Takes the loss gradient from samples whose pre-activations may lie on either side of a kink.
void Judge::leave_out_kinks(Plan& own, const std::vector<double>& kinks, Math math) {
  const Tensor a = truth_->get("a");  // [maps, B, ...]
  const Tensor rounded = own.get("a");
  const std::size_t step = a.stride();
  const auto B = static_cast<std::size_t>(a.shape[1]);
  const std::size_t sample = step / B;
  std::vector<bool> at_kink(B, false);
  for (std::size_t begin = 0; begin < a.size(); begin += step) {
    double largest = 0;
    double off = 0;
    for (std::size_t i = begin; i < begin + step; ++i) {
      largest = std::max(largest, std::abs(a.data[i]));
      const double moved = std::abs(a.data[i] - rounded.data[i]);
      off = std::isfinite(moved) ? std::max(off, moved) : infinity;
    }
    if (!std::isfinite(off)) {
      refusal_ = std::string(name(dtype(problem_))) + " itself leaves its range";
      return;
    }
    const double reach = std::max(margin * off, least_roundings * epsilon(problem_) * largest) +
                         factor_rounding(math) * largest;
    for (std::size_t i = 0; i < step; ++i) {
      for (const double kink : kinks) {
        const double away = std::abs(a.data[begin + i] - kink);
        // A dead sample's 0 is 0 in every format.
        const bool exactly = away == 0 && rounded.data[begin + i] == a.data[begin + i];
        if (away <= reach && !exactly) at_kink[i / sample] = true;
      }
    }
  }
  left_out_ = std::count(at_kink.begin(), at_kink.end(), true);
  if (left_out_ == 0) return;
  if (static_cast<std::size_t>(left_out_) == B) {
    refusal_ = "every sample has a pre-activation at a kink: right and wrong cannot be told apart";
  }
  Tensor& dy = in_["dy"];
  const bool each_step = std::holds_alternative<RecurrentProblem>(problem_);
  const std::size_t row = std::max<std::size_t>((each_step ? dy.stride() : dy.size()) / B, 1);
  for (std::size_t i = 0; i < dy.size(); ++i) {
    if (at_kink[i / row % B]) dy.data[i] = 0;
  }
  truth_->set({{"dy", dy}});
  own.set({{"dy", dy}});
}

void Judge::set_tolerances(Plan& own) {
  const auto maps = static_cast<double>(is_net(problem_) ? depth(problem_) : 0);
  const double least = (least_roundings + maps) * epsilon(problem_);
  if (is_storage_only(problem_)) {
    for (const TensorSpec& spec : outputs(problem_)) {
      const double roundings = is_counted(spec) ? 0 : spec.name == "db" ? 2 : 1;
      tolerances_[spec.name] = least + roundings * format(dtype(problem_)).epsilon;
    }
    return;
  }
  const auto lost = [&](const TensorSpec& spec) {
    return margin * distance(problem_, spec, own.get(spec.name), truth_->get(spec.name));
  };
  for (const TensorSpec& spec : outputs(problem_)) {
    if (!is_counted(spec) && !is_near_by_luck(spec)) lost_ = std::max(lost_, lost(spec));
  }
  for (const TensorSpec& spec : outputs(problem_)) {
    const double own_part = is_near_by_luck(spec) ? lost(spec) : 0;
    tolerances_[spec.name] = is_counted(spec) ? least : std::max({least, lost_, own_part});
  }
}

/// Widens the tolerances of outputs that one draw says little of.
void Judge::draw_again() {
  if (!is_net(problem_)) return;
  std::vector<TensorSpec> few = outputs(problem_);
  std::erase_if(few, [](const TensorSpec& spec) { return !is_near_by_luck(spec); });
  if (few.empty()) return;
  const Problem truth = exact(problem_);
  for (std::uint64_t draw = 1; draw <= moved_draws; ++draw) {
    const PlanPtr plan = make_plan(truth, false, moved(in_, epsilon(problem_), draw));
    plan->run();
    for (const TensorSpec& spec : few) {
      double& allowed = tolerances_[spec.name];
      allowed = std::max(
          allowed, margin * distance(problem_, spec, plan->get(spec.name), truth_->get(spec.name)));
    }
  }
}

void Judge::refuse_what_is_lost() {
  if (!is_net(problem_) || !refusal_.empty()) return;
  const double most = std::max(most_lost, 4 * least_roundings * epsilon(problem_));
  if (lost_ <= most) return;
  char text[160];
  std::snprintf(text, sizeof text,
                "%s itself loses up to %.2g of an output: right and wrong cannot be told apart",
                std::string(name(dtype(problem_))).c_str(), lost_ / margin);
  refusal_ = text;
}

namespace {

double largest_of(const Tensor& tensor) {
  double largest = 0;
  for (const double x : tensor.data) largest = std::max(largest, std::abs(x));
  return largest;
}

/// A library that loses the tails errs by ε of what an activation is given, x or dy: the largest of
/// that beside the largest of `want`, where all of it lies in the tails.
double tails_beside(const ActivationProblem& p, const Tensors& in, const Tensor& want) {
  const double given = largest_of(in.find(p.pass == ActivationPass::forward ? "x" : "dy")->second);
  const double made = largest_of(want);
  return made > 0 && std::isfinite(given) ? std::max(1.0, given / made) : 1;
}

}  // namespace

double Judge::tolerance(std::string_view tensor, Math math) const {
  return tolerances_.find(tensor)->second + factor_rounding(math);
}

Comparison Judge::compare(Plan& plan) const {
  Comparison worst;
  double nearest = -1;
  const auto weigh = [&](Comparison found) {
    found.ok = found.error <= found.tolerance;
    const bool all_ok = worst.ok && found.ok;
    const double ratio = found.error / found.tolerance;
    if (ratio > nearest) {
      nearest = ratio;
      worst = std::move(found);
    }
    worst.ok = all_ok;
  };
  const auto* p = std::get_if<ActivationProblem>(&problem_);
  for (const TensorSpec& spec : outputs(problem_)) {
    Tensor got = plan.get(spec.name);
    if (is_norm2(spec.name) && got.shape.empty()) continue;  // it cannot see inside
    Tensor want = truth_->get(spec.name);
    double allowed = tolerance(spec.name, plan.math()) + plan.approximation();
    if (p != nullptr && !plan.keeps_tails()) allowed *= tails_beside(*p, in_, want);
    weigh({.tensor = spec.name,
           .error = distance(problem_, spec, std::move(got), std::move(want)),
           .tolerance = allowed});
  }
  const bool by_slope = worst.ok && p != nullptr && p->pass == ActivationPass::backward &&
                        slopes_from(problem_) == SlopeFrom::input && plan.keeps_tails();
  if (by_slope) weigh(compare_slopes(*p, in_, plan.get("dx"), truth_->get("dx")));
  return worst;
}

}  // namespace gradepth
