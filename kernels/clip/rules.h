#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernels/named.h"

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
  return find_named(all_clip_rules, name);
}
/// std::invalid_argument for an unknown name.
inline const ClipRule& clip_rule(std::string_view name) {
  return named(all_clip_rules, name, "clip");
}

/// The ones whose formula providers have: a clip by a norm goes by its scope, agc and value each
/// have their own.
constexpr bool has_clip_formula(std::string_view name) {
  return name == "norm" || name == "tensor" || name == "agc" || name == "value";
}

}  // namespace gradepth
