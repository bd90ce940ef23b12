#include "host/problem/kinds/clip.h"

#include <algorithm>
#include <array>
#include <functional>
#include <numeric>
#include <optional>

#include "host/problem/kinds/common.h"
#include "host/problem/kinds/parts.h"
#include "kernels/clip/rules.h"

/// The clip of a list of tensors.
namespace gradepth {

std::string_view name(ClipRoute route) {
  constexpr std::array<std::string_view, 3> names{"auto", "on_chip", "two_launches"};
  return names.at(static_cast<std::size_t>(route));
}

}  // namespace gradepth

namespace gradepth::kinds {
namespace {

constexpr std::size_t max_tensors = 1'000'000;  // so that the sum of their sizes has 64 bits

std::int64_t total(const std::vector<std::int64_t>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
}

/// Norms that a clip takes.
std::int64_t norms(const ClipProblem& p) {
  const auto tensors = static_cast<std::int64_t>(p.sizes.size());
  const ClipScope scope = p.mode->scope;
  if (scope == ClipScope::all) return 1;
  if (scope == ClipScope::tensor) return tensors;
  std::int64_t units = 0;
  for (std::size_t i = 0; i < p.sizes.size(); ++i) {
    if (p.sizes[i] > 0) units += p.units.empty() ? 1 : p.units[i];
  }
  return units;
}

/// n sizes of that sum which differ by 1 at most, the larger ones first.
std::vector<std::int64_t> even_split(std::int64_t sum, std::int64_t n) {
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    sizes[static_cast<std::size_t>(i)] = sum / n + (i < sum % n ? 1 : 0);
  }
  return sizes;
}

bool is_even(const std::vector<std::int64_t>& sizes) {
  return sizes == even_split(total(sizes), static_cast<std::int64_t>(sizes.size()));
}

/// Their sum where that says them all, else `1+0+7`.
std::string sum_text(const std::vector<std::int64_t>& sizes) {
  if (is_even(sizes)) return std::to_string(total(sizes));
  std::string text;
  for (const std::int64_t size : sizes) text += (text.empty() ? "" : "+") + std::to_string(size);
  return text;
}

/// Nothing where a size is none, or where there are too many.
std::optional<std::vector<std::int64_t>> read_sum(std::string_view text, std::int64_t least) {
  std::vector<std::int64_t> sizes;
  for (;;) {
    const std::size_t plus = text.find('+');
    const auto size = read_whole(text.substr(0, plus), least, max_elements);
    if (!size || sizes.size() == max_tensors) return std::nullopt;
    sizes.push_back(*size);
    if (plus == std::string_view::npos) return sizes;
    text.remove_prefix(plus + 1);
  }
}

/// `N8` of all tensors together, or `N1+0+7`.
Part<ClipProblem> elements_detail() {
  return {.label = "N",
          .allowed = "how many elements, from 0 to 2^40, or the tensors' sizes as in 1+0+7",
          .required = true,
          .write = [](const ClipProblem& p) { return std::optional(sum_text(p.sizes)); },
          .read =
              [](ClipProblem& p, std::string_view text) {
                const auto sizes = read_sum(text, 0);
                if (sizes) p.sizes = *sizes;
                return sizes.has_value();
              }};
}

/// `K3`: the elements in so many tensors of nearly one size; their sizes say it themselves.
Part<ClipProblem> tensors_detail() {
  return {.label = "K",
          .allowed = "how many tensors the elements of N are in, from 1 to 1000000; 0 with N0",
          .write = [](const ClipProblem& p) -> std::optional<std::string> {
            if (!is_even(p.sizes)) return std::nullopt;
            return std::to_string(p.sizes.size());
          },
          .read =
              [](ClipProblem& p, std::string_view text) {
                const auto count = read_whole(text, 0, max_tensors);
                if (!count || p.sizes.size() != 1 || (*count == 0 && p.sizes[0] > 0)) return false;
                p.sizes = even_split(p.sizes[0], *count);
                return true;
              }};
}

/// `U4` of all tensors together, or `U1+3` as the sizes; one each is what it is without.
Part<ClipProblem> units_detail() {
  Part<ClipProblem> part{
      .label = "U",
      .allowed = "how many units, from 1 to 2^40, or each tensor's as in 1+3",
      .write = [](const ClipProblem& p) -> std::optional<std::string> {
        return sum_text(p.units.empty() ? std::vector<std::int64_t>(p.sizes.size(), 1) : p.units);
      },
      .read =
          [](ClipProblem& p, std::string_view text) {
            auto units = read_sum(text, 0);
            if (!units) return false;
            if (units->size() == 1) {
              const std::int64_t sum = units->front();
              units = even_split(sum, static_cast<std::int64_t>(p.sizes.size()));
              if (total(*units) != sum) return false;  // of no tensors
            }
            const bool one_each = std::all_of(units->begin(), units->end(),
                                              [](std::int64_t count) { return count == 1; });
            p.units =
                one_each && units->size() == p.sizes.size() ? std::vector<std::int64_t>{} : *units;
            return true;
          }};
  return std::move(part).when(
      [](const ClipProblem& p) { return p.mode->scope == ClipScope::unit; });
}

}  // namespace

