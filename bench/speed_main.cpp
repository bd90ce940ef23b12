#include <benchmark/benchmark.h>

#include <charconv>
#include <fstream>
#include <iostream>
#include <memory>
#include <regex>

#include "bench/common_options.h"
#include "bench/speed.h"

/// `speed`: a plain Google Benchmark binary over bench/workloads.cpp.
///
/// The measuring loop is ours (bench/measure.h), because it times the providers of one problem in
/// turn and stops by their noise; Google Benchmark gets the result as one manual iteration. It
/// would add "/iterations:1/manual_time" to every name and then match its filter against that, so
/// the names are filtered here and the addition is taken out before a reporter sees it.
namespace gradepth {
namespace {

struct SpeedFlags {
  std::string preset = "quick";
  std::string providers = "default";
  std::string rows_file;
  std::string filter = ".";
  double min_time = 0.1;
  bool list = false;
  std::uint64_t seed = 1;
  Math math = Math::fma;
  std::string variant = "auto";
  std::string format = "console";
};

/// A workload and the rows of the providers that were asked for; measured when first needed.
class Session {
 public:
  Session(Workload workload, std::vector<Provider*> providers)
      : workload_(std::move(workload)), providers_(std::move(providers)) {}

  const Row& row(const Provider* provider, Provider& reference, const Limits& limits,
                 const SpeedFlags& flags) {
    if (rows_.empty()) {
      const MeasureOptions options{.min_seconds = flags.min_time};
      rows_ = measure_speed(workload_, providers_, reference, limits, options, flags.seed);
    }
    for (const Row& row : rows_) {
      if (row["provider"] == provider->name()) return row;
    }
    throw std::logic_error("a benchmark without a row");
  }

