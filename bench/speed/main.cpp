#include <benchmark/benchmark.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>

#include "bench/cli/common_options.h"
#include "bench/rows/standard_output.h"
#include "bench/speed/flags.h"
#include "bench/speed/reporter.h"
#include "bench/speed/speed.h"
#include "bench/timing/bounded_spinning.h"

/// `speed`: a plain Google Benchmark binary over bench/workloads.cpp.
///
/// The measuring loop is ours (bench/timing/measure.h), because it times the providers of one
/// problem in turn and stops by their noise; Google Benchmark gets the result as one manual
/// iteration. It would add "/iterations:1/manual_time" to every name and then match its filter
/// against that, so the names are filtered here and the addition is taken out before a reporter
/// sees it.
namespace gradepth {
namespace {

/// Opens a file that a flag names, before anything is measured for it.
std::ofstream open_file(const std::string& flag, const std::string& path) {
  std::ofstream file(path);
  if (!file) {
    throw std::invalid_argument(flag + ' ' + path + ": cannot write the file (" +
                                std::strerror(errno) + ')');
  }
  return file;
}

/// `--rows`: a row is on disk when write() returns.
class RowFile {
 public:
  explicit RowFile(std::string path) : path_(std::move(path)) {
    if (!path_.empty()) file_ = open_file("--rows", path_);
  }
  void write(const Row& row) {
    if (path_.empty()) return;
    file_ << json_text(row) << '\n';
    if (!file_.flush()) {
      throw std::runtime_error("--rows " + path_ + ": cannot write the file (disk full?)");
    }
  }

 private:
  std::string path_;
  std::ofstream file_;
};

/// What all measurements share.
class Bench {
 public:
  explicit Bench(const SpeedFlags& flags)
      : flags_(flags),
        context_{.math = parse_math(flags.math), .variant = parse_variant(flags.variant)},
        providers_(make_providers(context_)),
        rows_(flags.rows_file) {}

  [[nodiscard]] std::vector<Provider*> timed() const {
    return flags_.providers == "default" ? timed_providers(providers_)
                                         : select_providers(providers_, flags_.providers);
  }
  /// A problem that will be measured.
  void expect(const Problem& problem) {
    largest_working_set_ = std::max(largest_working_set_, working_set(problem));
  }
  /// Those that the expected problems need.
  void measure_limits() { limits_ = gradepth::measure_limits(largest_working_set_); }

  /// One row per provider, written as soon as they are there.
  std::vector<Row> measure(const Workload& workload, const std::vector<Provider*>& providers,
                           std::size_t repetition) {
    MeasureOptions options{.min_seconds = flags_.min_time};
    // Noisy rows may take longer than that, but not out of proportion.
    options.max_seconds = std::clamp(20 * flags_.min_time, 0.1, std::max(2.0, 3 * flags_.min_time));
    std::vector<Row> rows =
        measure_speed(workload, providers, limits_, options, flags_.seed, context_);
    for (Row& row : rows) {
      if (flags_.repetitions > 1) row["repetition"] = repetition;
      rows_.write(row);
      failed_ = failed_ || is_failure(row);
    }
    return rows;
  }
  /// Whether some row so far is wrong or could not be measured.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  const SpeedFlags& flags_;
  Context context_;
  Providers providers_;
  double largest_working_set_ = 0;
  Limits limits_;
  RowFile rows_;
  bool failed_ = false;
};

/// A workload and the providers that were asked for. They are measured together, once for every
/// repetition, when the first of them comes to it.
class Session {
 public:
  Session(Bench& bench, Workload workload, std::vector<Provider*> providers)
      : bench_(bench),
        workload_(std::move(workload)),
        providers_(std::move(providers)),
        done_(providers_.size(), 0) {}

  /// The provider's row of its next repetition.
  const Row& next(std::size_t provider) {
    const std::size_t repetition = done_[provider]++;
    if (repetition == rows_.size()) {
      rows_.push_back(bench_.measure(workload_, providers_, repetition));
    }
    return rows_[repetition][provider];
  }

