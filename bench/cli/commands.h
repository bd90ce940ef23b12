#pragma once

#include <stdexcept>

namespace CLI {
class App;
}

/// One function per command: it adds the subcommand to the app. The subcommand's callback does the
/// work, sets exit_status to 1 when a row is not ok, and throws std::invalid_argument on bad input.
namespace gradepth {

/// Ctrl-C, seen at a place where nothing is lost: exit status 130.
struct Interrupted : std::runtime_error {
  using std::runtime_error::runtime_error;
};

void add_info_command(CLI::App& app, int& exit_status);
void add_growth_command(CLI::App& app, int& exit_status);
void add_share_command(CLI::App& app, int& exit_status);
void add_slopes_command(CLI::App& app);
void add_train_command(CLI::App& app, int& exit_status);
void add_check_command(CLI::App& app, int& exit_status);
void add_compare_command(CLI::App& app, int& exit_status);
void add_profile_command(CLI::App& app, int& exit_status);
void add_suite_command(CLI::App& app, int& exit_status);

/// All of them.
void add_commands(CLI::App& app, int& exit_status);

}  // namespace gradepth
