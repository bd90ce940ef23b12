#include "bench/compare/runs.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numbers>
#include <set>
#include <stdexcept>

#include "bench/tables/table.h"
#include "host/text/not_finite.h"

namespace gradepth {
namespace {

constexpr double z95 = 1.96;
constexpr double family_error = 0.05;         // of all verdicts of one comparison together
constexpr double widest = std::numbers::ln2;  // half an interval that could hide a doubling
constexpr double rounding = 1e-3;  // of a whole growth, in ln: what another order of sums does

/// A row whose verdict waits for the others': where its ratio lies, in its own standard errors.
struct Waiting {
  std::size_t row;
  double ln_ratio;
  double error;       // standard error of ln_ratio
  double chance;      // probability of lying so far beyond the threshold by chance
  const char* doubt;  // why its verdict may be unclear
};

/// Probability of lying `z` standard errors from 0 by chance, to either side. `noise` is such that
/// 1.96 of it are the 95 % interval; further out, an error that was estimated from few blocks has
/// the wider tails of Student's t.
double two_sided(double z, int degrees) {
  if (degrees <= 0) return std::erfc(z / std::numbers::sqrt2);
  const boost::math::students_t t(degrees);
  const double scaled = z * boost::math::quantile(t, 0.975) / z95;
  return 2 * boost::math::cdf(boost::math::complement(t, scaled));
}

/// Of the errors of both medians together; 0 where one does not state its blocks.
int degrees(const TimedRow& before, const TimedRow& after) {
  return before.blocks > 1 && after.blocks > 1 ? before.blocks + after.blocks - 2 : 0;
}

ComparedRow blank(const std::string& name, bool is_growth) {
  return {.name = name,
          .is_growth = is_growth,
          .verdict = "no time",
          .reason = "",
          .before = {nan, {}, {}},
          .after = {nan, {}, {}},
          .ratio = {nan, {}, {}}};
}

void settle(ComparedRow& row, const char* verdict, std::string reason, double change) {
  row.verdict = verdict;
  row.reason = std::move(reason);
  row.change = change;
}

/// Settles what needs no number: whether both are ok and have a value.
template <class T>
bool settle_status(ComparedRow& row, const T& before, const T& after) {
  const bool was = before.status == Status::ok;
  const bool is = after.status == Status::ok;
  if (was && !is) settle(row, "broken", "now " + std::string(name(after.status)), infinity);
  if (!was && is) settle(row, "mended", "was " + std::string(name(before.status)), infinity);
  return !was || !is;
}

bool settle_missing(ComparedRow& row, const char* what) {
  const bool was = !std::isnan(row.before.value);
  const bool is = !std::isnan(row.after.value);
  if (was && !is) settle(row, "vanished", std::string("its ") + what + " is gone", infinity);
  if (!was && is) settle(row, "new", std::string("it had no ") + what, infinity);
  return !was || !is;
}

growth::Interval with_noise(double ms, double noise) {
  growth::Interval interval{ms, {}, {}};
  if (std::isnan(noise)) return interval;
  interval.low = ms * std::exp(-z95 * noise);
  interval.high = ms * std::exp(z95 * noise);
  return interval;
}

/// Compares two times. What remains to be judged together with the others is appended to `waiting`.
ComparedRow compare_times(const std::string& name, const TimedRow& before, const TimedRow& after,
                          std::size_t index, double threshold, double pace_spread,
                          std::vector<Waiting>& waiting) {
  ComparedRow row = blank(name, false);
  row.before = with_noise(before.ms, before.noise);
  row.after = with_noise(after.ms, after.noise);
  if (settle_status(row, before, after) || settle_missing(row, "time")) return row;
  const double ln_ratio = std::log(after.ms / before.ms);
  const double error = std::hypot(before.noise, after.noise, std::numbers::sqrt2 * pace_spread);
  row.ratio = with_noise(after.ms / before.ms, error);
  row.change = std::abs(ln_ratio);
  if (before.disturbed || after.disturbed) {
    const char* when = !after.disturbed ? "before" : !before.disturbed ? "after" : "both times";
    settle(row, "disturbed", when, row.change);
  } else if (std::isnan(error)) {
    settle(row, "unknown", "no noise is stated", row.change);
  } else {
    const double beyond = row.change - std::log1p(threshold);
    const double z = beyond / std::max(error, 1e-12);
    const bool of_the_machine = pace_spread > std::max(before.noise, after.noise);
    waiting.push_back({index, ln_ratio, error, two_sided(z, degrees(before, after)),
                       of_the_machine ? "the machine's pace varied too much to tell"
                                      : "its noise is too large to tell"});
  }
  return row;
}

/// Holm's procedure: the k-th least probable of m is held against 5 % / (m - k), from the least on,
/// until one is not beyond it.
void judge_together(std::vector<Waiting> waiting, double threshold,
                    std::vector<ComparedRow>& rows) {
  std::sort(waiting.begin(), waiting.end(),
            [](const Waiting& a, const Waiting& b) { return a.chance < b.chance; });
  bool beyond = true;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    const Waiting& one = waiting[i];
    ComparedRow& row = rows[one.row];
    beyond = beyond && one.chance <= family_error / static_cast<double>(waiting.size() - i);
    if (beyond) {
      row.verdict = one.ln_ratio > 0 ? "slower" : "faster";
    } else {
      const bool hidden = row.change > std::log1p(threshold) || z95 * one.error > widest;
      row.verdict = hidden ? "unclear" : "same";
      if (hidden) row.reason = one.doubt;
    }
  }
}

/// Of two that have their ends.
bool disjoint(const growth::Interval& a, const growth::Interval& b) {
  return a.high < b.low || b.high < a.low;
}

ComparedRow compare_growths(const std::string& name, const GrownRow& before,
                            const GrownRow& after) {
  ComparedRow row = blank(name, true);
  row.before = before.rate;
  row.after = after.rate;
  if (settle_status(row, before, after)) return row;
  const bool other_verdict = before.verdict != after.verdict;
  const std::string verdicts =
      other_verdict ? before.verdict + ", now " + after.verdict : before.verdict;
  const bool values = !std::isnan(before.rate.value) && !std::isnan(after.rate.value);
  const double change =
      values ? std::abs(after.rate.value * after.depth - before.rate.value * before.depth)
             : infinity;
  const bool vague = before.verdict == "inconclusive" || after.verdict == "inconclusive";
  if (other_verdict && !vague) {
    settle(row, "changed", verdicts, infinity);
  } else if (!values && std::isnan(before.rate.value) && std::isnan(after.rate.value)) {
    settle(row, other_verdict ? "unclear" : "same", verdicts, 0);
  } else if (settle_missing(row, "rate")) {
    return row;
  } else if (change > rounding && (!before.rate.low || !after.rate.low)) {
    settle(row, "unknown", "a rate has no interval", change);
  } else if (change > rounding && disjoint(before.rate, after.rate)) {
    settle(row, "changed", verdicts, change);
  } else {
    settle(row, other_verdict ? "unclear" : "same", verdicts, change);
  }
  return row;
}

/// Standard deviation of ln pace over the rows of both runs that both have.
double spread_of_pace(const ComparedRun& before, const ComparedRun& after) {
  std::vector<double> logarithms;
  for (const auto& [name, first] : before.times) {
    const auto second = after.times.find(name);
    if (second == after.times.end() || std::isnan(first.pace) || std::isnan(second->second.pace)) {
      continue;
    }
    logarithms.push_back(std::log(first.pace));
    logarithms.push_back(std::log(second->second.pace));
  }
  return logarithms.empty() ? 0 : std::sqrt(growth::variance(logarithms));
}

/// Adds the rows that only one of the runs has.
template <class Rows>
void add_lone(const Rows& from, const Rows& other, bool is_growth, const char* verdict,
              const char* reason, std::vector<ComparedRow>& rows) {
  for (const auto& [name, unused] : from) {
    if (other.contains(name)) continue;
    rows.push_back(blank(name, is_growth));
    settle(rows.back(), verdict, reason, infinity);
  }
}

/// `processor: A, then B`, once each, over the rows that both have a time of.
std::set<std::string> other_machines(const ComparedRun& before, const ComparedRun& after) {
  std::set<std::string> differences;
  for (const auto& [name, unused] : before.times) {
    const auto first = before.machines.find(name);
    const auto second = after.machines.find(name);
    if (!after.times.contains(name) || first == before.machines.end() ||
        second == after.machines.end()) {
      continue;
    }
    for (const auto& [key, value] : first->second) {
      const auto found = second->second.find(key);
      if (found == second->second.end() || found->second == value) continue;
      std::string difference = "another " + key;
      difference.append(": ").append(value).append(", then ").append(found->second);
      differences.insert(std::move(difference));
    }
  }
  return differences;
}

void add_mean(RunComparison& comparison) {
  std::vector<double> logarithms;
  for (const ComparedRow& row : comparison.rows) {
    if (!std::isnan(row.ratio.value) && row.verdict != "disturbed") {
      logarithms.push_back(std::log(row.ratio.value));
    }
  }
  growth::Interval mean = growth::student_interval(logarithms);
  comparison.ratios = logarithms.size();
  comparison.mean_ratio.value = std::exp(mean.value);
  if (mean.low) comparison.mean_ratio.low = std::exp(*mean.low);
  if (mean.high) comparison.mean_ratio.high = std::exp(*mean.high);
}

std::size_t count(const std::vector<ComparedRow>& rows, std::string_view verdict) {
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [&](const ComparedRow& row) { return row.verdict == verdict; }));
}

