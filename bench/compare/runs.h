#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/growth/study/statistics.h"
#include "host/text/not_finite.h"
#include "host/text/status.h"

/// The judging of `compare`, apart from files and printing.
namespace gradepth {

/// The time of one speed row, or of its repetitions together.
struct TimedRow {
  Status status = Status::ok;
  double ms;     // NaN: no time
  double noise;  // relative standard error of ms; NaN: unknown
  bool disturbed = false;
  int blocks = 0;     // that the noise was estimated from; 0: not stated
  double pace = nan;  // how fast the machine went meanwhile, in any unit; NaN: not stated
};

/// The gradient growth of one row.
struct GrownRow {
  Status status = Status::ok;
  growth::Interval rate;  // per step; NaN: none
  double depth = 1;       // steps
  std::string verdict;
};

/// What a row says about where it was measured: `processor`, `threads`, …
using Machine = std::map<std::string, std::string>;

/// The rows of one run that are compared, by name.
struct ComparedRun {
  std::map<std::string, TimedRow> times;
  std::map<std::string, GrownRow> growths;
  std::map<std::string, Machine> machines;  // of the times
};

struct CompareRules {
  double threshold = 0.05;
  bool other_machine = false;  // take rows of another processor, number of threads, …
};

/// One row of both runs, or of one of them.
struct ComparedRow {
  std::string name;
  bool is_growth = false;
  /// slower, faster: the ratio lies beyond the threshold, and not by chance, all rows considered.
  /// same: no such thing was shown. changed: another growth. broken, mended: no longer, or now, ok.
  /// vanished, new: a row or its value is in one run alone. Not judged: unclear (the noise is too
  /// large to tell), unknown (no noise is stated), disturbed, no time (in either).
  std::string verdict;
  std::string reason;       // in words, where the verdict needs them
  growth::Interval before;  // ms, or rate per step; NaN: none
  growth::Interval after;
  growth::Interval ratio;  // of the times; NaN: none
  double change = 0;  // |ln| of the ratio, or of the whole growth's; infinite where it has no size
};

struct RunComparison {
  std::vector<ComparedRow> rows;  // most changed first
  std::size_t common = 0;         // rows in both
  growth::Interval mean_ratio;    // geometric, of the times that are not disturbed; NaN: none
  std::size_t ratios = 0;         // that it is the mean of
  double pace_spread = 0;         // standard deviation of ln pace; 0 where no row states its pace
  std::vector<std::string> failures;  // why `after` does not pass; none: it does
};

/// Compares each row of both runs.
///
/// Times: the ratio's interval of 95 % is 1.96 standard errors of its logarithm, both medians being
/// independent: the noise of both, and twice the variance of ln pace over the rows of both runs. A
/// machine that was slower while one of them ran makes rows slower that did not change, and a row's
/// noise, from the second that it took, does not know. `slower` and `faster` are held together over
/// all rows: Holm's step-down procedure at 5 %, so that runs of the same code have, with
/// probability 95 %, none. The mean's interval is Student's t on the logarithms. Growth: `changed`
/// when the intervals of the rates are disjoint (and the whole growth differs by more than rounding
/// does), or with another verdict.
///
/// Failures: rows slower, broken, vanished or changed; another machine, unless that is allowed; no
/// row that could be judged. std::invalid_argument if no row is in both.
RunComparison compare_runs(const ComparedRun& before, const ComparedRun& after,
                           const CompareRules& rules);

/// The repetitions of one row as one: the geometric mean of their times. Its noise is the standard
/// error of their mean, but not below the least noise of one of them, since they share a process.
/// Disturbed ones count only where all are; the first that is not ok stands for all.
TimedRow pooled(const std::vector<TimedRow>& repetitions);

}  // namespace gradepth
