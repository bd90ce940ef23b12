#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/growth/study/statistics.h"
#include "host/growth/theory/result.h"

/// By which law a gradient grows or shrinks with depth: a rate is only one of them.
///
/// States evolve from the input end, so maps are counted from there: i = 1 … L. What the gradient
/// gains in ln norm as it passes map i on its way back is, on the mean, c i^-γ. That is one family:
///   γ = 0        exponential, e^(c L)
///   γ = 1        a power, L^c
///   0 < γ < 1,   a stretched exponential, e^(c' L^β) with β = 1 - γ; it may be compressed, β > 1
///   or γ < 0
///   γ > 1        the growth comes to an end: no law
namespace gradepth::growth {

enum class LawKind : std::uint8_t { exponential, power, stretched };
std::string_view name(LawKind kind);

struct Law {
  LawKind kind;
  /// exponential: c, the rate per map, as `rate`; power: c; stretched: β. Over seeds, 95 %; no
  /// bounds where one seed is all there is.
  Interval exponent;
};

struct LawFit {
  std::optional<Law> law;
  std::string reason;               // why there is no law; empty where there is one
  std::optional<Interval> gamma{};  // infinite where the fit's range ends; none where not fitted
};

/// γ this near to 0 or 1 is taken for it: a law is what is left far from the input, and maps near
/// to it still move γ (by i0/i where the count is off by i0).
inline constexpr double gamma_margin = 0.05;

/// The law of these curves, ln norm by depth 0 … L, one for each seed, on the maps of fit_window().
///
/// γ is that of least squares on the mean increments, the noise of a curve of fresh weights being a
/// random walk. Its interval is all γ that Student's t does not refuse at 95 %: for each γ a sum of
/// increments, Σ ψ_i y_i with ψ_i = i^-γ (ln i - λ) and λ such that Σ ψ_i i^-γ = 0, has the mean 0
/// whatever c is, and each seed gives one such sum. So it holds for few seeds and for maps whose
/// noise differs or is not independent. (The part of that set around the estimate.)
///
/// The kind is exponential where this interval meets 0 ± gamma_margin, power where it meets
/// 1 ± gamma_margin, stretched where it lies between or below. There is no law where it meets both,
/// where it lies above, where the interval of the exponent, c, holds 0, where the growth is not
/// above rounding (`epsilon` per map), below 4 maps, where a curve is not finite, and for one seed
/// of a net that `is_random`.
[[nodiscard]] LawFit fit_law(std::span<const std::vector<double>> ln_norms, bool is_random,
                             double epsilon);

/// The same for what theory says map by map; an exponential where it has one rate for all maps.
[[nodiscard]] std::optional<Law> law_of(const Theory& theory, std::size_t depth);

}  // namespace gradepth::growth