void add_failures(RunComparison& comparison) {
  for (const char* verdict : {"slower", "broken", "vanished", "changed"}) {
    const std::size_t rows = count(comparison.rows, verdict);
    if (rows == 0) continue;
    comparison.failures.push_back(std::to_string(rows) + (rows == 1 ? " row " : " rows ") +
                                  verdict);
  }
  std::size_t judged = 0;
  for (const char* verdict : {"slower", "faster", "same", "changed", "broken", "mended"}) {
    judged += count(comparison.rows, verdict);
  }
  if (judged == 0) comparison.failures.emplace_back("no row could be judged");
}

}  // namespace

RunComparison compare_runs(const ComparedRun& before, const ComparedRun& after,
                           const CompareRules& rules) {
  RunComparison comparison;
  comparison.pace_spread = spread_of_pace(before, after);
  std::vector<Waiting> waiting;
  for (const auto& [name, time] : before.times) {
    const auto other = after.times.find(name);
    if (other == after.times.end()) continue;
    comparison.rows.push_back(compare_times(name, time, other->second, comparison.rows.size(),
                                            rules.threshold, comparison.pace_spread, waiting));
  }
  judge_together(std::move(waiting), rules.threshold, comparison.rows);
  for (const auto& [name, grown] : before.growths) {
    const auto other = after.growths.find(name);
    if (other != after.growths.end()) {
      comparison.rows.push_back(compare_growths(name, grown, other->second));
    }
  }
  comparison.common = comparison.rows.size();
  if (comparison.common == 0) throw std::invalid_argument("no row is in both");
  add_lone(before.times, after.times, false, "vanished", "the row is gone", comparison.rows);
  add_lone(before.growths, after.growths, true, "vanished", "the row is gone", comparison.rows);
  add_lone(after.times, before.times, false, "new", "the row is new", comparison.rows);
  add_lone(after.growths, before.growths, true, "new", "the row is new", comparison.rows);
  std::stable_sort(comparison.rows.begin(), comparison.rows.end(),
                   [](const ComparedRow& a, const ComparedRow& b) { return a.change > b.change; });
  add_mean(comparison);
  if (!rules.other_machine) {
    for (const std::string& difference : other_machines(before, after)) {
      comparison.failures.push_back(difference);
    }
  }
  add_failures(comparison);
  return comparison;
}

TimedRow pooled(const std::vector<TimedRow>& repetitions) {
  if (repetitions.size() == 1) return repetitions.front();
  std::vector<TimedRow> counted;
  for (const TimedRow& row : repetitions) {
    if (row.status != Status::ok) return row;
    if (!row.disturbed && !std::isnan(row.ms)) counted.push_back(row);
  }
  if (counted.empty()) return repetitions.front();
  TimedRow result = counted.front();
  if (counted.size() == 1) return result;
  result.blocks = 0;
  std::vector<double> logarithms;
  double least = infinity;
  bool known = true;
  for (const TimedRow& row : counted) {
    logarithms.push_back(std::log(row.ms));
    result.blocks += row.blocks;
    known = known && !std::isnan(row.noise);
    least = std::min(least, row.noise);
  }
  result.ms = std::exp(growth::student_interval(logarithms).value);
  const double error =
      std::sqrt(growth::variance(logarithms) / static_cast<double>(logarithms.size()));
  result.noise = known ? std::max(error, least) : nan;
  return result;
}

}  // namespace gradepth
