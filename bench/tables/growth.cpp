#include "bench/tables/growth.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "bench/tables/table.h"
#include "host/draw/weights_file.h"

namespace gradepth {
namespace {

using growth::GrowthResult;
using growth::GrowthSpec;
using growth::Verdict;

std::string in_words(const GrowthResult& r, std::int64_t depth) {
  const std::string steps = std::to_string(depth) + (depth == 1 ? " step" : " steps");
  switch (r.verdict) {
    case Verdict::exploding:
      return "exploding: more than tenfold larger after " + steps;
    case Verdict::vanishing:
      return "vanishing: more than tenfold smaller after " + steps;
    case Verdict::stable:
      return "stable: within a factor of ten after " + steps;
    case Verdict::inconclusive:
      return r.rate.low ? "inconclusive: the interval crosses a factor of ten after " + steps
                        : "inconclusive: one seed has no interval";
    case Verdict::overflowed:
      return "overflowed: the number format ran out above";
    case Verdict::underflowed:
      return "underflowed: the number format ran out below";
    case Verdict::zero:
      return "zero: the gradient itself is 0";
    case Verdict::too_shallow:
      return "too shallow: " + steps + " say nothing about growth with depth";
  }
  return {};
}

/// `by seed: vanishing 3, stable 12`
std::string by_seed(const GrowthResult& r) {
  std::string text;
  for (std::size_t i = 0; i < growth::verdict_count; ++i) {
    if (r.verdicts[i] == 0) continue;
    text += (text.empty() ? "by seed: " : ", ") + std::string(growth::name(Verdict(i))) + ' ' +
            std::to_string(r.verdicts[i]);
  }
  return text;
}

std::string with_interval(const growth::Interval& x) {
  std::string text = significant(x.value, 4);
  if (x.low && x.high) {
    text += "   [" + significant(*x.low, 4) + ", " + significant(*x.high, 4) + "]";
  }
  return text;
}

/// A bar of at most `width` signs from 0 to x, `largest` being a full one.
std::string bar(double x, double largest, std::size_t width) {
  if (!std::isfinite(x) || largest <= 0) return {};
  const auto n =
      static_cast<std::size_t>(std::lround(std::abs(x) / largest * static_cast<double>(width)));
  std::string signs;
  signs.resize(std::min(n, width), x < 0 ? '<' : '>');
  return signs;
}

std::string percent(double fraction) {
  return std::isfinite(fraction) ? significant(100 * fraction, 3) : "-";
}

std::string power_of_two(double x) { return "2^" + std::to_string(std::ilogb(x)); }

/// About ten depths from 0 to L.
std::vector<std::size_t> shown_depths(std::size_t L) {
  const std::size_t count = std::min<std::size_t>(L, 10);
  std::vector<std::size_t> depths;
  for (std::size_t i = 0; i <= count; ++i) depths.push_back(L * i / count);
  return depths;
}

/// Breaks a long line at spaces, further lines indented.
void print_wrapped(std::ostream& out, const std::string& label, const std::string& text) {
  constexpr std::size_t width = 79;
  std::string line = label;
  std::size_t begin = 0;
  bool first = true;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string word = text.substr(begin, end - begin);
    if (!first && line.size() + 1 + word.size() > width) {
      out << line << '\n';
      line = std::string(label.size(), ' ') + word;
    } else {
      line += (first ? "" : " ") + word;
    }
    first = false;
    begin = end + 1;
  }
  out << line << '\n';
}

std::string in_words(const growth::Law& law) {
  switch (law.kind) {
    case growth::LawKind::exponential:
      return "exponential: this rate per step";
    case growth::LawKind::power:
      return "power: the norm goes as steps to this exponent";
    case growth::LawKind::stretched:
      return "stretched: ln norm goes as steps to this exponent";
  }
  return {};
}

void print_law(std::ostream& out, const GrowthResult& result) {
  if (!result.law.law) {
    print_wrapped(out, "  law        ", "none: " + result.law.reason);
    return;
  }
  print_wrapped(out, "  law        ",
                with_interval(result.law.law->exponent) + "   " + in_words(*result.law.law));
  if (!result.theory_law || result.theory_law->kind == growth::LawKind::exponential) return;
  out << "    theory   " << significant(result.theory_law->exponent.value, 4) << "   "
      << name(result.theory_law->kind) << '\n';
}

/// `gain 0.86 to 2.542, width 1.682`; an end that is not there is a dash.
std::string in_words(const growth::GainWindow& window) {
  const auto end = [](const std::optional<double>& x) { return x ? significant(*x, 4) : "-"; };
  const std::optional<double> width = window.width();
  return "gain " + end(window.low) + " to " + end(window.high) +
         (width ? ", width " + significant(*width, 4) : "") +
         (window.reason.empty() ? "" : ": " + window.reason);
}

void print_window(std::ostream& out, const growth::WindowStudy& window) {
  print_wrapped(out, "  window     ", in_words(window.measured));
  if (window.theory) print_wrapped(out, "    theory   ", in_words(*window.theory));
}

/// A row's name, broken after slashes where it is too long.
void print_name(std::ostream& out, std::string_view name) {
  constexpr std::size_t width = 79;
  std::string indent;
  while (indent.size() + name.size() > width) {
    const std::size_t slash = name.rfind('/', width - indent.size() - 1);
    if (slash == std::string_view::npos) break;
    out << indent << name.substr(0, slash + 1) << '\n';
    name.remove_prefix(slash + 1);
    indent = "  ";
  }
  out << indent << name << '\n';
}

void print_theory(std::ostream& out, const growth::Theory& theory) {
  out << "  theory     " << significant(theory.rate, 4) << '\n';
  print_wrapped(out, "             ", theory.formula + " (" + theory.source + ")");
  std::string moments;
  const auto add = [&](const char* name, const std::optional<double>& x) {
    if (x) moments += (moments.empty() ? "" : ", ") + std::string(name) + significant(*x, 4);
  };
  if (theory.asymptotic != theory.rate) add("in the end ", theory.asymptotic);
  add("q ", theory.q);
  add("chi ", theory.chi);
  add("critical sigma_w ", theory.critical_sigma);
  add("depth scale ", theory.xi);
  add("of q ", theory.xi_q);
  if (!moments.empty()) print_wrapped(out, "             ", moments);
}

/// The first few of these numbers.
std::string leading(const std::vector<double>& x) {
  constexpr std::size_t most = 8;
  std::string text;
  for (std::size_t i = 0; i < std::min(x.size(), most); ++i) {
    text += (i == 0 ? "" : " ") + (std::isfinite(x[i]) ? significant(x[i], 4) : "-");
  }
  return x.size() > most ? text + " ... " + significant(x.back(), 4) : text;
}

/// What was asked for beside the gradient, and what is found unasked where the format ran out.
void print_jacobians(std::ostream& out, const GrowthSpec& spec, const growth::JacobianGrowth& g) {
  if (g.renormalised) {
    out << "  rescaled   " << with_interval(g.renormalised->rate)
        << "   rate in float64, rescaled\n";
  }
  if (!g.lyapunov.empty()) {
    std::vector<double> exponents;
    exponents.reserve(g.lyapunov.size());
    for (const growth::Interval& x : g.lyapunov) exponents.push_back(x.value);
    print_wrapped(out, "  Lyapunov   ", leading(exponents));
    if (g.lyapunov_theory) {
      print_wrapped(out, "    theory   ",
                    leading(g.lyapunov_theory->exponents) + "   " + g.lyapunov_theory->formula +
                        " (" + g.lyapunov_theory->source + ")");
    }
  }
  if (!g.singular_values.empty()) {
    print_wrapped(out, "  ln sigma/L ", leading(g.singular_values));
  } else if (g.ln_largest) {
    out << "  ln sigma_1 " << significant(*g.ln_largest, 4)
        << "   of the product of all Jacobians\n";
  }
  if (g.transient && spec.transient) {
    out << "  |W^t|      " << significant(std::exp(g.transient->ln_max), 4)
        << " at most, at t = " << g.transient->step << "; "
        << significant(std::exp(g.transient->ln_last), 4) << " at t = " << spec.depth;
    if (g.spectral_radius) out << "; radius " << significant(*g.spectral_radius, 4);
    out << '\n';
  }
}

}  // namespace

