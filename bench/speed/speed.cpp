#include "bench/speed/speed.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>

#include "bench/timing/machine.h"
#include "bench/timing/plan_timing.h"
#include "host/device/vector_target.h"
#include "host/growth/study/statistics.h"
#include "host/problem/judge.h"
#include "host/text/json.h"
#include "host/text/not_finite.h"
#include "kernels/clip/rules.h"

namespace gradepth {
namespace {

/// One provider's part in a workload: its row so far and, while all is well, its plan.
struct Entry {
  Row row;
  PlanPtr plan;
  std::unique_ptr<DeviceTimer> timer;
};

/// `recurrent/elman/tanh/f32/T64_B32_H512` belongs to the family `recurrent/elman/tanh/f32`.
std::string family(const std::string& problem_name) {
  return problem_name.substr(0, problem_name.rfind('/'));
}

Row begin_row(const char* kind_of_row, const Problem& problem, const Provider& provider) {
  Row row;
  const std::string problem_name = name(problem);
  row["kind"] = kind_of_row;
  row["name"] = problem_name + '/' + std::string(provider.name());
  row["problem"] = problem_name;
  row["family"] = family(problem_name);
  row["provider"] = provider.name();
  row["dtype"] = name(dtype(problem));
  set_status(row, Status::ok, "");
  row["depth"] = depth(problem);
  return row;
}

/// The growth of the gradient in the run that the plan has just made.
void add_growth(Row& row, const Problem& problem, Plan& plan) {
  const auto* recurrent = std::get_if<RecurrentProblem>(&problem);
  if (recurrent != nullptr && !recurrent->norms) return;
  const std::string_view problem_kind = kind(problem);
  if (problem_kind != "recurrent" && problem_kind != "feedforward") return;
  const Tensor norms = plan.get("dh_norm2");
  if (norms.shape.empty()) {
    row["growth"] = nullptr;
    row["growth_reason"] = "the library shows no gradient between the steps";
    return;
  }
  const growth::RunGrowth growth = growth::run_growth(norms.data);
  Row ln_norm = Row::array();
  for (const double value : growth.ln_norm) ln_norm.push_back(json::number(value));
  row["growth"] = {{"ln_norm", std::move(ln_norm)},
                   {"rate", json::number(growth.rate)},
                   {"total", json::number(growth.total)}};
  row["growth_reason"] = "";
}

/// Bytes that a plan whose slopes come from the input holds more than one that has them from the
/// output; null where that cannot be had too, or plans do not count theirs.
Row slope_bytes(const Problem& problem, const Plan& plan, Provider& provider) {
  try {
    const Planned other = provider.plan(with_slopes(problem, SlopeFrom::output));
    const auto* by_output = std::get_if<PlanPtr>(&other);
    if (by_output == nullptr || plan.workspace_bytes() == 0) return nullptr;
    return static_cast<double>(plan.workspace_bytes()) -
           static_cast<double>((*by_output)->workspace_bytes());
  } catch (const std::exception&) {
    return nullptr;  // no room for both
  }
}

/// Plans, runs once, compares with the reference. An entry without a plan has its status and
/// reason.
Entry prepare(Row row, const Workload& workload, Provider& provider, const Judge& judge) {
  Entry entry{std::move(row), nullptr, nullptr};
  try {
    Planned planned = provider.plan(workload.problem);
    if (const auto* refusal = std::get_if<Unsupported>(&planned)) {
      set_status(entry.row, Status::unsupported, refusal->reason);
      return entry;
    }
    if (!judge.refusal().empty()) {
      set_status(entry.row, Status::unsupported, judge.refusal());
      return entry;
    }
    PlanPtr plan = std::get<PlanPtr>(std::move(planned));
    plan->set(judge.inputs());
    plan->run();
    plan->wait();
    entry.row["detail"] = plan->detail();
    entry.row["math"] = name(plan->math());
    const Comparison comparison = judge.compare(*plan);
    entry.row["error"] = comparison.error;
    entry.row["tolerance"] = comparison.tolerance;
    entry.row["approximation"] = plan->approximation();
    entry.row["tails"] = plan->keeps_tails();
    entry.row["left_out"] = judge.left_out();
    if (!comparison.ok) {
      set_status(entry.row, Status::incorrect, comparison.describe());
      return entry;
    }
    if (asks_for_input_slopes(workload.problem)) {
      entry.row["slope_bytes"] = slope_bytes(workload.problem, *plan, provider);
    }
    add_growth(entry.row, workload.problem, *plan);
    entry.plan = std::move(plan);
  } catch (const std::exception& error) {
    set_status(entry.row, Status::error, error.what());
  }
  return entry;
}

/// The clock of the entry's provider; false, and status error, if it cannot be had.
bool take_timer(Entry& entry, Provider& provider) {
  try {
    entry.timer = provider.timer();
  } catch (const std::exception& error) {
    set_status(entry.row, Status::error, error.what());
  }
  return status_of(entry.row) == Status::ok;
}

using IdentityOf = std::function<IdentityText(const Provider&)>;

std::vector<Entry> prepare_all(const char* kind_of_row, const Workload& workload,
                               const std::vector<Provider*>& providers, std::uint64_t seed,
                               Math math, const IdentityOf& identity_of) {
  const Judge judge(workload.problem, draw(workload.problem, workload.init, seed), math);
  std::vector<Entry> entries;
  entries.reserve(providers.size());
  for (Provider* provider : providers) {
    Row row = begin_row(kind_of_row, workload.problem, *provider);
    row["identity"] = identity_of(*provider).text();
    entries.push_back(prepare(std::move(row), workload, *provider, judge));
  }
  return entries;
}

/// The floor of `bytes` does not know whether a clip triggers; one that does not only reads.
double moved_bytes(const Workload& workload, Plan& plan) {
  const auto* clip = std::get_if<ClipProblem>(&workload.problem);
  if (clip == nullptr || clip->sgd) return bytes(workload.problem);
  const ClipRule& rule = *clip->mode;
  if (rule.scope != ClipScope::all) return bytes(workload.problem);
  const auto n = static_cast<double>(size(inputs(workload.problem)[0].shape));
  const bool idle = plan.get("norm").data[0] <= rule.limit(clip->threshold, {.size = n});
  return idle ? working_set(workload.problem) : bytes(workload.problem);
}

constexpr double ms = 1e3;  // in a second

/// The least time of one run on what the plan runs on, or 0 where that makes no sense.
double least_time(const Entry& entry, const Limits& limits, const Problem& problem, double moved) {
  if (entry.timer) {
    const DeviceRates peak = entry.timer->peak();
    return std::max(moved / peak.bytes_per_second, flops(problem) / peak.flops_per_second);
  }
  if (!provider_info(entry.row["provider"].get<std::string>()).runs_on_processor()) return 0;
  return least_seconds(limits, problem, moved);
}

Row median_or_null(const std::optional<Timing>& timing) {
  if (!timing || timing->samples == 0) return nullptr;
  return timing->median * ms;
}

/// Why there is no time, or empty.
std::string failure(const Timing& timing) {
  if (!timing.error.empty() || timing.samples > 0) return timing.error;
  return "throttled: the clock was too low in all " + std::to_string(timing.throttled) + " samples";
}

/// `limit_ms`, `of_limit` and why there is none. A share above 1 by more than what clocks and
/// limits are off by says that the limit is wrong, not that the row is fast.
void add_limit(Entry& entry, Limits& limits, const Problem& problem, double moved, double median) {
  constexpr double most = 1.05;
  double least = least_time(entry, limits, problem, moved);
  const bool measured = !entry.timer;
  while (measured && least > most * median && improve(limits)) {
    least = least_time(entry, limits, problem, moved);
  }
  Row& row = entry.row;
  row["limit_ms"] = least > 0 ? Row(least * ms) : Row(nullptr);
  row["of_limit"] = nullptr;
  row["of_limit_reason"] = "";
  if (least <= 0) {
    row["of_limit_reason"] = "not made for speed";
  } else if (least > most * median) {
    row["of_limit_reason"] = measured ? "faster than the measured limit, which was measured again"
                                      : "faster than the device's data sheet allows";
  } else {
    row["of_limit"] = least / median;
  }
}

void add_timing(Entry& entry, const Workload& workload, const PlanTiming& measured, Limits& limits,
                double pace) {
  Row& row = entry.row;
  const Timing& timing = measured.step;
  if (const std::string reason = failure(timing); !reason.empty()) {
    return set_status(row, Status::error, reason);
  }
  const double moved = moved_bytes(workload, *entry.plan);
  row["clock"] = entry.timer ? "device" : "wall";
  row["ms"] = timing.median * ms;
  row["ms_min"] = timing.min * ms;
  row["ms_lower"] = timing.lower_quartile * ms;
  row["ms_upper"] = timing.upper_quartile * ms;
  row["noise"] = json::number(timing.noise);
  row["disturbed"] = timing.disturbed;
  row["samples"] = timing.samples;
  row["blocks"] = timing.blocks;
  row["preempted"] = timing.preempted;
  row["throttled"] = timing.throttled;
  row["pace_gflop_per_s"] = entry.timer ? Row(nullptr) : Row(pace * 1e-9);
  row["ms_cold"] = median_or_null(measured.cold);
  row["ms_wall"] = median_or_null(measured.wall);
  row["parts"] = nullptr;
  if (measured.parts) {
    row["parts"] = {{"forward_ms", median_or_null(measured.parts->forward)},
                    {"backward_data_ms", median_or_null(measured.parts->backward_data)},
                    {"backward_weights_ms", median_or_null(measured.parts->backward_weights)}};
  }
  row["bytes"] = moved;
  row["flops"] = flops(workload.problem);
  row["gb_per_s"] = moved / timing.median * 1e-9;
  row["gflop_per_s"] = flops(workload.problem) / timing.median * 1e-9;
  add_limit(entry, limits, workload.problem, moved, timing.median);
  row["workspace_bytes"] = entry.plan->workspace_bytes();
}

/// The library that others are compared with, of those on the same clock.
bool is_baseline(const Row& row) {
  return provider_info(row["provider"].get<std::string>()).role == ProviderInfo::Role::library;
}

/// `versus` of every timed row: its speed beside the baseline's.
void add_speedups(const std::vector<Entry*>& timed, const std::vector<PlanTiming>& timings) {
  for (std::size_t i = 0; i < timed.size(); ++i) {
    Row& row = timed[i]->row;
    if (status_of(row) != Status::ok) continue;
    row["versus"] = nullptr;
    for (std::size_t k = 0; k < timed.size(); ++k) {
      const Row& other = timed[k]->row;
      if (is_baseline(row) || !is_baseline(other) || status_of(other) != Status::ok) continue;
      if (other["clock"] != row["clock"]) continue;
      const Speedup s = speedup(timings[k].step, timings[i].step);
      row["versus"] = {{"provider", other["provider"]},
                       {"speedup", s.value},
                       {"low", json::number(s.low)},
                       {"high", json::number(s.high)}};
    }
  }
}

std::vector<Row> rows_of(std::vector<Entry> entries) {
  std::vector<Row> rows;
  rows.reserve(entries.size());
  for (Entry& entry : entries) {
    add_origin(entry.row, machinery());
    rows.push_back(std::move(entry.row));
  }
  return rows;
}

}  // namespace

std::vector<Row> measure_speed(const Workload& workload, const std::vector<Provider*>& providers,
                               Limits& limits, const MeasureOptions& options, std::uint64_t seed,
                               const Context& context) {
  std::vector<Entry> entries =
      prepare_all("speed", workload, providers, seed, context.math, [&](const Provider& provider) {
        return speed_identity(workload, provider.name(), seed, context, options);
      });
  std::vector<TimedPlan> plans;
  std::vector<Entry*> timed;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Entry& entry = entries[i];
    if (!entry.plan || !take_timer(entry, *providers[i])) continue;
    plans.push_back({entry.row["name"], entry.plan.get(), entry.timer.get()});
    timed.push_back(&entry);
  }
  // A device's clock does not depend on how fast the host goes.
  const bool by_host = std::any_of(timed.begin(), timed.end(),
                                   [](const Entry* entry) { return entry->timer == nullptr; });
  const double pace_before = by_host ? pace() : nan;
  const std::vector<PlanTiming> timings = time_plans(workload.problem, plans, options);
  const double mean_pace = by_host ? std::sqrt(pace_before * pace()) : nan;
  for (std::size_t i = 0; i < timed.size(); ++i) {
    add_timing(*timed[i], workload, timings[i], limits, mean_pace);
  }
  add_speedups(timed, timings);
  return rows_of(std::move(entries));
}

