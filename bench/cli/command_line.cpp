#include "bench/cli/command_line.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <type_traits>

#include "bench/cli/names.h"
#include "host/text/decimal.h"

namespace gradepth {
namespace {

template <class T>
std::string whole(const std::string& flag, const std::string& text) {
  const auto value = decimal_whole<T>(text);
  if (!value) {
    refuse(flag, text,
           std::string("a whole number in decimal digits, ") +
               (std::is_signed_v<T> ? "below 2^63" : "from 0 to 2^64 - 1"));
  }
  return std::to_string(*value);
}

std::string finite(const std::string& flag, const std::string& text) {
  if (!decimal_number(text)) refuse(flag, text, "a finite decimal number");
  return text;
}

/// CLI11 names the type of a variable so.
void take_decimal_numbers(CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto read_by = [&](auto read) {
    option.transform(
        [read, flag = option.get_name()](const std::string& text) { return read(flag, text); });
  };
  if (type.starts_with("UINT")) {
    read_by(whole<std::uint64_t>);
  } else if (type.starts_with("INT")) {
    read_by(whole<std::int64_t>);
  } else if (type.starts_with("FLOAT")) {
    read_by(finite);
  }
}

/// The command that was meant to take what is left over.
const CLI::App& parsed_command(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  return commands.empty() ? app : *commands.front();
}

}  // namespace

void refuse(const std::string& given, const std::string& why) {
  throw std::invalid_argument(given + ": " + why);
}

void refuse(const std::string& flag, const std::string& value, const std::string& allowed) {
  refuse(flag + ' ' + (value.empty() ? "\"\"" : value), allowed);
}

void take_decimal_numbers(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) take_decimal_numbers(*option);
  for (CLI::App* command : app.get_subcommands({})) take_decimal_numbers(*command);
}

void refuse_left_over(const CLI::App& app) {
  const CLI::App& command = parsed_command(app);
  const std::vector<std::string> extras = app.remaining(true);
  const auto first_flag = std::find_if(extras.begin(), extras.end(),
                                       [](const auto& extra) { return extra.starts_with('-'); });
  const std::string extra = first_flag != extras.end() ? *first_flag : extras.at(0);
  const std::string flag = extra.substr(0, extra.find('='));
  if (!flag.starts_with('-')) {
    throw std::invalid_argument(extra + ": " + command.get_name() +
                                " takes no such argument; --help says what it takes");
  }
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  throw std::invalid_argument(flag + ": " + command.get_name() + " has no such flag" +
                              did_you_mean(flag, known) + " (--help lists them)");
}

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  take_decimal_numbers(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ExtrasError&) {
    refuse_left_over(app);
  } catch (const CLI::RequiredError& error) {
    if (!app.remaining(true).empty()) refuse_left_over(app);
    throw std::invalid_argument(error.what());
  } catch (const CLI::ParseError& error) {
    throw std::invalid_argument(error.what());
  }
  return std::nullopt;
}

}  // namespace gradepth