void print_growth(std::ostream& out, const GrowthSpec& spec, const GrowthResult& result) {
  print_name(out, result.name);
  if (result.status != Status::ok) {
    print_wrapped(out, "  ", std::string(name(result.status)) + ": " + result.reason);
    return;
  }
  if (spec.init.weights) {
    const RecurrentWeights& weights = *spec.init.weights;
    print_wrapped(out, "  weights    ",
                  printable(weights.layer) + " of " + printable(weights.file));
  }
  print_wrapped(out, "  verdict    ", in_words(result, spec.depth));
  if (spec.seeds > 1) print_wrapped(out, "             ", by_seed(result));
  if (!result.reason.empty()) print_wrapped(out, "             ", result.reason);
  out << "  rate       " << with_interval(result.rate) << "   ln |dL/dh| per step, "
      << result.rates.size() << (result.rates.size() == 1 ? " seed\n" : " seeds\n");
  if (std::isfinite(result.rate_slope.value)) {
    out << "  blame      slopes " << significant(result.rate_slope.value, 4) << ", weights "
        << significant(result.rate_weight.value, 4) << ": they add up to the rate\n";
  }
  print_law(out, result);
  if (result.theory) {
    print_theory(out, *result.theory);
  } else {
    out << "  theory     none for this net\n";
  }
  out << "  total      " << with_interval(result.total) << '\n';
  if (result.window) print_window(out, *result.window);
  if (result.reach) {
    out << "  reach      " << significant(*result.reach, 3) << " steps to a thousandfold change\n";
  }
  if (spec.seeds > 1) {
    out << "  moments    ln E|g|^2 " << significant(result.ln_mean_square.back(), 4)
        << ", E ln|g|^2 " << significant(2 * result.ln_norm.mean.back(), 4) << " at depth "
        << spec.depth << '\n';
  }
  if (result.bound) {
    print_wrapped(out, "  bound      ",
                  result.bound->says + " (sigma_max " + significant(result.bound->sigma_max, 4) +
                      ", gamma " + significant(result.bound->gamma, 4) + "; Pascanu et al. 2013)");
  }
  if (std::isfinite(result.weight_gradient.cancellation)) {
    out << "  |dL/dW|    " << significant(result.weight_gradient.sum, 4) << "   cancellation "
        << significant(result.weight_gradient.cancellation, 4) << " of 1 over all steps\n";
  }
  print_jacobians(out, spec, result.jacobians);
  out << '\n';
  const std::vector<double>& median = result.ln_norm.median;
  double largest = 0;
  for (const double x : median) {
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
  }
  Table table({"depth", "ln norm", "p10", "p90", "0 %", "subn %", "satur %", "bar"});
  const auto cell = [](double x) { return std::isfinite(x) ? significant(x, 4) : "-"; };
  for (const std::size_t d : shown_depths(median.size() - 1)) {
    table.add({std::to_string(d), cell(median[d]), cell(result.ln_norm.p10[d]),
               cell(result.ln_norm.p90[d]), percent(result.zero[d]), percent(result.subnormal[d]),
               percent(result.saturated[d]), bar(median[d], largest, 20)});
  }
  table.print(out);
}

