#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

/// How the programs of this project read their command lines.
namespace gradepth {

/// Throws std::invalid_argument: what the user gave, and why it is refused.
[[noreturn]] void refuse(const std::string& given, const std::string& why);
/// The flag, the value that it gave, and what is allowed.
[[noreturn]] void refuse(const std::string& flag, const std::string& value,
                         const std::string& allowed);

/// Lets every number of the app and its subcommands be decimal alone, finite, and in the range of
/// its variable: CLI11 itself takes 010 for 8, 0x3 for 3, -1 for 2^64 - 1 and an empty text for 0.
/// To be called when all options are there.
void take_decimal_numbers(CLI::App& app);

/// Refuses what a parse has left over (CLI::ExtrasError), with the flag that may have been meant.
[[noreturn]] void refuse_left_over(const CLI::App& app);

/// Parses, and runs the callbacks of what was asked for. The exit status if --help or --version was
/// answered; std::invalid_argument, in one line, for bad input.
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv);

}  // namespace gradepth
