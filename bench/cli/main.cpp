#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>

#include "bench/cli/command_line.h"
#include "bench/cli/commands.h"
#include "bench/cli/names.h"
#include "bench/rows/standard_output.h"
#include "bench/timing/bounded_spinning.h"

namespace {

/// CLI11 would only say that a subcommand is required. std::invalid_argument for an unknown one.
void check_command(const CLI::App& app, std::string_view command) {
  std::vector<std::string> known;
  std::string reason =
      (command.empty() ? "a command is needed" : "command " + std::string(command)) + ": one of ";
  for (const CLI::App* subcommand : app.get_subcommands({})) {
    if (subcommand->get_name() == command) return;
    known.push_back(subcommand->get_name());
    reason += known.back() + ", ";
  }
  known.insert(known.end(), {"speed", "meter", "report"});  // programs of their own
  throw std::invalid_argument(reason + "and of ./bench/run also speed, meter, report" +
                              gradepth::did_you_mean(command, known));
}

/// Bad input is thrown; --help and --version are answered here.
int run(int argc, char** argv) {
  CLI::App app{"gradepth: how deep does a gradient reach, and what does it cost to get there?"};
  app.name("gradepth");
  app.require_subcommand(1);
  app.set_version_flag("--version", GRADEPTH_VERSION);
  int exit_status = 0;
  gradepth::add_commands(app, exit_status);
  app.parse_complete_callback([argv] { gradepth::bound_spinning(argv); });
  if (argc < 2 || *argv[1] != '-') check_command(app, argc < 2 ? "" : argv[1]);
  return gradepth::parse_command_line(app, argc, argv).value_or(exit_status);
}

/// One line, whatever stands in the flags and names of files that the reason repeats.
int fail(std::string reason, int exit_status) {
  std::replace_if(
      reason.begin(), reason.end(), [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  std::fprintf(stderr, "gradepth: %s\n", reason.c_str());
  return exit_status;
}

}  // namespace

/// The front door. Exit status: 0 done, 1 a check or a run failed, 2 bad input, 130 interrupted.
int main(int argc, char** argv) {
  gradepth::prepare_standard_streams();
  try {
    const int exit_status = run(argc, argv);
    gradepth::flush_standard_output();
    return exit_status;
  } catch (const std::invalid_argument& error) {
    return fail(error.what(), 2);
  } catch (const gradepth::Interrupted& interrupted) {
    return fail(interrupted.what(), 130);
  } catch (const std::bad_alloc&) {
    return fail("not enough memory; make the problem smaller", 1);
  } catch (const std::exception& error) {
    return fail(error.what(), 1);
  }
}
