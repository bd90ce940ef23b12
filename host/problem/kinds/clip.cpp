#include "host/problem/kinds/clip.h"

#include <numeric>

#include "host/problem/kinds/common.h"
#include "kernels/clip/rules.h"

/// The clip of a list of tensors.
namespace gradepth::kinds {
namespace {

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

}  // namespace

void validate(const ClipProblem& p) {
  require(find_clip_rule(p.mode) != nullptr, "clip mode", p.mode,
          "one of " + names_of(all_clip_rules));
  const ClipRule& rule = clip_rule(p.mode);
  require(has_clip_formula(p.mode), "clip mode", p.mode, "one that providers have a formula for");
  for (const std::int64_t size : p.sizes) {
    require(size >= 0 && size <= max_elements, "clip size", std::to_string(size),
            "a whole number from 0 to 2^40");
  }
  require(p.units.empty() || (rule.scope == ClipScope::unit && p.units.size() == p.sizes.size()),
          "clip units", "of " + std::to_string(p.units.size()) + " tensors",
          "of agc only, one for each tensor");
  for (std::size_t i = 0; i < p.units.size(); ++i) {
    require(p.units[i] >= 1 && p.sizes[i] % p.units[i] == 0, "clip units",
            std::to_string(p.units[i]), "a whole number that divides its tensor's size");
  }
  require(p.threshold > 0, "clip threshold", std::to_string(p.threshold), "a number above 0");
  require(p.lr >= 0 && p.lr <= 1e6, "clip lr", std::to_string(p.lr), "a number from 0 to 1e6");
  require(p.momentum >= 0 && p.momentum <= 1, "clip momentum", std::to_string(p.momentum),
          "a number from 0 to 1");
  require(p.route == "auto" ||
              (rule.takes_route() && (p.route == "on_chip" || p.route == "two_launches")),
          "clip route", p.route, "auto, or for norm and tensor one of on_chip, two_launches");
}

std::vector<TensorSpec> inputs(const ClipProblem& p) {
  const Shape shape{total(p.sizes)};
  std::vector<TensorSpec> specs{{"g", shape}};
  if (p.sgd || clip_rule(p.mode).reads_weights) specs.push_back({"w", shape});
  if (p.sgd) specs.push_back({"v", shape});
  return specs;
}

std::vector<TensorSpec> outputs(const ClipProblem& p) {
  const Shape shape{total(p.sizes)};
  std::vector<TensorSpec> specs{{"g", shape}};
  if (p.sgd) specs = {{"w", shape}, {"v", shape}};
  if (!clip_rule(p.mode).has_norms()) return specs;
  specs.push_back({"norm", {norms(p)}});
  specs.push_back({"skipped", {1}});
  return specs;
}

std::string tail(const ClipProblem& p) {
  std::ostringstream threshold;
  threshold << p.threshold;
  std::ostringstream update;
  if (p.sgd) update << "_sgd" << p.lr << "_momentum" << p.momentum;
  return p.mode + dtype_part(p.dtype) +
         size_part({{"N", total(p.sizes)}, {"K", static_cast<std::int64_t>(p.sizes.size())}}) +
         (clip_rule(p.mode).scope == ClipScope::unit ? "_U" + std::to_string(norms(p)) : "") +
         "_at" + threshold.str() + update.str() + (p.route == "auto" ? "" : '_' + p.route);
}

double working_set(const ClipProblem& p) {
  const double arrays = p.sgd ? 3 : clip_rule(p.mode).reads_weights ? 2 : 1;
  return element_bytes(p.dtype) * arrays * static_cast<double>(total(p.sizes));
}

/// In place g is read and written, agc reads w too; an update reads g, w, v and writes w, v.
double bytes(const ClipProblem& p) {
  const ClipRule& rule = clip_rule(p.mode);
  const double accesses = (p.sgd                ? 5
                           : rule.reads_weights ? 3
                                                : 2) +
                          (rule.takes_route() && p.route != "on_chip" ? 1 : 0);
  return element_bytes(p.dtype) * accesses * static_cast<double>(total(p.sizes));
}

double flops(const ClipProblem& p) {
  const double clip = clip_rule(p.mode).flops;
  return static_cast<double>(total(p.sizes)) * (clip + (p.sgd ? 4 : 0));
}

}  // namespace gradepth::kinds
