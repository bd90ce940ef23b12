#include "host/growth/precision/loss_scale.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace gradepth::growth {
namespace {

double total_depth(const std::vector<LostAt>& lost) {
  double total = 0;
  for (const LostAt& seed : lost) total += static_cast<double>(seed.depth);
  return total;
}

/// Up to eight exponents that part the gap between two.
std::set<int> between(int a, int b) {
  constexpr int parts = 9;
  std::set<int> inside;
  for (int i = 1; i < parts; ++i) {
    const int k = a + (b - a) * i / parts;
    if (k != a && k != b) inside.insert(k);
  }
  return inside;
}

}  // namespace

int best_exponent(const Trials& trials) {
  const auto worse = [](const auto& a, const auto& b) {
    const double depth_a = total_depth(a.second);
    const double depth_b = total_depth(b.second);
    return depth_a != depth_b ? depth_a < depth_b : std::abs(a.first) > std::abs(b.first);
  };
  return std::max_element(trials.begin(), trials.end(), worse)->first;
}

std::vector<int> ScaleSearch::next() const {
  if (trials_.contains(0) && saves(trials_.at(0))) return {};
  std::set<int> exponents;
  if (trials_.size() < 2) {
    exponents = {first_, last_, 0};
    for (const int step : {0, 1, 2, 4, 8}) exponents.insert({guess_ - step, guess_ + step});
  } else {
    const int k = best();
    exponents = between(k, towards_0(k));
    if (!saves()) {
      exponents.merge(where_overflow_begins());
      exponents.insert({k - 1, k + 1});
    }
  }
  std::vector<int> untried;
  std::copy_if(exponents.begin(), exponents.end(), std::back_inserter(untried),
               [&](int k) { return !trials_.contains(k); });
  return untried;
}

bool ScaleSearch::saves(const std::vector<LostAt>& lost) const {
  return std::all_of(lost.begin(), lost.end(),
                     [&](const LostAt& seed) { return seed.depth == never_; });
}

int ScaleSearch::towards_0(int k) const {
  const auto at = trials_.find(k);
  return k > 0 ? std::prev(at)->first : k < 0 ? std::next(at)->first : 0;
}

std::set<int> ScaleSearch::where_overflow_begins() const {
  const auto overflows = std::find_if(trials_.begin(), trials_.end(), [](const auto& trial) {
    return std::any_of(trial.second.begin(), trial.second.end(),
                       [](const LostAt& seed) { return seed.overflow; });
  });
  if (overflows == trials_.begin() || overflows == trials_.end()) return {};
  return between(std::prev(overflows)->first, overflows->first);
}

}  // namespace gradepth::growth
