#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <stdexcept>

#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/cli/interrupt.h"
#include "bench/cli/progress.h"
#include "bench/commands/sweep.h"
#include "bench/commands/train.h"
#include "bench/rows/output.h"
#include "bench/rows/standard_output.h"
#include "bench/speed/speed.h"
#include "bench/studies/net_study.h"
#include "bench/studies/share_study.h"
#include "bench/studies/slope_study.h"
#include "bench/tables/growth.h"
#include "bench/tables/suite.h"
#include "bench/timing/machine.h"
#include "bench/timing/results.h"
#include "host/growth/knobs/knobs.h"
#include "host/growth/study/measure.h"
#include "host/growth/study/row.h"
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

/// What decides the rows of a whole run; the row of kind `info` that it begins with answers this.
IdentityText suite_identity(const SuiteOptions& options) {
  return IdentityText()
      .add("kind", "suite")
      .add("preset", options.preset)
      .add("provider", options.provider)
      .add("seed", options.seed)
      .add("math", options.math)
      .add("vector", machinery().vector)
      .add("threads", machinery().threads);
}

/// A folder's rows must be of this very suite. std::invalid_argument, in one line that says what
/// differs.
void require_same_suite(const Results& results, const SuiteOptions& options) {
  const std::string here = suite_identity(options).text();
  if (results.without_identity() > 0) {
    throw std::invalid_argument("--out " + results.folder().string() +
                                ": has rows of an older version, which do not say all their "
                                "settings; choose another folder");
  }
  for (const Row& row : results.earlier()) {
    const std::string there = row.value("identity", "");
    if (there.starts_with("kind=suite ")) {
      const std::string differs = difference(there, here);
      if (differs.empty()) return;
      throw std::invalid_argument("--out " + results.folder().string() +
                                  ": has rows of other settings: " + differs +
                                  "; choose another folder");
    }
  }
  if (results.earlier().empty()) return;
  throw std::invalid_argument("--out " + results.folder().string() +
                              ": has rows of another command; choose another folder");
}

/// Columns of all kinds of rows together: what a kind does not have is empty.
std::vector<Column> suite_columns() {
  std::vector<Column> own;
  const std::vector<Column> common = with_common_columns({});
  const auto has = [](const std::vector<Column>& columns, const Column& wanted) {
    return std::any_of(columns.begin(), columns.end(),
                       [&](const Column& column) { return column.name == wanted.name; });
  };
  for (const auto& columns : {growth_columns(), speed_columns(), train_columns()}) {
    std::copy_if(columns.begin(), columns.end(), std::back_inserter(own),
                 [&](const Column& column) { return !has(common, column) && !has(own, column); });
  }
  return with_common_columns(own);
}

/// A piece of the suite: some rows that are measured together.
struct Task {
  std::string label;
  double work = 0;                      // about so many seconds
  std::vector<std::string> identities;  // of its rows, in their order
  std::function<void()> measure;        // those rows that are not there yet
};

class Suite {
 public:
  Suite(const SuiteOptions& options, Results& results)
      : options_(options),
        context_{.math = parse_math(options.math)},
        results_(results),
        providers_(make_providers(context_)) {}

  int run() {
    plan();
    double work = 0;
    for (const Task& task : tasks_) work += task.work;
    Progress progress(tasks_.size(), work);
    say_what_is_there();
    for (const Task& task : tasks_) {
      if (interrupted()) {
        throw Interrupted("interrupted; the same command with --out " + results_.folder().string() +
                          " goes on from here");
      }
      const bool there = is_there(task);
      if (there) {
        for (const std::string& identity : task.identities) keep(*results_.find(identity));
      } else {
        progress.begin(task.label);
        task.measure();
      }
      progress.done(task.work, !there);
    }
    if (options_.format == "table") print_suite(output_.rows(), std::cout);
    output_.print_csv_of(suite_columns(), output_.rows());
    flush_standard_output();
    std::cerr << "done in " << std::lround(progress.seconds())
              << " s: " << (results_.folder() / "results.jsonl").string() << '\n';
    report();
    point_latest_at(results_.folder());
    return failed_ ? 1 : 0;
  }

 private:
  void plan() {
    plan_limits();
    plan_checks();
    plan_growth();
    plan_grid_of_gains();
    plan_share();
    plan_slopes();
    plan_net_studies();
    plan_speed();
    plan_training();
  }

  [[nodiscard]] bool is_there(const Task& task) const {
    return !task.identities.empty() &&
           std::all_of(task.identities.begin(), task.identities.end(),
                       [&](const std::string& identity) { return results_.find(identity); });
  }

