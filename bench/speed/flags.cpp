#include "bench/speed/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <stdexcept>

#include "bench/cli/command_line.h"
#include "bench/cli/common_options.h"
#include "bench/cli/names.h"

namespace gradepth {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// What Google Benchmark takes for true and false, without its rule that any other word is true.
std::optional<bool> truth_of(std::string text) {
  text = lower(std::move(text));
  for (const char* word : {"true", "yes", "on", "y", "t", "1"}) {
    if (text == word) return true;
  }
  for (const char* word : {"false", "no", "off", "n", "f", "0"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

/// Writes a truth as CLI11 reads it, whether it belongs to a flag or an option. `other` is a word
/// that is allowed as well.
CLI::Validator truth(const std::string& other = "") {
  return {[other](std::string& text) -> std::string {
            if (!other.empty() && lower(text) == other) return "";
            const std::optional<bool> value = truth_of(text);
            if (!value) return text + ": true, false" + (other.empty() ? "" : " or " + other);
            text = *value ? "true" : "false";
            return "";
          },
          ""};
}

/// Takes the texts that fit, and says why no other.
CLI::Validator only(bool (*fits)(const std::string&), const char* reason) {
  return {[=](std::string& text) { return fits(text) ? "" : text + ": " + reason; }, ""};
}

std::optional<double> number(std::string_view text) {
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return value;
}

/// An option that takes decimal whole numbers alone: CLI11 itself takes 010 for 8 and -1 for 2^64
/// - 1.
template <class T>
CLI::Option* add_whole_option(CLI::App& app, const std::string& name, T& target, T least, T most,
                              const std::string& description) {
  const auto read = [=, &target](const std::string& text) {
    T value{};
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || stop != end || value < least || value > most) {
      throw CLI::ValidationError(name, text + ": a whole number from " + std::to_string(least) +
                                           " to " + std::to_string(most));
    }
    target = value;
  };
  return app.add_option_function<std::string>(name, read, description)
      ->type_name("INT")
      ->default_str(std::to_string(target));
}

/// Seconds as `0.1` or, as later versions of the library write them, `0.1s`.
double parse_seconds(const std::string& text) {
  const std::size_t digits = text.size() - (text.ends_with('s') ? 1 : 0);
  const double value = number(std::string_view(text).substr(0, digits)).value_or(-1);
  const bool in_range = value >= 0 && value <= 3600;
  if (!in_range) {
    throw CLI::ValidationError("--benchmark_min_time",
                               text + ": seconds from 0 to 3600, as 0.1 or 0.1s");
  }
  return value;
}

void check_context(const std::vector<std::string>& pairs) {
  for (const std::string& pair : pairs) {
    const std::size_t equals = pair.find('=');
    if (equals != std::string::npos && equals != 0) continue;
    throw std::invalid_argument("--benchmark_context " + pair +
                                ": key=value, several with commas between");
  }
}

void add_own_flags(CLI::App& app, SpeedFlags& flags) {
  app.option_defaults()->group("What is timed");
  add_name_option(app, "--preset", flags.preset, preset_names(), preset_names().list());
  app.add_option("--provider", flags.providers,
                 "cpu,onednn,… or all; default: those made for speed");
  app.add_option("--rows", flags.rows_file, "file of JSON lines, a row written once measured");
  add_whole_option(app, "--seed", flags.seed, std::uint64_t{0},
                   std::numeric_limits<std::uint64_t>::max(), "draws the inputs");
  add_math_option(app, flags.math);
  add_variant_option(app, flags.variant);
  app.get_option("--variant")->description("how simt and cuda run recurrent layers");
  add_name_option(app, "--slope", flags.slope, slope_names(),
                  "f' from the stored output, or input");
}

void add_selecting_flags(CLI::App& app, SpeedFlags& flags) {
  app.option_defaults()->group("Google Benchmark's, also as variables: BENCHMARK_FILTER and so on");
  app.add_option("--benchmark_filter", flags.filter, "regex on names; '-' in front: all others");
  app.add_flag("--benchmark_list_tests", flags.list_tests, "only print the names")
      ->transform(truth());
  app.add_option_function<std::string>(
         "--benchmark_min_time",
         [&flags](const std::string& text) { flags.min_time = parse_seconds(text); },
         "seconds of timing per row [0.1]")
      ->type_name("SECONDS");
  add_whole_option(app, "--benchmark_repetitions", flags.repetitions, 1, 1'000'000,
                   "measure every row so many times");
  app.add_flag("--benchmark_enable_random_interleaving", flags.random_interleaving,
               "repetitions in random order")
      ->transform(truth());
}

void add_reporting_flags(CLI::App& app, SpeedFlags& flags) {
  app.add_flag("--benchmark_report_aggregates_only", flags.report_aggregates_only,
               "of repetitions, only mean, median, deviation")
      ->transform(truth());
  app.add_flag("--benchmark_display_aggregates_only", flags.display_aggregates_only,
               "the same, with all in --benchmark_out")
      ->transform(truth());
  const CLI::IsMember formats({"console", "json", "csv"});
  app.add_option("--benchmark_format", flags.format, "console, json or csv")
      ->check(formats)
      ->capture_default_str();
  app.add_option("--benchmark_out", flags.out, "a file to report to as well");
  app.add_option("--benchmark_out_format", flags.out_format, "console, json or csv")
      ->check(formats)
      ->capture_default_str();
  app.add_option("--benchmark_color", flags.color, "auto: on a terminal, without NO_COLOR")
      ->transform(truth("auto"))
      ->capture_default_str();
  app.add_option("--benchmark_time_unit", flags.time_unit, "ns, us, ms or s")
      ->check(CLI::IsMember({"ns", "us", "ms", "s"}))
      ->capture_default_str();
  app.add_option("--benchmark_context", flags.context, "key=value,… to show with the results")
      ->delimiter(',')
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE");
  add_whole_option(app, "--v", flags.verbosity, 0, 1000, "how much the library tells of its work");
}

/// Those of its flags that ask for what this program does not do: the one value that asks for
/// nothing is taken, any other refused.
void add_refusing_flags(CLI::App& app) {
  app.option_defaults()->group("Google Benchmark's that have one value here");
  app.add_option_function<std::string>(
         "--benchmark_min_warmup_time", [](const std::string&) {},
         "0: every row warms up by itself")
      ->check(only([](const std::string& text) { return number(text) == 0.0; },
                   "only 0; every row warms up by itself"));
  app.add_option_function<std::string>(
         "--benchmark_perf_counters", [](const std::string&) {},
         "none: `gradepth profile` has the processor's")
      ->check(only([](const std::string& text) { return text.empty(); },
                   "only none; `gradepth profile` has the processor's counters"));
  app.add_flag_function(
         "--benchmark_counters_tabular", [](std::int64_t) {},
         "true: the console always shows a table")
      ->check(only([](const std::string& text) { return truth_of(text) == true; },
                   "only true; the console always shows a table"));
  app.add_flag_function(
         "--benchmark_dry_run", [](std::int64_t) {},
         "false: --benchmark_list_tests shows what would run")
      ->check(only([](const std::string& text) { return truth_of(text) == false; },
                   "only false; --benchmark_list_tests shows what would run"));
}

/// The flags that Google Benchmark's variables stand for: BENCHMARK_FILTER for --benchmark_filter.
/// They come first, so that flags that are given win. bench/speed/variables.cpp has put them aside
/// under names in which the first letter is small.
std::vector<std::string> flags_of_variables(const CLI::App& app) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    const std::string flag = option->get_name();
    if (!flag.starts_with("--benchmark_")) continue;
    std::string variable = flag.substr(2);
    std::transform(variable.begin() + 1, variable.end(), variable.begin() + 1,
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    const char* value = std::getenv(variable.c_str());
    if (value != nullptr && *value != '\0') flags.push_back(flag + '=' + value);
  }
  return flags;
}

/// ` (from the environment)` where a message is about a flag that only its variable gives.
std::string blame(const std::string& message, const std::vector<std::string>& variables,
                  const std::vector<std::string>& given) {
  const std::string flag = message.substr(0, message.find_first_of(": ="));
  const auto is_it = [&](const std::string& text) {
    return text == flag || text.starts_with(flag + '=');
  };
  const bool from_variable = std::any_of(variables.begin(), variables.end(), is_it) &&
                             std::none_of(given.begin(), given.end(), is_it);
  return from_variable ? " (from the environment)" : "";
}

std::string spelled(bool value) { return value ? "true" : "false"; }

}  // namespace

std::optional<SpeedFlags> read_speed_flags(int argc, const char* const* argv) {
  SpeedFlags flags;
  CLI::App app{"gradepth speed: times training steps, beside libraries and the hardware's limit"};
  app.name("gradepth_speed");
  app.set_version_flag("--version", GRADEPTH_VERSION);
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  add_own_flags(app, flags);
  add_selecting_flags(app, flags);
  add_reporting_flags(app, flags);
  add_refusing_flags(app);
  const std::vector<std::string> variables = flags_of_variables(app);
  std::vector<std::string> given(argv + 1, argv + argc);
  // An empty text is Google Benchmark's default of those flags that take one.
  std::erase_if(given, [](const std::string& text) {
    return text.starts_with("--benchmark_") && text.find('=') == text.size() - 1;
  });
  std::vector<const char*> arguments{argv[0]};
  for (const std::string& text : variables) arguments.push_back(text.c_str());
  for (const std::string& text : given) arguments.push_back(text.c_str());
  try {
    app.parse(static_cast<int>(arguments.size()), arguments.data());
  } catch (const CLI::CallForHelp& help) {
    app.exit(help);
    return std::nullopt;
  } catch (const CLI::CallForVersion& version) {
    app.exit(version);
    return std::nullopt;
  } catch (const CLI::ExtrasError&) {
    refuse_left_over(app);
  } catch (const CLI::ParseError& error) {
    throw std::invalid_argument(error.what() + blame(error.what(), variables, given));
  }
  check_context(flags.context);
  if (app.count("--benchmark_out_format") > 0 && flags.out.empty()) {
    throw std::invalid_argument("--benchmark_out_format " + flags.out_format +
                                ": needs --benchmark_out=FILE");
  }
  return flags;
}

std::vector<std::string> library_arguments(const SpeedFlags& flags) {
  return {"--benchmark_repetitions=" + std::to_string(flags.repetitions),
          "--benchmark_enable_random_interleaving=" + spelled(flags.random_interleaving),
          "--benchmark_report_aggregates_only=" + spelled(flags.report_aggregates_only),
          "--benchmark_display_aggregates_only=" + spelled(flags.display_aggregates_only),
          "--benchmark_out=" + flags.out,
          "--v=" + std::to_string(flags.verbosity)};
}

NameFilter::NameFilter(const std::string& filter) : negated_(filter.starts_with('-')) {
  const std::string text = filter.substr(negated_ ? 1 : 0);
  try {
    regex_ = std::regex(filter.empty() || filter == "all" ? "" : text);
  } catch (const std::regex_error& error) {
    throw std::invalid_argument("--benchmark_filter=" + filter +
                                ": not a regular expression; such as 'elman.*T64' (" +
                                error.what() + ')');
  }
}

bool NameFilter::fits(const std::string& name) const {
  return std::regex_search(name, regex_) != negated_;
}

}  // namespace gradepth
