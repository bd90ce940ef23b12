#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <vector>

/// Searches the power of two that keeps a gradient in a number format for longest.
namespace gradepth::growth {

/// Where and how a seed's gradient is lost.
struct LostAt {
  std::size_t depth = 0;  // the least one; L + 1: never
  bool overflow = false;  // an element is not finite
};

/// Losses with 2^exponent, seed by seed.
using Trials = std::map<int, std::vector<LostAt>>;

/// Of the exponents, the one whose seeds lose last (mean over seeds); of equals the nearest to 0.
int best_exponent(const Trials& trials);

/// A larger scale loses less to 0 and more to overflow. So the best one lies where overflow begins;
/// and of the scales as good as that, those nearer to 1 follow without a gap. The caller tries
/// next() and add()s what it finds, until next() is empty.
class ScaleSearch {
 public:
  /// The search begins at `guess`, and ends at first < guess < last. `never` is L + 1.
  ScaleSearch(std::size_t never, int first, int guess, int last)
      : never_(never), first_(first), guess_(guess), last_(last) {}

  /// The exponents to try next.
  [[nodiscard]] std::vector<int> next() const;
  void add(int exponent, std::vector<LostAt> lost) { trials_[exponent] = std::move(lost); }

  /// After the first trial.
  [[nodiscard]] int best() const { return best_exponent(trials_); }
  [[nodiscard]] const std::vector<LostAt>& lost_at_best() const { return trials_.at(best()); }
  /// Whether no seed loses anything under the best scale.
  [[nodiscard]] bool saves() const { return saves(lost_at_best()); }

 private:
  [[nodiscard]] bool saves(const std::vector<LostAt>& lost) const;
  /// The tried exponent next to k on the side of 0; 0 itself is tried.
  [[nodiscard]] int towards_0(int k) const;
  /// Exponents between the first tried one that overflows and the one before.
  [[nodiscard]] std::set<int> where_overflow_begins() const;

  std::size_t never_;
  int first_;
  int guess_;
  int last_;
  Trials trials_;
};

}  // namespace gradepth::growth