std::vector<Row> check_workload(const Workload& workload, const std::vector<Provider*>& providers,
                                std::uint64_t seed, const Context& context) {
  return rows_of(
      prepare_all("check", workload, providers, seed, context.math, [&](const Provider& provider) {
        return check_identity(workload, provider.name(), seed, context);
      }));
}

IdentityText check_identity(const Workload& workload, std::string_view provider, std::uint64_t seed,
                            const Context& context) {
  return IdentityText()
      .add("kind", "check")
      .add(identity(workload.problem))
      .add(identity(workload.init))
      .add("seed", seed)
      .add(identity(context))
      .add("provider", provider)
      .add("vector", vector_target());
}

IdentityText speed_identity(const Workload& workload, std::string_view provider, std::uint64_t seed,
                            const Context& context, const MeasureOptions& options) {
  return IdentityText()
      .add("kind", "speed")
      .add(identity(workload.problem))
      .add(identity(workload.init))
      .add("seed", seed)
      .add(identity(context))
      .add("min_seconds", options.min_seconds)
      .add("max_seconds", options.max_seconds)
      .add("provider", provider)
      .add("vector", vector_target())
      .add("threads", machinery().threads);
}

std::vector<Column> check_columns() {
  return with_common_columns({{"problem", "/problem"},
                              {"family", "/family"},
                              {"depth", "/depth"},
                              {"error", "/error"},
                              {"tolerance", "/tolerance"},
                              {"approximation", "/approximation"},
                              {"keeps_tails", "/tails"},
                              {"slope_bytes", "/slope_bytes"},
                              {"samples_left_out", "/left_out"},
                              {"math", "/math"},
                              {"detail", "/detail"}});
}

