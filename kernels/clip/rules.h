#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/host_device.h"
#include "kernels/named.h"

/// The clip rules. A rule is one struct: whose norm is limited (its scope), and to what (its
/// limit).
///   name   what workloads and results call it
///   scope  what shares a norm
///   Limit  what such a norm is limited to; a rule by element has none, and clips each to
///   ±threshold flops  of a plain formula, per element
/// To add one: write its struct, with a new limit or one that is there, and put it into `ClipRules`
/// at the end of the file. Kernels, providers, the meter, workloads and tests go through that list.
/// A new scope is a new kernel.
namespace gradepth {

/// What shares a norm: all tensors, each tensor, or each unit (row) of each tensor; or, by element,
/// none.
enum class ClipScope : std::uint8_t { all, tensor, unit, element };

/// What a limit may go by: the elements that share the norm.
struct ClipGroup {
  double size = 0;    // how many they are
  double weight = 0;  // |w|, the norm of their weights; only where the limit reads them
};

/// What is clipped is multiplied with min(1, limit / |g|).
struct ClipLimit {
  static constexpr bool reads_size = false;
  static constexpr bool reads_weights = false;
};

/// The threshold itself.
struct FixedLimit : ClipLimit {
  HD static double of(double threshold, ClipGroup /*group*/) { return threshold; }
};

/// A share of |w|, which counts as 1e-3 at least: Brock et al. 2021 (2102.06171), equation 3.
struct FractionOfWeights : ClipLimit {
  static constexpr bool reads_weights = true;
  static constexpr double least = 1e-3;
  HD static double of(double threshold, ClipGroup group) {
    return threshold * (group.weight > least ? group.weight : least);
  }
};

/// A root mean square: √n times the threshold, of n elements.
struct RootMeanSquare : ClipLimit {
  static constexpr bool reads_size = true;
  HD static double of(double threshold, ClipGroup group) {
    using std::sqrt;
    return threshold * sqrt(group.size);
  }
};

/// The norm of all tensors together: Pascanu et al. 2013 (1211.5063).
struct ByNorm {
  static constexpr std::string_view name = "norm";
  static constexpr ClipScope scope = ClipScope::all;
  using Limit = FixedLimit;
  static constexpr int flops = 3;
};

/// The norm of each tensor.
struct ByTensor {
  static constexpr std::string_view name = "tensor";
  static constexpr ClipScope scope = ClipScope::tensor;
  using Limit = FixedLimit;
  static constexpr int flops = 3;
};

/// Adaptive clipping: the norm of each unit, by that of its weights.
struct ByUnit {
  static constexpr std::string_view name = "agc";
  static constexpr ClipScope scope = ClipScope::unit;
  using Limit = FractionOfWeights;
  static constexpr int flops = 5;
};

/// Each element.
struct ByValue {
  static constexpr std::string_view name = "value";
  static constexpr ClipScope scope = ClipScope::element;
  static constexpr int flops = 2;
};

/// The root mean square of each tensor: Optax's clip_by_block_rms, and Adafactor's update clipping
/// (Shazeer & Stern 2018, 1804.04235, section 6).
struct ByRms {
  static constexpr std::string_view name = "rms";
  static constexpr ClipScope scope = ClipScope::tensor;
  using Limit = RootMeanSquare;
  static constexpr int flops = 3;
};

template <class... Rules>
struct ClipRuleList {};

/// The only list of them.
using ClipRules = ClipRuleList<ByNorm, ByTensor, ByUnit, ByValue, ByRms>;

/// A rule, as data: what everything around its kernels asks.
struct ClipRule {
  std::string_view name;
  ClipScope scope;
  int flops;  // per element
  bool reads_weights;
  double (*limit)(double threshold, ClipGroup group);  // nullptr by element

  [[nodiscard]] constexpr bool has_norms() const { return scope != ClipScope::element; }
  /// A norm of more than one piece is known only when all is read: a second launch, or on chip.
  [[nodiscard]] constexpr bool takes_route() const {
    return scope == ClipScope::all || scope == ClipScope::tensor;
  }
};

template <class Rule>
constexpr ClipRule describe_clip_rule() {
  if constexpr (Rule::scope == ClipScope::element) {
    return {Rule::name, Rule::scope, Rule::flops, false, nullptr};
  } else {
    using Limit = typename Rule::Limit;
    static_assert(!Limit::reads_weights || Rule::scope == ClipScope::unit,
                  "only the kernel by unit reads the weights");
    return {Rule::name, Rule::scope, Rule::flops, Limit::reads_weights, &Limit::of};
  }
}
template <class... Rules>
constexpr std::array<ClipRule, sizeof...(Rules)> describe_clip_rules(
    ClipRuleList<Rules...> /*list*/) {
  return {describe_clip_rule<Rules>()...};
}
inline constexpr auto all_clip_rules = describe_clip_rules(ClipRules{});

/// One of them: "norm".
using ClipMode = OneOf<all_clip_rules>;

/// Calls f(Rule{}) with the rule's type.
template <class F, class... Rules>
void with_clip_rule(ClipMode mode, F&& f, ClipRuleList<Rules...> /*list*/) {
  (void)((Rules::name == mode.name() && (f(Rules{}), true)) || ...);
}
template <class F>
void with_clip_rule(ClipMode mode, F&& f) {
  with_clip_rule(mode, std::forward<F>(f), ClipRules{});
}

}  // namespace gradepth