void validate(const ClipProblem& p) {
  const ClipRule& rule = *p.mode;
  require(p.sizes.size() <= max_tensors, "clip tensors", std::to_string(p.sizes.size()),
          "at most 1000000");
  for (const std::int64_t size : p.sizes) {
    require(size >= 0 && size <= max_elements, "clip size", std::to_string(size),
            "a whole number from 0 to 2^40");
  }
  require(p.units.empty() || (rule.scope == ClipScope::unit && p.units.size() == p.sizes.size()),
          "clip units", "of " + std::to_string(p.units.size()) + " tensors",
          "of " + names_of(all_clip_rules, [](const ClipRule& r) {
            return r.scope == ClipScope::unit;
          }) + " only, one for each tensor");
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
          "only for " + names_of(all_clip_rules, std::mem_fn(&ClipRule::takes_route)));
}

std::vector<TensorSpec> inputs(const ClipProblem& p) {
  const Shape shape{total(p.sizes)};
  std::vector<TensorSpec> specs{{"g", shape}};
  if (p.sgd || p.mode->reads_weights) specs.push_back({"w", shape});
  if (p.sgd) specs.push_back({"v", shape});
  return specs;
}

std::vector<TensorSpec> outputs(const ClipProblem& p) {
  const Shape shape{total(p.sizes)};
  std::vector<TensorSpec> specs{{"g", shape}};
  if (p.sgd) specs = {{"w", shape}, {"v", shape}};
  if (!p.mode->has_norms()) return specs;
  specs.push_back({"norm", {norms(p)}});
  specs.push_back({"skipped", {1}});
  return specs;
}

const Parts<ClipProblem>& parts(const ClipProblem& /*p*/) {
  using P = ClipProblem;
  static const Parts<P> table{
      .words = {entry_word("clip mode", &P::mode), dtype_word<P>()},
      .details = {elements_detail(), tensors_detail(), units_detail(),
                  number_detail<P>("at", &P::threshold, [](const P&) { return true; }).needed(),
                  number_detail<P>(
                      "sgd", &P::lr, [](const P& p) { return p.sgd; }, [](P& p) { p.sgd = true; }),
                  number_detail<P>("momentum", &P::momentum, [](const P&) { return true; })
                      .when([](const P& p) { return p.sgd; })
                      .needed(),
                  mark(name(ClipRoute::on_chip).data(), &P::route, ClipRoute::on_chip),
                  mark(name(ClipRoute::two_launches).data(), &P::route, ClipRoute::two_launches)}};
  return table;
}

double working_set(const ClipProblem& p) {
  const double arrays = p.sgd ? 3 : p.mode->reads_weights ? 2 : 1;
  return element_bytes(p.dtype) * arrays * static_cast<double>(total(p.sizes));
}

/// In place g is read and written, and w read by some rules; an update reads g, w, v and writes w,
/// v.
double bytes(const ClipProblem& p) {
  const ClipRule& rule = *p.mode;
  const double accesses = (p.sgd                ? 5
                           : rule.reads_weights ? 3
                                                : 2) +
                          (rule.takes_route() && p.route != ClipRoute::on_chip ? 1 : 0);
  return element_bytes(p.dtype) * accesses * static_cast<double>(total(p.sizes));
}

double flops(const ClipProblem& p) {
  const double clip = p.mode->flops;
  return static_cast<double>(total(p.sizes)) * (clip + (p.sgd ? 4 : 0));
}

}  // namespace gradepth::kinds
