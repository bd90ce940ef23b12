#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iomanip>
#include <iostream>

#include "bench/commands.h"
#include "bench/common_options.h"
#include "bench/interrupt.h"
#include "bench/machine.h"
#include "bench/results.h"
#include "bench/share_study.h"
#include "bench/speed.h"
#include "bench/suite_tables.h"
#include "bench/sweep.h"
#include "bench/train_command.h"
#include "host/growth/measure.h"
#include "host/growth/row.h"
#include "host/train/row.h"

/// `suite`: growth, speed and training in one run; tables, JSON lines and a report.
namespace gradepth {
namespace {

struct SuiteOptions {
  std::string preset = "quick";
  std::string provider = "cpu";
  std::string out;
  std::string format = "table";
  std::string math = "fma";
  std::uint64_t seed = 1;
};

class Suite {
 public:
  Suite(const SuiteOptions& options, Results& results)
      : options_(options),
        results_(results),
        providers_(make_providers({.math = parse_math(options.math)})) {}

  int run() {
    limits_ = measure_limits();
    write(info_row(providers_, limits_));
    check();
    growth();
    speed();
    training();
    if (options_.format == "table") print_suite(rows_, std::cout);
    std::cerr << "done in " << elapsed() << " s: " << (results_.folder() / "results.jsonl").string()
              << '\n';
    report();
    return failed_ ? 1 : 0;
  }

 private:
  using Seconds = std::chrono::duration<double>;

  [[nodiscard]] std::string elapsed() const {
    const double seconds = Seconds(std::chrono::steady_clock::now() - begin_).count();
    std::ostringstream text;
    text << std::fixed << std::setprecision(0) << seconds;
    return text.str();
  }

  void progress(const std::string& what) const {
    if (interrupted()) {
      throw Interrupted("interrupted; what was measured is in " +
                        (results_.folder() / "results.jsonl").string());
    }
    std::cerr << '[' << std::setw(3) << elapsed() << " s] " << what << '\n';
  }

  void write(Row row) {
    results_.write(row);
    if (options_.format == "json") std::cout << row.dump() << '\n';
    failed_ = failed_ || row["status"] == "incorrect" || row["status"] == "error";
    rows_.push_back(std::move(row));
  }

  [[nodiscard]] Provider& reference() const { return *find(providers_, "reference"); }

  /// The kernels on the executor are too slow to time and need not be: they are checked.
  void check() {
    Provider* simt = find(providers_, "simt");
    if (simt == nullptr) return;
    for (const Workload& workload : workloads("brief")) {
      progress("check   " + name(workload.problem) + " on simt");
      for (Row& row : check_workload(workload, {simt}, reference(), options_.seed)) {
        write(std::move(row));
      }
    }
  }

  void growth() {
    // One thread for each seed: then the number of cores does not change a bit of the result.
    const Providers providers = make_providers({.threads = 1});
    Provider* provider = select_providers(providers, options_.provider).at(0);
    for (growth::GrowthSpec spec : growth_studies(options_.preset)) {
      spec.first_seed = options_.seed;
      progress("growth  " + growth::row_name(spec, provider->name()));
      write(growth::row(spec, growth::measure_growth(spec, *provider, &reference())));
    }
    map_gains(*provider);
    compare_shared(*provider);
  }

  void map_gains(Provider& provider) {
    GainMap map = gain_map(options_.preset);
    map.spec.first_seed = options_.seed;
    const auto cells = growth::sweep_cells(map.spec, growth::parse_sweep(map.axes));
    progress(std::string("growth  sweep ") + map.axes);
    growth::run_sweep(cells, provider, &reference(),
                      [&](std::size_t i, const growth::GrowthResult& result) {
                        write(sweep_row(cells[i], result));
                      });
  }

  void compare_shared(Provider& provider) {
    SharedChain chain = shared_chain(options_.preset);
    chain.spec.first_seed = options_.seed;
    const auto name = [&](const std::string& which) { progress("study   share, " + which); };
    write(
        share_row(growth::measure_share(chain.spec, chain.density, provider, &reference(), name)));
  }

  void speed() {
    const std::vector<Provider*> timed = timed_providers(providers_);
    const MeasureOptions options = effort();
    for (const Workload& workload : workloads(options_.preset)) {
      progress("speed   " + name(workload.problem));
      for (Row& row :
           measure_speed(workload, timed, reference(), limits_, options, options_.seed)) {
        write(std::move(row));
      }
    }
  }

  [[nodiscard]] MeasureOptions effort() const {
    if (options_.preset == "brief") return {.min_seconds = 0, .max_seconds = 0.01};
    if (options_.preset == "quick") return {.min_seconds = 0.2, .max_seconds = 2};
    return {.min_seconds = 0.5, .max_seconds = 15};
  }

  void training() {
    Provider* provider = select_providers(providers_, options_.provider).at(0);
    for (train::TrainSpec spec : quick_training()) {
      spec.seed = options_.seed;
      if (options_.preset == "brief") spec.steps = 3;
      progress("train   " + spec.task + ' ' + spec.net);
      write(train::to_row(train::train(spec, *provider)));
    }
  }

  /// bench/run names the Python of the project's own virtual environment.
  void report() const {
    const char* python = std::getenv("GRADEPTH_PYTHON");
    const std::string script = std::string(GRADEPTH_SOURCE_DIR) + "/bench/report.py";
    const std::string page = (results_.folder() / "report.html").string();
    if (python == nullptr || *python == '\0') {
      std::cerr << "no report: Python with plotly is not set up (./bench/run does it)\n";
      return;
    }
    const std::string quoted =
        '\'' + std::string(python) + "' '" + script + "' '" + results_.folder().string() + '\'';
    if (std::system(quoted.c_str()) == 0) {
      std::cerr << "report: " << page << '\n';
    } else {
      std::cerr << "no report: " << script << " failed; the results are complete without it\n";
    }
  }

  const SuiteOptions& options_;
  Results& results_;
  Providers providers_;
  Limits limits_;
  std::vector<Row> rows_;
  bool failed_ = false;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

void add_suite_command(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<SuiteOptions>();
  CLI::App* command = app.add_subcommand("suite", "growth, speed and training in one run");
  command->add_option("--preset", options->preset, "brief (a smoke test), quick or full")
      ->check(CLI::IsMember({"brief", "quick", "full"}))
      ->capture_default_str();
  command->add_option("--provider", options->provider, "who runs growth and training")
      ->capture_default_str();
  command->add_option("--out", options->out, "folder of the results; default: results/<time>");
  command->add_option("--seed", options->seed, "first seed")->capture_default_str();
  add_math_option(*command, options->math);
  command->add_option("--format", options->format, "what goes to stdout: table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  command->callback([options, &exit_status] {
    const std::filesystem::path root = std::filesystem::path(GRADEPTH_SOURCE_DIR) / "results";
    Results results(options->out.empty() ? new_results_folder(root)
                                         : std::filesystem::path(options->out));
    note_interrupts();
    exit_status = Suite(*options, results).run();
  });
}

}  // namespace gradepth