 private:
  Workload workload_;
  std::vector<Provider*> providers_;
  std::vector<Row> rows_;
};

/// A reporter that shows our names.
template <class Base>
class PlainNames final : public Base {
 public:
  using Base::Base;
  void ReportRuns(const std::vector<benchmark::BenchmarkReporter::Run>& runs) override {
    auto renamed = runs;
    for (auto& run : renamed) {
      run.run_name.iterations.clear();
      run.run_name.time_type.clear();
    }
    Base::ReportRuns(renamed);
  }
};

bool take_value(std::string_view argument, std::string_view flag, std::string& value) {
  if (!argument.starts_with(flag)) return false;
  value = argument.substr(flag.size());
  return true;
}

template <class T>
T parse(const char* flag, const std::string& text, const char* allowed) {
  T value{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) {
    throw std::invalid_argument(std::string(flag) + ' ' + text + ": " + allowed);
  }
  return value;
}

/// Takes out of argv what this program handles itself, and leaves the rest to Google Benchmark.
SpeedFlags take_flags(std::vector<char*>& argv) {
  SpeedFlags flags;
  std::vector<char*> rest;
  for (char* text : argv) {
    const std::string_view argument(text);
    std::string value;
    if (take_value(argument, "--preset=", flags.preset) ||
        take_value(argument, "--provider=", flags.providers) ||
        take_value(argument, "--rows=", flags.rows_file) ||
        take_value(argument, "--variant=", flags.variant) ||
        take_value(argument, "--benchmark_filter=", flags.filter)) {
      continue;
    }
    if (take_value(argument, "--seed=", value)) {
      flags.seed = parse<std::uint64_t>("--seed", value, "a whole number from 0 on");
    } else if (take_value(argument, "--math=", value)) {
      flags.math = parse_math(value);
    } else if (take_value(argument, "--benchmark_min_time=", value)) {
      flags.min_time = parse<double>("--benchmark_min_time", value, "seconds, a plain number");
    } else if (argument == "--benchmark_list_tests" || argument == "--benchmark_list_tests=true") {
      flags.list = true;
    } else {
      take_value(argument, "--benchmark_format=", flags.format);
      rest.push_back(text);
    }
  }
  argv = std::move(rest);
  return flags;
}

/// Like Google Benchmark's own filter: a leading '-' turns it round.
bool matches(const std::string& text, const std::string& filter) {
  const bool negated = filter.starts_with('-');
  return std::regex_search(text, std::regex(filter.substr(negated ? 1 : 0))) != negated;
}

void report(benchmark::State& state, const Row& row) {
  if (row["status"] != "ok") {
    const std::string text =
        row["status"].get<std::string>() + " (" + row["reason"].get<std::string>() + ")";
    state.SkipWithError(text.c_str());
    return;
  }
  // NOLINTNEXTLINE(clang-analyzer-deadcode.DeadStores): the library's own loop
  for (auto _ : state) state.SetIterationTime(row["ms"].get<double>() * 1e-3);
  for (const char* key :
       {"ms_min", "noise", "samples", "bytes", "flops", "gb_per_s", "gflop_per_s"}) {
    state.counters[key] = row[key].get<double>();
  }
  if (row["of_limit"].is_number()) state.counters["of_limit"] = row["of_limit"].get<double>();
  if (row.contains("growth") && row["growth"].is_object() && row["growth"]["rate"].is_number()) {
    state.counters["growth_rate"] = row["growth"]["rate"].get<double>();
    state.SetLabel("gradient " + row["growth"]["verdict"].get<std::string>());
  }
}

/// Registers one benchmark per workload and provider that fits the filter; returns their names.
std::vector<std::string> register_benchmarks(const SpeedFlags& flags,
                                             const std::vector<Provider*>& timed,
                                             Provider& reference, const Limits& limits,
                                             std::vector<Row>& rows) {
  std::vector<std::string> names;
  for (const Workload& workload : workloads(flags.preset)) {
    std::vector<Provider*> wanted;
    for (Provider* provider : timed) {
      const std::string full = name(workload.problem) + '/' + std::string(provider->name());
      if (matches(full, flags.filter)) wanted.push_back(provider);
    }
    auto session = std::make_shared<Session>(workload, wanted);
    for (Provider* provider : wanted) {
      names.push_back(name(workload.problem) + '/' + std::string(provider->name()));
      const auto run = [=, &reference, &limits, &flags, &rows](benchmark::State& state) {
        rows.push_back(session->row(provider, reference, limits, flags));
        report(state, rows.back());
      };
      benchmark::RegisterBenchmark(names.back().c_str(), run)
          ->UseManualTime()
          ->Iterations(1)
          ->Unit(benchmark::kMillisecond);
    }
  }
  return names;
}

std::unique_ptr<benchmark::BenchmarkReporter> make_reporter(const std::string& format) {
  if (format == "json") return std::make_unique<PlainNames<benchmark::JSONReporter>>();
  return std::make_unique<PlainNames<benchmark::ConsoleReporter>>();
}

int run_speed(std::vector<char*> argv) {
  const SpeedFlags flags = take_flags(argv);
  bool to_file = false;
  for (const std::string_view argument : argv) {
    to_file = to_file || argument.starts_with("--benchmark_out=");
  }
  auto count = static_cast<int>(argv.size());
  benchmark::Initialize(&count, argv.data());
  if (benchmark::ReportUnrecognizedArguments(count, argv.data())) return 2;

  const Providers providers =
      make_providers({.math = flags.math, .variant = parse_variant(flags.variant)});
  const std::vector<Provider*> timed = flags.providers == "default"
                                           ? timed_providers(providers)
                                           : select_providers(providers, flags.providers);
  const Limits limits = flags.list ? Limits{} : measure_limits();
  std::vector<Row> rows;
  const std::vector<std::string> names =
      register_benchmarks(flags, timed, *find(providers, "reference"), limits, rows);
  if (names.empty()) {
    throw std::invalid_argument(
        "--benchmark_filter=" + flags.filter +
        ": no benchmark has such a name; --benchmark_list_tests lists them");
  }
  if (flags.list) {
    for (const std::string& text : names) std::cout << text << '\n';
    return 0;
  }
  std::cerr
      << "(Debian builds the Google Benchmark library without NDEBUG, hence its warning about "
         "DEBUG;\n the code that is timed here is not in that library.)\n";
  const auto display = make_reporter(flags.format);
  if (to_file) {
    PlainNames<benchmark::JSONReporter> file;
    benchmark::RunSpecifiedBenchmarks(display.get(), &file, ".");
  } else {
    benchmark::RunSpecifiedBenchmarks(display.get(), nullptr, ".");
  }
  bool failed = false;
  std::ofstream out;
  if (!flags.rows_file.empty()) out.open(flags.rows_file);
  for (const Row& row : rows) {
    failed = failed || row["status"] == "incorrect" || row["status"] == "error";
    if (out.is_open()) out << row.dump() << '\n';
  }
  if (!flags.rows_file.empty() && !out.flush()) {
    throw std::runtime_error("--rows=" + flags.rows_file + ": cannot write the file");
  }
  return failed ? 1 : 0;
}

}  // namespace
}  // namespace gradepth

int main(int argc, char** argv) {
  try {
    return gradepth::run_speed({argv, argv + argc});
  } catch (const std::invalid_argument& error) {
    std::cerr << "gradepth speed: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "gradepth speed: " << error.what() << '\n';
    return 1;
  }
}