  void say_what_is_there() const {
    const auto there = std::count_if(tasks_.begin(), tasks_.end(),
                                     [&](const Task& task) { return is_there(task); });
    std::cerr << "results: " << (results_.folder() / "results.jsonl").string();
    if (there > 0) std::cerr << " (" << there << " of " << tasks_.size() << " steps are there)";
    std::cerr << '\n';
  }

  /// A new row; one that is there already stays in its place.
  void write(Row made) {
    const Row* earlier = results_.find(made.value("identity", ""));
    note_failure(earlier != nullptr ? output_.add_earlier(*earlier) : output_.add(std::move(made)));
  }
  void keep(const Row& row) { note_failure(output_.add_earlier(row)); }
  void note_failure(const Row& row) { failed_ = failed_ || is_failure(row); }

  [[nodiscard]] Provider& chosen(const Providers& among) const {
    return select_provider(among, options_.provider);
  }

  /// Measured in every run: times are judged by them. The first run's row of them stays.
  void plan_limits() {
    tasks_.push_back({"limits  bandwidth and peak of this machine", 8, {}, [this] {
                        limits_ = measure_limits();
                        Row row = info_row(providers_, limits_);
                        row["identity"] = suite_identity(options_).text();
                        write(std::move(row));
                      }});
  }

  /// The kernels on the executor are too slow to time and need not be: they are checked.
  void plan_checks() {
    Provider* simt = find(providers_, "simt");
    if (simt == nullptr) return;
    for (const Workload& workload : workloads("brief")) {
      tasks_.push_back({"check   " + name(workload.problem) + " on simt",
                        0.1,
                        {check_identity(workload, simt->name(), options_.seed, context_).text()},
                        [this, simt, workload] {
                          for (Row& row :
                               check_workload(workload, {simt}, options_.seed, context_)) {
                            write(std::move(row));
                          }
                        }});
    }
  }

  void plan_growth() {
    Provider& provider = chosen(single_);
    for (growth::GrowthSpec spec : growth_studies(options_.preset)) {
      spec.first_seed = options_.seed;
      tasks_.push_back({"growth  " + growth::row_name(spec, provider.name()),
                        0.2 + work_seconds(spec),
                        {growth::row_identity(spec, provider.name()).text()},
                        [this, &provider, spec] {
                          write(growth::row(spec, growth::measure_growth(spec, provider)));
                        }});
    }
  }

  void plan_grid_of_gains() {
    Provider& provider = chosen(single_);
    GainGrid grid = gain_grid(options_.preset);
    grid.spec.first_seed = options_.seed;
    const auto cells = growth::sweep_cells(grid.spec, growth::parse_sweep(grid.axes));
    Task task{std::string("growth  sweep ") + grid.axes, 0, {}, [this, &provider, cells] {
                measure_cells(cells, provider);
              }};
    for (const growth::SweepCell& cell : cells) {
      task.work += 0.01 + work_seconds(cell.spec);
      task.identities.push_back(sweep_identity(cell, provider.name()).text());
    }
    tasks_.push_back(std::move(task));
  }

  void measure_cells(const std::vector<growth::SweepCell>& cells, Provider& provider) {
    const std::vector<std::size_t> open = open_cells(cells, provider.name(), results_);
    std::vector<growth::SweepCell> to_measure;
    to_measure.reserve(open.size());
    for (const std::size_t i : open) to_measure.push_back(cells[i]);
    std::size_t next = 0;  // cell to be put out
    const auto keep_until = [&](std::size_t end) {
      for (; next < end; ++next) {
        keep(*results_.find(sweep_identity(cells[next], provider.name()).text()));
      }
    };
    growth::run_sweep(to_measure, provider, [&](std::size_t k, const growth::GrowthResult& result) {
      keep_until(open[k]);
      write(sweep_row(to_measure[k], result));
      ++next;
    });
    keep_until(cells.size());
  }

  void plan_share() {
    Provider& provider = chosen(single_);
    for (SharedChain& chain : shared_chains(options_.preset)) {
      chain.spec.first_seed = options_.seed;
      tasks_.push_back({"study   share: one W for all maps beside fresh ones, " +
                            std::string(chain.spec.net.name()) + ' ' +
                            std::string(chain.spec.activation.name()),
                        0.2 + 8 * work_seconds(chain.spec),
                        {share_identity(chain.spec, chain.density, provider.name()).text()},
                        [this, &provider, chain] {
                          write(share_row(growth::measure_share(chain.spec, chain.density, provider,
                                                                [](const std::string&) {})));
                        }});
    }
  }

