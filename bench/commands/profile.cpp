#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>
#include <vector>

#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/cli/names.h"
#include "bench/rows/output.h"
#include "bench/speed/speed.h"
#include "bench/timing/machine.h"
#include "host/device/profile_range.h"
#include "host/device/vector_target.h"
#include "host/problem/judge.h"

/// `profile`: one warmed-up iteration of one row, for Nsight.
namespace gradepth {
namespace {

struct ProfileOptions {
  std::string name;
  std::string format = "table";
  std::string math = "fma";
  std::string variant = "auto";
  std::uint64_t seed = 1;
};

constexpr const char* presets[] = {"quick", "small", "brief", "full"};

/// The workload called `problem_name`, whatever preset it is in.
std::optional<Workload> find_workload(const std::string& problem_name) {
  for (const char* preset : presets) {
    for (Workload& workload : workloads(preset)) {
      if (name(workload.problem) == problem_name) return std::move(workload);
      workload.problem = with_slopes(std::move(workload.problem), SlopeFrom::input);
      if (name(workload.problem) == problem_name) return std::move(workload);
    }
  }
  return std::nullopt;
}

/// A step in ranges of its own names, where the plan has parts.
void run_in_ranges(Plan& plan, const Problem& problem) {
  const ProfileRange step("step");
  if (!is_training(problem) || !plan.has_parts()) return plan.run();
  const auto in_range = [&](const char* range_name, void (Plan::*part)()) {
    const ProfileRange range(range_name);
    (plan.*part)();
  };
  in_range("forward", &Plan::run_forward);
  in_range("backward data", &Plan::run_backward_data);
  in_range("backward weights", &Plan::run_backward_weights);
}

/// `problem/provider` taken apart. std::invalid_argument for a problem that is in no preset.
struct Asked {
  Workload workload;
  std::string provider;
};

Asked parse_name(const std::string& text) {
  const std::size_t slash = text.rfind('/');
  if (slash != std::string::npos) {
    if (auto workload = find_workload(text.substr(0, slash))) {
      return {*std::move(workload), text.substr(slash + 1)};
    }
  }
  std::string hint;
  std::vector<std::string> known;
  for (const char* preset : presets) {
    for (const Workload& workload : workloads(preset)) known.push_back(name(workload.problem));
  }
  if (find_workload(text)) {
    hint = "; did you mean " + text + "/cpu?";
  } else if (const auto near = nearest(text.substr(0, slash), known)) {
    hint = "; did you mean " + *near + (slash == std::string::npos ? "" : text.substr(slash)) + '?';
  }
  throw std::invalid_argument("NAME " + text +
                              ": a row's name, problem/provider; speed --benchmark_list_tests "
                              "lists them" +
                              hint);
}

/// What a user types to see the row in a profiler: one that sees the device, or one that sees the
/// processor.
using ProfilerLines = std::vector<std::pair<std::string, std::string>>;

ProfilerLines profiler_lines(const ProfileOptions& options, bool on_processor) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string run = program + " profile " + options.name +
                          (options.seed == 1 ? "" : " --seed " + std::to_string(options.seed)) +
                          (options.math == "fma" ? "" : " --math " + options.math) +
                          (options.variant == "auto" ? "" : " --variant " + options.variant);
  std::string file = options.name;
  std::replace(file.begin(), file.end(), '/', '.');
  ProfilerLines lines{
      {"nsys",
       "nsys profile --capture-range=cudaProfilerApi --capture-range-end=stop "
       "--trace=cuda,nvtx,cublas,cudnn --cuda-graph-trace=node --force-overwrite=true -o " +
           file + ' ' + run},
      {"ncu", "ncu --profile-from-start off --nvtx --set full --import-source yes -f -o " + file +
                  ' ' + run}};
  if (on_processor) {
    lines.emplace_back("perf", "perf record --call-graph dwarf -o " + file + ".perf -- " + run);
    lines.emplace_back("perf_stat", "perf stat -d -- " + run);
  }
  return lines;
}

/// Plans, checks against the reference, warms up, and runs once between the profiler's marks, on a
/// device; else just once.
void profile_once(Row& row, const Workload& workload, Provider& provider, DeviceTimer* timer,
                  std::uint64_t seed, Math math) {
  Planned planned = provider.plan(workload.problem);
  if (const auto* refusal = std::get_if<Unsupported>(&planned)) {
    set_status(row, Status::unsupported, refusal->reason);
    return;
  }
  const Judge judge(workload.problem, draw(workload.problem, workload.init, seed), math);
  if (!judge.refusal().empty()) {
    set_status(row, Status::unsupported, judge.refusal());
    return;
  }
  const PlanPtr plan = std::get<PlanPtr>(std::move(planned));
  plan->set(judge.inputs());
  constexpr int warm_up_runs = 3;
  for (int i = 0; i < warm_up_runs; ++i) {
    plan->restore();
    plan->run();
  }
  plan->wait();
  row["detail"] = plan->detail();
  const Comparison comparison = judge.compare(*plan);
  if (!comparison.ok) {
    set_status(row, Status::incorrect, comparison.describe());
    return;
  }
  plan->restore();
  const auto step = [&] { run_in_ranges(*plan, workload.problem); };
  if (timer != nullptr) {
    timer->profile(step);
  } else {
    step();
    plan->wait();
  }
}

/// Runs the row where this machine and build have its provider.
void profile_row(Row& row, const ProfileOptions& options, const Workload& workload) {
  const Providers providers =
      make_providers({.math = parse_math(options.math), .variant = parse_variant(options.variant)});
  const std::string wanted = row["provider"];
  for (const Missing& missing : providers.missing) {
    if (missing.name != wanted) continue;
    set_status(row, Status::unsupported, missing.reason);
    return;
  }
  Provider& provider = select_provider(providers, wanted, "provider of NAME");
  const auto timer = provider.timer();
  profile_once(row, workload, provider, timer.get(), options.seed, parse_math(options.math));
}

int run_profile(const ProfileOptions& options) {
  const Asked asked = parse_name(options.name);
  Row row{{"kind", "profile"},
          {"name", options.name},
          {"provider", asked.provider},
          {"dtype", name(dtype(asked.workload.problem))},
          {"status", name(Status::ok)},
          {"reason", ""},
          {"identity", IdentityText()
                           .add("kind", "profile")
                           .add(identity(asked.workload.problem))
                           .add(identity(asked.workload.init))
                           .add("seed", options.seed)
                           .add("provider", asked.provider)
                           .add("math", options.math)
                           .add("variant", options.variant)
                           .add("vector", vector_target())
                           .text()}};
  profile_row(row, options, asked.workload);
  const bool on_processor = provider_info(asked.provider).machine != ProviderInfo::Machine::gpu;
  const ProfilerLines lines = profiler_lines(options, on_processor);
  for (const auto& [tool, line] : lines) row[tool] = line;
  Output output(options.format, machinery());
  row = output.add(std::move(row));
  output.print_csv_of(with_common_columns({{"nsys", "/nsys"},
                                           {"ncu", "/ncu"},
                                           {"perf", "/perf"},
                                           {"perf_stat", "/perf_stat"},
                                           {"detail", "/detail"}}),
                      {row});
  if (output.is_table()) {
    for (const auto& [tool, line] : lines) std::cout << line << '\n';
  }
  if (status_of(row) != Status::ok) {
    std::cerr << options.name << ": " << row["status"].get<std::string>() << " ("
              << row["reason"].get<std::string>() << ")\n";
    return 1;
  }
  if (on_processor) {
    std::cerr << "(" << asked.provider
              << " runs on the processor, where Nsight sees nothing: use the lines of perf, which "
                 "see the whole command)\n";
  }
  return 0;
}

}  // namespace

void add_profile_command(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<ProfileOptions>();
  CLI::App* command = app.add_subcommand(
      "profile", "one warmed-up iteration of one row, and the nsys, ncu and perf lines for it");
  command->add_option("NAME", options->name, "problem and provider, as in a row")->required();
  command->add_option("--seed", options->seed, "seed of the inputs")->capture_default_str();
  add_math_option(*command, options->math);
  add_variant_option(*command, options->variant);
  add_format_option(*command, options->format);
  command->callback([options, &exit_status] { exit_status = run_profile(*options); });
}

}  // namespace gradepth