std::vector<Column> speed_columns() {
  return with_common_columns({{"problem", "/problem"},
                              {"family", "/family"},
                              {"depth", "/depth"},
                              {"clock", "/clock"},
                              {"median_ms", "/ms"},
                              {"min_ms", "/ms_min"},
                              {"lower_quartile_ms", "/ms_lower"},
                              {"upper_quartile_ms", "/ms_upper"},
                              {"noise_relative", "/noise"},
                              {"samples", "/samples"},
                              {"disturbed", "/disturbed"},
                              {"throttled_samples", "/throttled"},
                              {"pace_gflop_per_s", "/pace_gflop_per_s"},
                              {"cold_ms", "/ms_cold"},
                              {"wall_ms", "/ms_wall"},
                              {"forward_ms", "/parts/forward_ms"},
                              {"backward_data_ms", "/parts/backward_data_ms"},
                              {"backward_weights_ms", "/parts/backward_weights_ms"},
                              {"versus_provider", "/versus/provider"},
                              {"speedup", "/versus/speedup"},
                              {"speedup_low", "/versus/low"},
                              {"speedup_high", "/versus/high"},
                              {"bytes", "/bytes"},
                              {"flops", "/flops"},
                              {"gb_per_s", "/gb_per_s"},
                              {"gflop_per_s", "/gflop_per_s"},
                              {"limit_ms", "/limit_ms"},
                              {"of_limit", "/of_limit"},
                              {"workspace_bytes", "/workspace_bytes"},
                              {"error", "/error"},
                              {"tolerance", "/tolerance"},
                              {"approximation", "/approximation"},
                              {"keeps_tails", "/tails"},
                              {"slope_bytes", "/slope_bytes"},
                              {"samples_left_out", "/left_out"},
                              {"math", "/math"},
                              {"detail", "/detail"},
                              {"growth_rate_ln_per_map", "/growth/rate"},
                              {"growth_total_ln", "/growth/total"}});
}

}  // namespace gradepth
