#pragma once

#include <optional>
#include <string>

namespace gradepth::growth {

/// Moments of the squared norm ratio over all L maps.
struct RatioMoments {
  double mean;
  double variance;
};

/// Of ln of the growth over all L maps, over draws.
struct TotalMoments {
  double mean;
  double spread;  // standard deviation
};

struct Theory {
  double rate = 0;      // ln-norm per step, over the maps that a measurement is fitted to
  std::string formula;  // of the rate
  std::string source;
  // Mean-field theories only. q, chi, asymptotic and xi are of the fixed point; where there is no
  // stable one q and chi are of the last map.
  std::optional<double> asymptotic{};  // ln-norm per step in the end
  std::optional<double> q{};
  std::optional<double> chi{};
  std::optional<double> critical_sigma{};  // σ_w with χ = 1 at this noise
  std::optional<double> xi{};              // 1 / |ln χ|
  std::optional<double> xi_q{};            // maps over which q comes closer to its fixed point by e
  std::optional<RatioMoments> moments{};   // where they are known at finite width
  std::optional<TotalMoments> total{};     // likewise
};

}  // namespace gradepth::growth
