#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>

#include "bench/commands.h"
#include "bench/common_options.h"
#include "bench/machine.h"
#include "bench/rows/output.h"
#include "bench/speed.h"
#include "host/compare.h"
#include "host/profile_range.h"
#include "host/vector_target.h"

/// `profile`: one warmed-up iteration of one row, for Nsight.
namespace gradepth {
namespace {

struct ProfileOptions {
  std::string name;
  std::string format = "table";
  std::uint64_t seed = 1;
};

/// The workload called `problem_name`, whatever preset it is in.
std::optional<Workload> find_workload(const std::string& problem_name) {
  for (const char* preset : {"quick", "small", "brief", "full"}) {
    for (Workload& workload : workloads(preset)) {
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

/// What a user types to see the row in Nsight Systems and Nsight Compute.
struct ProfilerLines {
  std::string nsys, ncu;
};

ProfilerLines profiler_lines(const ProfileOptions& options) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string run = program + " profile " + options.name +
                          (options.seed == 1 ? "" : " --seed " + std::to_string(options.seed));
  std::string file = options.name;
  std::replace(file.begin(), file.end(), '/', '.');
  return {"nsys profile --capture-range=cudaProfilerApi --trace=cuda,nvtx,cublas,cudnn -o " + file +
              ' ' + run,
          "ncu --profile-from-start off --nvtx --set full -o " + file + ' ' + run};
}

/// Plans, checks against the reference, warms up, and runs once between the profiler's marks, on a
/// device; else just once.
void profile_once(Row& row, const Workload& workload, Provider& provider, Provider& reference,
                  DeviceTimer* timer, std::uint64_t seed) {
  Planned planned = provider.plan(workload.problem);
  if (const auto* refusal = std::get_if<Unsupported>(&planned)) {
    row["status"] = "unsupported";
    row["reason"] = refusal->reason;
    return;
  }
  const Tensors in = draw(workload.problem, workload.init, seed);
  const PlanPtr truth = std::get<PlanPtr>(reference.plan(workload.problem));
  truth->set(in);
  truth->run();
  const PlanPtr plan = std::get<PlanPtr>(std::move(planned));
  plan->set(in);
  constexpr int warm_up_runs = 3;
  for (int i = 0; i < warm_up_runs; ++i) {
    plan->restore();
    plan->run();
  }
  plan->wait();
  row["detail"] = plan->detail();
  const Comparison comparison = compare(workload.problem, *plan, *truth);
  if (!comparison.ok) {
    row["status"] = "incorrect";
    row["reason"] = comparison.describe();
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

int run_profile(const ProfileOptions& options) {
  const std::size_t slash = options.name.rfind('/');
  const auto workload = find_workload(options.name.substr(0, slash));
  if (!workload || slash == std::string::npos) {
    throw std::invalid_argument("NAME " + options.name +
                                ": a row's name, problem/provider; speed "
                                "--benchmark_list_tests lists them");
  }
  const Providers providers = make_providers({});
  Provider* const provider = select_providers(providers, options.name.substr(slash + 1)).at(0);
  Row row{{"kind", "profile"},
          {"name", options.name},
          {"provider", provider->name()},
          {"dtype", name(dtype(workload->problem))},
          {"status", "ok"},
          {"reason", ""},
          {"identity", IdentityText()
                           .add("kind", "profile")
                           .add(identity(workload->problem))
                           .add(identity(workload->init))
                           .add("seed", options.seed)
                           .add("provider", provider->name())
                           .add("vector", vector_target())
                           .text()}};
  const auto timer = provider->timer();
  profile_once(row, *workload, *provider, *find(providers, "reference"), timer.get(), options.seed);
  const ProfilerLines lines = profiler_lines(options);
  row["nsys"] = lines.nsys;
  row["ncu"] = lines.ncu;
  Output output(options.format, machinery());
  row = output.add(std::move(row));
  output.print_csv_of(
      with_common_columns({{"nsys", "/nsys"}, {"ncu", "/ncu"}, {"detail", "/detail"}}), {row});
  if (output.is_table()) std::cout << lines.nsys << '\n' << lines.ncu << '\n';
  if (row["status"] != "ok") {
    std::cerr << options.name << ": " << row["status"].get<std::string>() << " ("
              << row["reason"].get<std::string>() << ")\n";
    return 1;
  }
  if (!timer) {
    std::cerr << "(" << provider->name()
              << " runs on the processor, where Nsight sees nothing: use perf record -g "
              << "in its place)\n";
  }
  return 0;
}

}  // namespace

void add_profile_command(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<ProfileOptions>();
  CLI::App* command = app.add_subcommand(
      "profile", "one warmed-up iteration of one row, and the nsys and ncu lines for it");
  command->add_option("NAME", options->name, "problem and provider, as in a row")->required();
  command->add_option("--seed", options->seed, "seed of the inputs")->capture_default_str();
  add_format_option(*command, options->format);
  command->callback([options, &exit_status] { exit_status = run_profile(*options); });
}

}  // namespace gradepth
