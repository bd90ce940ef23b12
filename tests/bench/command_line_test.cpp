#include "bench/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/cli/commands.h"

namespace gradepth {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Thrown once all options are read, before a command does what it does. The commands' own
/// callbacks stay: they hold what the options write to.
struct Parsed {};

/// All commands, with their options but without what they do.
std::unique_ptr<CLI::App> silent_app() {
  static int exit_status = 0;
  auto app = std::make_unique<CLI::App>("gradepth");
  app->name("gradepth");
  add_commands(*app, exit_status);
  app->parse_complete_callback([] { throw Parsed(); });
  for (CLI::App* command : app->get_subcommands({})) {
    for (CLI::Option* option : command->get_options()) option->required(false);
  }
  return app;
}

void parse(CLI::App& app, const std::vector<std::string>& arguments) {
  std::vector<const char*> argv{"gradepth"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  try {
    (void)parse_command_line(app, static_cast<int>(argv.size()), argv.data());
    ADD_FAILURE() << "the command ran";
  } catch (const Parsed&) {
  }
}

/// What the refusal of these arguments says.
std::string complaint(const std::vector<std::string>& arguments) {
  const auto app = silent_app();
  try {
    parse(*app, arguments);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing";
}

/// Every option that holds a number: its command, its name and whether it is a whole one.
struct Numeric {
  std::string command, flag;
  bool is_whole, is_signed;
};

std::vector<Numeric> numeric_options() {
  std::vector<Numeric> found;
  const auto app = silent_app();
  for (const CLI::App* command : std::as_const(*app).get_subcommands({})) {
    for (const CLI::Option* option : command->get_options()) {
      const std::string type = option->get_type_name();
      const bool is_whole = type.starts_with("INT") || type.starts_with("UINT");
      if (!is_whole && !type.starts_with("FLOAT")) continue;
      found.push_back(
          {command->get_name(), option->get_name(), is_whole, !type.starts_with("UINT")});
    }
  }
  return found;
}

/// The number that an option is left with.
double value(const Numeric& option, const std::string& text) {
  const auto app = silent_app();
  parse(*app, {option.command, option.flag, text});
  const CLI::Option* parsed = app->get_subcommand(option.command)->get_option(option.flag);
  return parsed->as<double>();
}

TEST(CommandLine, EveryNumberOfEveryCommandIsDecimal) {
  const std::vector<Numeric> options = numeric_options();
  EXPECT_GE(options.size(), 30U);
  for (const Numeric& option : options) {
    SCOPED_TRACE(option.command + ' ' + option.flag);
    EXPECT_EQ(value(option, "010"), 10);
    EXPECT_EQ(value(option, "08"), 8);
    EXPECT_EQ(value(option, "+5"), 5);
    EXPECT_EQ(value(option, "0"), 0);
    for (const char* bad : {"0x3", "0X3", "0b1", "", " 5", "5 ", "5x", "ten", "nan", "inf", "--5",
                            "+-5", "1e999", "1'000"}) {
      EXPECT_THAT(complaint({option.command, option.flag + '=' + bad}), HasSubstr(option.flag))
          << bad;
    }
    if (!option.is_whole) {
      EXPECT_EQ(value(option, "1e1"), 10);
      continue;
    }
    for (const char* bad : {"1e1", "5.", "5.0", "99999999999999999999999"}) {
      EXPECT_THAT(complaint({option.command, option.flag, bad}),
                  AllOf(HasSubstr(option.flag), HasSubstr(bad), HasSubstr("whole number")));
    }
    if (!option.is_signed) {
      EXPECT_THAT(complaint({option.command, option.flag + "=-1"}),
                  AllOf(HasSubstr(option.flag), HasSubstr("-1"), HasSubstr("from 0")));
    }
  }
}

TEST(CommandLine, EverySeedIsTheOneThatWasGiven) {
  for (const Numeric& option : numeric_options()) {
    if (option.flag != "--seed") continue;
    for (const std::uint64_t seed : {std::uint64_t{4294967297}, std::uint64_t{1} << 63,
                                     std::numeric_limits<std::uint64_t>::max()}) {
      const auto app = silent_app();
      parse(*app, {option.command, option.flag, std::to_string(seed)});
      const CLI::App* command = app->get_subcommand(option.command);
      EXPECT_EQ(command->get_option("--seed")->as<std::uint64_t>(), seed) << option.command;
    }
    EXPECT_THAT(complaint({option.command, "--seed=18446744073709551616"}), HasSubstr("--seed"));
  }
}

TEST(CommandLine, AnUnknownFlagSaysWhatWasMeant) {
  EXPECT_THAT(complaint({"growth", "--dept", "5"}),
              AllOf(HasSubstr("--dept: growth has no such flag"), HasSubstr("mean --depth?")));
  EXPECT_THAT(complaint({"train", "--learningrate=1"}), HasSubstr("mean --learning-rate?"));
  EXPECT_THAT(complaint({"check", "--colour"}), HasSubstr("--colour: check has no such flag"));
  EXPECT_THAT(complaint({"growth", "five"}), HasSubstr("five: growth takes no such argument"));
}

TEST(CommandLine, NamesAreStoredAsResultsSpellThem) {
  const auto app = silent_app();
  parse(*app, {"growth", "--net", "LSTM", "--dtype", "bfloat16", "--init", "Kaiming", "--format",
               "JSON", "--activation", "Tanh"});
  const CLI::App* growth = app->get_subcommand("growth");
  const auto text = [&](const char* flag) { return growth->get_option(flag)->as<std::string>(); };
  EXPECT_EQ(text("--net"), "lstm");
  EXPECT_EQ(text("--dtype"), "bf16");
  EXPECT_EQ(text("--init"), "he");
  EXPECT_EQ(text("--format"), "json");
  EXPECT_EQ(text("--activation"), "tanh");
}

}  // namespace
}  // namespace gradepth