void print_precision(std::ostream& out, const std::vector<growth::PrecisionHorizon>& horizons) {
  out << "\nprecision: depth at which the gradient is lost (half of its elements turn 0, or\n"
         "one is not finite); the same with the best loss scale; shares at the largest\n"
         "depth; f'=0: most slopes of a map that only the format makes 0\n";
  Table table({"format", "lost at", "best scale", "then at", "0 %", "subn %", "inf %", "f'=0 %"});
  const auto depth = [](const std::optional<double>& d) -> std::string {
    if (!d) return "never";  // else a whole depth, or half-way between two
    return std::to_string(std::lround(std::floor(*d))) + (*d > std::floor(*d) ? ".5" : "");
  };
  for (const growth::PrecisionHorizon& h : horizons) {
    const double dead = *std::max_element(h.dead_slope.begin() + 1, h.dead_slope.end());
    table.add({growth::label(h), depth(h.lost_at), power_of_two(h.best_loss_scale),
               depth(h.best_lost_at), percent(h.zero.back()), percent(h.subnormal.back()),
               percent(h.nonfinite.back()), percent(dead)});
  }
  table.print(out);
}

std::vector<Column> growth_columns() {
  return {{"seeds", "/seeds"},
          {"rate_ln_per_map", "/rate/value"},
          {"rate_low_ln_per_map", "/rate/low"},
          {"rate_high_ln_per_map", "/rate/high"},
          {"rate_slope_ln_per_map", "/rate_slope/value"},
          {"rate_weight_ln_per_map", "/rate_weight/value"},
          {"theory_rate_ln_per_map", "/theory/rate"},
          {"theory_asymptotic_ln_per_map", "/theory/asymptotic"},
          {"critical_sigma", "/theory/critical_sigma"},
          {"total_ln", "/total/value"},
          {"total_low_ln", "/total/low"},
          {"total_high_ln", "/total/high"},
          {"verdict", "/verdict"},
          {"law", "/law/kind"},
          {"law_exponent", "/law/exponent"},
          {"law_low", "/law/low"},
          {"law_high", "/law/high"},
          {"window_low_gain", "/window/low"},
          {"window_high_gain", "/window/high"}};
}