  void plan_net_studies() {
    Provider& provider = chosen(single_);
    for (NetStudy& study : net_studies(options_.preset)) {
      for (growth::GrowthSpec& net : study.nets) net.first_seed = options_.seed;
      tasks_.push_back(
          {"study   " + study.name + ": " + std::to_string(study.nets.size()) + " nets",
           0.2 + seconds_of(work(study)),
           {net_study_identity(study, provider.name()).text()},
           [this, &provider, study] { write(net_study_row(study, provider)); }});
    }
  }

  void plan_slopes() {
    SlopeStudy study{.seed = options_.seed};
    if (options_.preset == "brief") study.width = 8;
    tasks_.push_back({"study   slopes: from the stored output and from the input",
                      0.5,
                      {slope_study_identity(study).text()},
                      [this, study] { write(slope_study_row(study)); }});
  }

  void plan_speed() {
    const std::vector<Provider*> timed = timed_providers(providers_);
    const MeasureOptions options = effort();
    for (const Workload& workload : workloads(options_.preset)) {
      Task task{"speed   " + name(workload.problem),
                static_cast<double>(timed.size()) * (0.05 + 1.5 * options.min_seconds),
                {},
                [this, timed, options, workload] {
                  for (Row& row :
                       measure_speed(workload, timed, limits_, options, options_.seed, context_)) {
                    write(std::move(row));
                  }
                }};
      for (const Provider* provider : timed) {
        task.identities.push_back(
            speed_identity(workload, provider->name(), options_.seed, context_, options).text());
      }
      tasks_.push_back(std::move(task));
    }
  }

  [[nodiscard]] MeasureOptions effort() const {
    if (options_.preset == "brief") return {.min_seconds = 0, .max_seconds = 0.01};
    if (options_.preset == "quick") return {.min_seconds = 0.2, .max_seconds = 2};
    return {.min_seconds = 0.5, .max_seconds = 15};
  }

  void plan_training() {
    Provider& provider = chosen(single_);
    for (train::TrainSpec spec : quick_training()) {
      spec.seed = options_.seed;
      if (options_.preset == "brief") spec.steps = 3;
      tasks_.push_back(
          {"train   " + std::string(name(spec.task)) + ' ' + std::string(spec.net.name()),
           options_.preset == "brief" ? 0.5 : 15,
           {train::row_identity(spec, provider.name()).text()},
           [this, &provider, spec] { write(train::to_row(train::train(spec, provider))); }});
    }
  }

  /// Seconds of a growth study, roughly: forward, back and the weights' gradient at 2 GFLOP/s.
  [[nodiscard]] static double seconds_of(double work) { return work * 6 / 2e9; }
  [[nodiscard]] static double work_seconds(const growth::GrowthSpec& spec) {
    return seconds_of(growth::work(spec));
  }

  /// bench/run names the Python of the project's own virtual environment.
  void report() const {
    const char* python = std::getenv("GRADEPTH_PYTHON");
    const std::string script = std::string(GRADEPTH_SOURCE_DIR) + "/bench/report/report.py";
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
  Context context_;
  Results& results_;
  Providers providers_;
  // One thread for each seed: then the number of cores does not change a bit of the growth.
  Providers single_ = make_providers({.threads = 1});
  Limits limits_;
  std::vector<Task> tasks_;
  Output output_{options_.format, machinery(), [this](const Row& row) { results_.write(row); }};
  bool failed_ = false;
};

}  // namespace

void add_suite_command(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<SuiteOptions>();
  CLI::App* command = app.add_subcommand("suite", "growth, speed and training in one run");
  static const Names presets({"brief", "quick", "full"});
  add_name_option(*command, "--preset", options->preset, presets,
                  "brief (a smoke test), quick or full");
  command->add_option("--provider", options->provider, "who runs growth and training")
      ->capture_default_str();
  command->add_option("--out", options->out, "folder of the results; default: results/<time>");
  command->add_option("--seed", options->seed, "first seed")->capture_default_str();
  add_math_option(*command, options->math);
  add_format_option(*command, options->format);
  command->callback([options, &exit_status] {
    (void)select_provider(make_providers({}), options->provider);  // refuses before it begins
    Results results(options->out.empty() ? new_results_folder()
                                         : std::filesystem::path(options->out));
    require_same_suite(results, *options);
    note_interrupts();
    exit_status = Suite(*options, results).run();
  });
}

}  // namespace gradepth
