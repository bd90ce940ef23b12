#include "host/growth/knobs/sweep_axes.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <stdexcept>

#include "host/growth/knobs/knobs.h"
#include "host/growth/study/resolve.h"
#include "host/text/decimal.h"

namespace gradepth::growth {
namespace {

constexpr std::size_t max_cells = 1'000'000;

[[noreturn]] void refuse_axis(std::string_view value, const std::string& allowed) {
  throw std::invalid_argument("--sweep " + std::string(value) + ": " + allowed);
}

std::string one_of_the_keys() {
  std::string keys;
  for (const std::string& key : growth_knobs().sweep_keys())
    keys += (keys.empty() ? "" : ", ") + key;
  return "KEY one of " + keys;
}

double number(std::string_view text, std::string_view axis) {
  const std::optional<double> x = decimal_number(text);
  if (!x) refuse_axis(axis, "KEY=FROM:TO:STEP with finite numbers, such as gain=0.5:4:0.1");
  return *x;
}

/// Digits after the point that a decimal number has when written out, 14 of 1e-14.
int decimals(std::string_view text) {
  constexpr int most = 400;  // no finite number is changed beyond
  const std::size_t e = std::min(text.find_first_of("eE"), text.size());
  const std::size_t point = std::min(text.find('.'), e);
  const auto written =
      static_cast<int>(std::min(e - point, std::size_t{most + 1})) - (point < e ? 1 : 0);
  const auto exponent = e < text.size() ? decimal_whole<int>(text.substr(e + 1)) : 0;
  return std::clamp(written - std::clamp(exponent.value_or(0), -most, most), 0, most);
}

/// x to that many digits after the point: 0.5 + 7 · 0.1 is meant to be 1.2, not
/// 1.2000000000000002.
double rounded(double x, int digits) {
  std::array<char, 800> text{};  // 309 digits before the point, 400 after it
  char* const end =
      std::to_chars(text.data(), text.data() + text.size(), x, std::chars_format::fixed, digits)
          .ptr;
  return decimal_number({text.data(), end}).value_or(x);
}

SweepAxis parse_axis(std::string_view text) {
  const std::size_t equals = text.find('=');
  const std::size_t first = text.find(':');
  const std::size_t second = text.find(':', first + 1);
  if (equals == std::string_view::npos || first == std::string_view::npos || first < equals ||
      second == std::string_view::npos) {
    refuse_axis(text, "KEY=FROM:TO:STEP, " + one_of_the_keys());
  }
  const std::string_view from_text = text.substr(equals + 1, first - equals - 1);
  const std::string_view step_text = text.substr(second + 1);
  const double from = number(from_text, text);
  const double to = number(text.substr(first + 1, second - first - 1), text);
  const double step = number(step_text, text);
  const double steps = (to - from) / step;
  if (!(step > 0) || !(steps >= 0) || steps >= static_cast<double>(max_cells)) {
    refuse_axis(text, "FROM no larger than TO, STEP above 0, at most " + std::to_string(max_cells) +
                          " points");
  }
  SweepAxis axis{std::string(text.substr(0, equals)), {}};
  const int digits = std::max(decimals(from_text), decimals(step_text));
  // The end is included although TO - FROM is seldom a whole number of steps in binary.
  const auto count = static_cast<std::size_t>(std::floor(steps + 1e-9)) + 1;
  for (std::size_t i = 0; i < count; ++i) {
    axis.values.push_back(rounded(from + static_cast<double>(i) * step, digits));
  }
  return axis;
}

void set(GrowthSpec& spec, const std::string& key, double value) {
  const auto* const knob = growth_knobs().find_swept(key);
  if (knob == nullptr) refuse_axis(key, one_of_the_keys());
  if (!knob->applies(spec)) refuse_axis(key, growth_knobs().without_effect(*knob, spec));
  try {
    knob->rules.sweep.set(spec, value);
  } catch (const Refused& allowed) {
    refuse_axis(key, allowed.what());
  }
}

}  // namespace

std::vector<SweepAxis> parse_sweep(std::string_view text) {
  std::vector<SweepAxis> axes;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    axes.push_back(parse_axis(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return axes;
}

std::vector<std::string> settings_of(const std::vector<SweepAxis>& axes) {
  std::vector<std::string> settings;
  for (const SweepAxis& axis : axes) {
    const auto* const knob = growth_knobs().find_swept(axis.key);
    if (knob == nullptr) refuse_axis(axis.key, one_of_the_keys());
    const auto& sets = knob->rules.sweep.sets;
    const auto keys = sets.empty() ? knob->identity({}).keys() : sets;
    settings.insert(settings.end(), keys.begin(), keys.end());
  }
  return settings;
}

std::vector<SweepCell> sweep_cells(const GrowthSpec& spec, const std::vector<SweepAxis>& axes) {
  std::vector<SweepCell> cells{{{}, spec}};
  for (const SweepAxis& axis : axes) {
    std::vector<SweepCell> finer;
    if (cells.size() * axis.values.size() > max_cells) {
      refuse_axis(axis.key, "at most " + std::to_string(max_cells) + " points in all");
    }
    for (const SweepCell& cell : cells) {
      const auto same_key = [&](const auto& knob) { return knob.first == axis.key; };
      if (std::any_of(cell.at.begin(), cell.at.end(), same_key)) {
        refuse_axis(axis.key, "each KEY once");
      }
      for (const double value : axis.values) {
        finer.push_back(cell);
        finer.back().at.emplace_back(axis.key, value);
        set(finer.back().spec, axis.key, value);
      }
    }
    cells = std::move(finer);
  }
  for (const SweepCell& cell : cells) (void)make_problem(cell.spec);  // refuses what does not fit
  return cells;
}

}  // namespace gradepth::growth
