#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

/// The clip rules, as data: what everything around their formulas asks.
namespace gradepth {

/// What shares a norm: all tensors, each tensor, or each unit (row) of each tensor; or, by element,
/// none.
enum class ClipScope : std::uint8_t { all, tensor, unit, element };

struct ClipRule {
  std::string_view name;
  ClipScope scope;
  bool reads_weights;  // the limit is a share of |w|
  int flops;           // per element

  [[nodiscard]] constexpr bool has_norms() const { return scope != ClipScope::element; }
  /// A norm of more than one piece is known only when all is read: a second launch, or on chip.
  [[nodiscard]] constexpr bool takes_route() const {
    return scope == ClipScope::all || scope == ClipScope::tensor;
  }
};

/// The only list of them.
inline constexpr std::array<ClipRule, 4> all_clip_rules{{
    {"norm", ClipScope::all, false, 3},  // Pascanu et al. 2013
    {"tensor", ClipScope::tensor, false, 3},
    {"agc", ClipScope::unit, true, 5},  // Brock et al. 2021
    {"value", ClipScope::element, false, 2},
}};

/// nullptr for an unknown name.
constexpr const ClipRule* find_clip_rule(std::string_view name) {
  const auto found = std::find_if(all_clip_rules.begin(), all_clip_rules.end(),
                                  [&](const ClipRule& rule) { return rule.name == name; });
  return found == all_clip_rules.end() ? nullptr : &*found;
}

/// std::invalid_argument for an unknown name.
inline const ClipRule& clip_rule(std::string_view name) {
  const ClipRule* const found = find_clip_rule(name);
  if (found == nullptr) throw std::invalid_argument("no clip is called " + std::string(name));
  return *found;
}

/// The ones whose formula providers have: a clip by a norm goes by its scope, agc and value each
/// have their own.
constexpr bool has_clip_formula(std::string_view name) {
  return name == "norm" || name == "tensor" || name == "agc" || name == "value";
}

/// "norm, tensor, …"
inline std::string clip_rule_names() {
  std::string names;
  for (const ClipRule& rule : all_clip_rules) {
    names += (names.empty() ? "" : ", ") + std::string(rule.name);
  }
  return names;
}

}  // namespace gradepth
