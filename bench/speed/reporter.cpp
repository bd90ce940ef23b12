#include "bench/speed/reporter.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <ostream>
#include <string_view>
#include <vector>

#include "bench/tables/table.h"

namespace gradepth {
namespace {

using Run = benchmark::BenchmarkReporter::Run;

/// Google Benchmark adds "/iterations:1/manual_time" to every name.
std::vector<Run> with_plain_names(std::vector<Run> runs) {
  for (Run& run : runs) {
    run.run_name.iterations.clear();
    run.run_name.time_type.clear();
  }
  return runs;
}

class JsonReporter final : public benchmark::JSONReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    JSONReporter::ReportRuns(with_plain_names(runs));
  }
};

/// The share of a run's time or counter that an aggregate of kind percentage is.
bool is_percentage(const Run& run) {
  return run.run_type == Run::RT_Aggregate && run.aggregate_unit == benchmark::kPercentage;
}

double time(const Run& run) {
  // The accumulated times of a percentage are shares, not seconds.
  return is_percentage(run) ? run.real_accumulated_time : run.GetAdjustedRealTime();
}

double counter(const Run& run, const char* key) {
  const auto found = run.counters.find(key);
  return found == run.counters.end() ? std::nan("") : found->second.value;
}

std::string right(const std::string& text, std::size_t width) {
  return std::string(text.size() < width ? width - text.size() : 0, ' ') + text;
}
std::string left(const std::string& text, std::size_t width) {
  return text + std::string(text.size() < width ? width - text.size() : 0, ' ');
}

std::string percent(double fraction) {
  return std::isnan(fraction) ? "-" : significant(100 * fraction, 2) + '%';
}

/// Half of the distance of the quartiles as a share of the median, one byte longer than it looks.
/// An aggregate has none.
std::string spread(const Run& run) {
  if (run.run_type == Run::RT_Aggregate) return " ";
  const double half = 0.5 * (counter(run, "ms_upper") - counter(run, "ms_lower"));
  return "±" + percent(half / (run.real_accumulated_time * 1e3));
}

class ConsoleReporter final : public benchmark::BenchmarkReporter {
 public:
  explicit ConsoleReporter(bool color) : color_(color) {}

  bool ReportContext(const Context& context) override {
    PrintBasicContext(&GetErrorStream(), context);
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : with_plain_names(runs)) print(run);
    GetOutputStream().flush();
  }

 private:
  static constexpr std::size_t name_width = 33;
  static constexpr std::size_t cell_width = 9;

  void print(const Run& run) {
    const std::string name = run.benchmark_name();
    // `recurrent/elman/tanh/f32/T64_B32_H512/cpu`: the sizes and the provider come after the
    // family.
    const std::size_t provider = name.rfind('/');
    const std::size_t sizes = name.rfind('/', provider - 1);
    const std::string family = name.substr(0, sizes);
    if (family != family_) {
      if (!family_.empty()) GetOutputStream() << '\n';
      family_ = family;
      by_memory_ = family.starts_with("activation/") || family.starts_with("clip/");
      print_header(run);
    }
    print_line(name.substr(sizes + 1), run);
  }

  void print_header(const Run& run) {
    std::ostream& out = GetOutputStream();
    out << left(family_, name_width);
    if (family_.size() >= name_width) out << '\n' << std::string(name_width, ' ');
    out << right(benchmark::GetTimeUnitString(run.time_unit), cell_width)
        << right("spread", cell_width) << right(by_memory_ ? "GB/s" : "GFLOP/s", cell_width)
        << right("of limit", cell_width) << (by_memory_ ? "" : right("growth", cell_width)) << '\n';
  }

  void print_line(const std::string& name, const Run& run) {
    std::ostream& out = GetOutputStream();
    if (run.error_occurred) {
      out << colored(name, green) << '\n' << colored(wrapped(run.error_message, 2), red);
      return;
    }
    out << colored(left(name, name_width), green);
    if (name.size() >= name_width) out << '\n' << std::string(name_width, ' ');
    const auto value = [&](double x) { return is_percentage(run) ? percent(x) : significant(x); };
    out << right(value(time(run)), cell_width) << right(spread(run), cell_width + 1)
        << right(value(counter(run, by_memory_ ? "gb_per_s" : "gflop_per_s")), cell_width)
        << right(percent(counter(run, "of_limit")), cell_width);
    if (!by_memory_) out << right(value(counter(run, "growth_rate")), cell_width);
    out << '\n';
    if (counter(run, "disturbed") > 0) {
      out << colored(wrapped("disturbed: others took the processor meanwhile", 2), red);
    }
  }

  [[nodiscard]] std::string colored(const std::string& text, const char* code) const {
    return color_ ? "\033[" + std::string(code) + 'm' + text + "\033[0m" : text;
  }

  static constexpr const char* green = "32";
  static constexpr const char* red = "31";

  bool color_;
  bool by_memory_ = false;
  std::string family_;
};

/// In quotation marks where a comma or a quotation mark would end it early.
std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string result = "\"";
  for (const char c : text) result += c == '"' ? std::string("\"\"") : std::string(1, c);
  return result + '"';
}

/// The shortest text that reads as the same number; nothing where there is none.
std::string exact(double x) {
  if (!std::isfinite(x)) return "";
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), x).ptr};
}

/// Google Benchmark's columns, then the repetition and the counters: always the same ones, where
/// its own reporter takes those of the first run and ends the program at a run that has others.
/// What was not measured here (the time of one thread, rates that are counters) is empty.
class CsvReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context& context) override {
    // The library sends a file's messages into the file.
    if (&GetErrorStream() != &GetOutputStream()) PrintBasicContext(&GetErrorStream(), context);
    GetOutputStream() << "name,iterations,real_time,cpu_time,time_unit,bytes_per_second,"
                         "items_per_second,label,error_occurred,error_message,repetition";
    for (const char* key : speed_counters) GetOutputStream() << ',' << key;
    GetOutputStream() << '\n';
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : with_plain_names(runs)) print(run);
    GetOutputStream().flush();
  }

 private:
  void print(const Run& run) {
    const bool aggregate = run.run_type == Run::RT_Aggregate;
    std::ostream& out = GetOutputStream();
    out << quoted(run.benchmark_name()) << ',' << run.iterations << ',';
    if (!run.error_occurred) out << exact(time(run));
    out << ",," << (is_percentage(run) ? "" : GetTimeUnitString(run.time_unit)) << ",,,"
        << quoted(run.report_label) << ',' << (run.error_occurred ? "true" : "false") << ','
        << quoted(run.error_message) << ',';
    if (!aggregate) out << run.repetition_index;
    for (const char* key : speed_counters) {
      out << ',' << exact(counter(run, key));
    }
    out << '\n';
  }
};

}  // namespace

std::unique_ptr<benchmark::BenchmarkReporter> make_reporter(const std::string& format, bool color) {
  if (format == "json") return std::make_unique<JsonReporter>();
  if (format == "csv") return std::make_unique<CsvReporter>();
  return std::make_unique<ConsoleReporter>(color);
}

bool takes_color(const std::string& color) {
  if (color != "auto") return color == "true";
  const char* terminal = std::getenv("TERM");
  const char* refused = std::getenv("NO_COLOR");
  return isatty(STDOUT_FILENO) == 1 && terminal != nullptr &&
         std::string_view(terminal) != "dumb" && (refused == nullptr || *refused == '\0');
}

}  // namespace gradepth