namespace {

/// A CSV of lists by depth: a line for each depth, and in each of them what the row says once.
class DepthCsv {
 public:
  DepthCsv(std::ostream& out, std::vector<Column> lists, const std::vector<Column>& others)
      : lists_(std::move(lists)), csv_(out, with_common_columns(columns(lists_, others))) {}

  /// `lists` has the lists, all as long as the first.
  void write(const Row& row, const Row& lists) {
    Row line;
    for (const auto& [key, value] : row.items()) {
      if (!value.is_array()) line[key] = value;
    }
    const auto list = [&](const Column& column) -> const Row& {
      return lists.at(Row::json_pointer(column.path));
    };
    for (std::size_t d = 0; d < list(lists_.front()).size(); ++d) {
      line["depth"] = d;
      for (const Column& column : lists_) line[column.name] = list(column).at(d);
      csv_.write(line);
    }
  }
  /// A row that has no lists.
  void write(const Row& row) { csv_.write(row); }

 private:
  static std::vector<Column> columns(const std::vector<Column>& lists,
                                     const std::vector<Column>& others) {
    std::vector<Column> all{{"depth", "/depth"}};
    for (const Column& column : lists) all.push_back({column.name, '/' + column.name});
    all.insert(all.end(), others.begin(), others.end());
    return all;
  }

  std::vector<Column> lists_;
  CsvWriter csv_;
};

}  // namespace

void print_growth_csv(std::ostream& out, const Row& row) {
  DepthCsv csv(out,
               {{"ln_norm_median", "/ln_norm/median"},
                {"ln_norm_p10", "/ln_norm/p10"},
                {"ln_norm_p90", "/ln_norm/p90"},
                {"ln_norm_mean", "/ln_norm/mean"},
                {"ratio", "/ratio"},
                {"ratio_squared_mean", "/ratio_squared_mean"},
                {"zero_fraction", "/zero"},
                {"subnormal_fraction", "/subnormal"},
                {"nonfinite_fraction", "/nonfinite"},
                {"saturated_fraction", "/saturated"},
                {"open_fraction", "/open"},
                {"ln_open_paths", "/ln_open_paths"},
                {"forward_ln_norm", "/forward_norm"}},
               growth_columns());
  row.contains("ratio") ? csv.write(row, row) : csv.write(row);
}

void print_precision_csv(std::ostream& out, const Row& row) {
  DepthCsv csv(out,
               {{"zero_fraction", "/zero"},
                {"subnormal_fraction", "/subnormal"},
                {"nonfinite_fraction", "/nonfinite"},
                {"dead_slope_fraction", "/dead_slope"}},
               {{"format", "/format/dtype"},
                {"flush", "/format/flush"},
                {"loss_scale", "/format/loss_scale"},
                {"lost_at_depth", "/format/lost_at"},
                {"saving_loss_scale", "/format/saving_loss_scale"},
                {"best_loss_scale", "/format/best/loss_scale"},
                {"best_lost_at_depth", "/format/best/lost_at"},
                {"format_ln_range", "/format/ln_range/format"},
                {"needed_ln_range", "/format/ln_range/needed"}});
  if (!row.contains("precision")) return csv.write(row);
  for (const Row& format : row["precision"]) {
    Row line = row;
    line["format"] = format;
    csv.write(line, format);
  }
}

}  // namespace gradepth