 private:
  Bench& bench_;
  Workload workload_;
  std::vector<Provider*> providers_;
  std::vector<std::size_t> done_;       // repetitions, by provider
  std::vector<std::vector<Row>> rows_;  // by repetition, then by provider
};

/// A number or a truth of the row, NaN if it has none.
double counter(const Row& row, const char* key) {
  if (!row.contains(key)) return std::nan("");
  if (row[key].is_boolean()) return row[key].get<bool>() ? 1 : 0;
  return row[key].is_number() ? row[key].get<double>() : std::nan("");
}

void report(benchmark::State& state, const Row& row) {
  if (status_of(row) != Status::ok) {
    const std::string text =
        row["status"].get<std::string>() + " (" + row["reason"].get<std::string>() + ")";
    state.SkipWithError(text.c_str());
    return;
  }
  // NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): the library's own loop
  for (auto _ : state) state.SetIterationTime(row["ms"].get<double>() * 1e-3);
  for (const char* key : speed_counters) {
    const double value = counter(row, key);
    if (!std::isnan(value)) state.counters[key] = value;
  }
  if (row.contains("growth") && row["growth"].is_object()) {
    const Row& growth = row["growth"];
    if (growth["rate"].is_number()) state.counters["growth_rate"] = growth["rate"].get<double>();
  }
  state.SetLabel(counter(row, "disturbed") > 0 ? "disturbed" : "");
}

benchmark::TimeUnit time_unit(const std::string& name) {
  return name == "ns"   ? benchmark::kNanosecond
         : name == "us" ? benchmark::kMicrosecond
         : name == "s"  ? benchmark::kSecond
                        : benchmark::kMillisecond;
}

/// Registers one benchmark per workload and provider that fits the filter; returns their names.
std::vector<std::string> register_benchmarks(const SpeedFlags& flags, Bench& bench) {
  const NameFilter filter(flags.filter);
  const std::vector<Provider*> timed = bench.timed();
  std::vector<std::string> names;
  const SlopeFrom slope = flags.slope == "input" ? SlopeFrom::input : SlopeFrom::output;
  for (Workload workload : workloads(flags.preset)) {
    if (slope == SlopeFrom::input) {  // the others stay as the list has them
      if (asks_for_input_slopes(workload.problem)) continue;
      workload.problem = with_slopes(std::move(workload.problem), slope);
    }
    const auto full_name = [&](const Provider* provider) {
      return name(workload.problem) + '/' + std::string(provider->name());
    };
    std::vector<Provider*> wanted;
    std::copy_if(timed.begin(), timed.end(), std::back_inserter(wanted),
                 [&](const Provider* provider) { return filter.fits(full_name(provider)); });
    if (wanted.empty()) continue;
    bench.expect(workload.problem);
    const auto session = std::make_shared<Session>(bench, workload, wanted);
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      names.push_back(full_name(wanted[i]));
      const auto run = [session, i](benchmark::State& state) { report(state, session->next(i)); };
      benchmark::RegisterBenchmark(names.back().c_str(), run)
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(time_unit(flags.time_unit));
    }
  }
  if (names.empty()) {
    throw std::invalid_argument(
        "--benchmark_filter=" + flags.filter +
        ": no benchmark has such a name; --benchmark_list_tests lists them");
  }
  return names;
}

/// `program` is argv[0] itself: the library keeps the pointer.
void initialise_library(const SpeedFlags& flags, char* program) {
  std::vector<std::string> arguments = library_arguments(flags);
  std::vector<char*> pointers{program};
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  auto count = static_cast<int>(pointers.size());
  benchmark::Initialize(&count, pointers.data());
  for (const std::string& pair : flags.context) {
    const std::size_t equals = pair.find('=');
    benchmark::AddCustomContext(pair.substr(0, equals), pair.substr(equals + 1));
  }
}

int run_speed(int argc, char** argv) {
  const std::optional<SpeedFlags> flags = read_speed_flags(argc, argv);
  if (!flags) return 0;
  if (!flags->list_tests) bound_spinning(argv);
  initialise_library(*flags, argv[0]);
  Bench bench(*flags);
  const std::vector<std::string> names = register_benchmarks(*flags, bench);
  if (flags->list_tests) {
    for (const std::string& text : names) std::cout << text << '\n';
    return 0;
  }
  if (!flags->out.empty()) open_file("--benchmark_out", flags->out);
  std::cerr
      << "(Debian builds the Google Benchmark library without NDEBUG, hence its warning about "
         "DEBUG;\n the code that is timed here is not in that library.)\n";
  bench.measure_limits();
  const auto display = make_reporter(flags->format, takes_color(flags->color));
  const auto file = make_reporter(flags->out_format, false);
  benchmark::RunSpecifiedBenchmarks(display.get(), flags->out.empty() ? nullptr : file.get(), ".");
  return bench.failed() ? 1 : 0;
}

/// One line, whatever stands in the flags and names of files that the reason repeats.
int fail(std::string reason, int exit_status) {
  std::replace_if(
      reason.begin(), reason.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  std::cerr << "gradepth speed: " << reason << '\n';
  return exit_status;
}

}  // namespace
}  // namespace gradepth

int main(int argc, char** argv) {
  gradepth::prepare_standard_streams();
  try {
    const int exit_status = gradepth::run_speed(argc, argv);
    gradepth::flush_standard_output();
    return exit_status;
  } catch (const std::invalid_argument& error) {
    return gradepth::fail(error.what(), 2);
  } catch (const std::exception& error) {
    return gradepth::fail(error.what(), 1);
  }
}
