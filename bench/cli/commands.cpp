#include "bench/cli/commands.h"

#include <CLI/CLI.hpp>

namespace gradepth {

void add_commands(CLI::App& app, int& exit_status) {
  add_info_command(app, exit_status);
  add_growth_command(app, exit_status);
  add_share_command(app, exit_status);
  add_slopes_command(app);
  add_train_command(app, exit_status);
  add_check_command(app, exit_status);
  add_compare_command(app, exit_status);
  add_profile_command(app, exit_status);
  add_suite_command(app, exit_status);
}

}  // namespace gradepth
