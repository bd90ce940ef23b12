#pragma once

#include <cstdint>
#include <optional>
#include <regex>
#include <string>
#include <vector>

namespace gradepth {

/// What `speed` was asked for: its own flags, then Google Benchmark's.
struct SpeedFlags {
  std::string preset = "quick";
  std::string providers = "default";
  std::string rows_file;
  std::uint64_t seed = 1;
  std::string math = "fma";
  std::string variant = "auto";
  std::string slope = "output";

  bool list_tests = false;
  std::string filter;
  double min_time = 0.1;  // seconds
  int repetitions = 1;
  bool random_interleaving = false;
  bool report_aggregates_only = false;
  bool display_aggregates_only = false;
  std::string format = "console";
  std::string out;
  std::string out_format = "json";
  std::string color = "auto";
  std::string time_unit = "ms";
  std::vector<std::string> context;  // key=value
  int verbosity = 0;
};

/// Reads the command line, and Google Benchmark's variables (BENCHMARK_FILTER, …) for those of its
/// flags that are not given. Nothing after `--help` and `--version`, which are answered here.
/// std::invalid_argument, in one line, for what is not understood and for what cannot be honoured.
std::optional<SpeedFlags> read_speed_flags(int argc, const char* const* argv);

/// The command line, without the program's name, that makes Google Benchmark's library do as
/// `flags` say.
std::vector<std::string> library_arguments(const SpeedFlags& flags);

/// Google Benchmark's filter: a regular expression to be found in a name. A leading '-' turns it
/// round; nothing and `all` fit every name. std::invalid_argument, naming the flag, if it is none.
class NameFilter {
 public:
  explicit NameFilter(const std::string& filter);
  [[nodiscard]] bool fits(const std::string& name) const;

 private:
  bool negated_;
  std::regex regex_;
};

}  // namespace gradepth
