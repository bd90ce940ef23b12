#include "bench/growth_command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <functional>
#include <sstream>
#include <stdexcept>

#include "bench/commands.h"
#include "bench/growth_table.h"

namespace gradepth {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// What parse_growth says about flags that `change` made bad.
std::string complaint(const std::function<void(GrowthFlags&)>& change) {
  GrowthFlags flags;
  change(flags);
  try {
    (void)parse_growth(flags);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing";
}

TEST(GrowthCommand, BadInputNamesFlagValueAndWhatIsAllowed) {
  EXPECT_THAT(complaint([](auto& f) { f.net = "rnn"; }),
              AllOf(HasSubstr("--net rnn"), HasSubstr("elman")));
  EXPECT_THAT(complaint([](auto& f) { f.activation = "bogus"; }),
              AllOf(HasSubstr("--activation bogus"), HasSubstr("tanh")));
  EXPECT_THAT(complaint([](auto& f) { f.depth = 0; }),
              AllOf(HasSubstr("--depth 0"), HasSubstr("from 1")));
  EXPECT_THAT(complaint([](auto& f) { f.init = "file:missing.csv"; }),
              AllOf(HasSubstr("--init file:missing.csv"), HasSubstr("CSV")));
  EXPECT_THAT(complaint([](auto& f) { f.init = "gaussian"; }),
              AllOf(HasSubstr("--init gaussian"), HasSubstr("orthogonal:S")));
  EXPECT_THAT(complaint([](auto& f) { f.bias = "he"; }),
              AllOf(HasSubstr("--bias he"), HasSubstr("constant:V")));
  EXPECT_THAT(complaint([](auto& f) { f.h0 = "radius:1"; }),
              AllOf(HasSubstr("--h0 radius:1"), HasSubstr("fixed-point")));
  EXPECT_THAT(complaint([](auto& f) { f.input = "gaussian:"; }),
              AllOf(HasSubstr("--input gaussian:"), HasSubstr("impulse")));
  EXPECT_THAT(complaint([](auto& f) { f.residual = "scaled:x"; }),
              AllOf(HasSubstr("--residual scaled:x"), HasSubstr("preact")));
  EXPECT_THAT(complaint([](auto& f) { f.density = 0; }), HasSubstr("--density 0"));
  EXPECT_THAT(complaint([](auto& f) { f.share = "maybe"; }),
              AllOf(HasSubstr("--share maybe"), HasSubstr("on, off")));
  EXPECT_THAT(complaint([](auto& f) { f.dtype = "f8"; }),
              AllOf(HasSubstr("--dtype f8"), HasSubstr("bf16")));
  EXPECT_THAT(complaint([](auto& f) { f.loss_on = "x"; }), HasSubstr("--loss-on x"));
  EXPECT_THAT(complaint([](auto& f) { f.seeds = 0; }), HasSubstr("--seeds 0"));
  EXPECT_EQ(complaint([](auto&) {}), "nothing");
}

/// Runs `growth …` and gives its exit status and stdout.
std::pair<int, std::string> run(const std::string& arguments) {
  CLI::App app;
  int exit_status = 0;
  add_growth_command(app, exit_status);
  testing::internal::CaptureStdout();
  try {
    app.parse("growth " + arguments);
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  return {exit_status, testing::internal::GetCapturedStdout()};
}

const char* const small = "--net elman --depth 12 --width 6 --seeds 2 --provider reference ";

TEST(GrowthCommand, TableFitsEightyColumns) {
  for (const char* more : {"", "--activation relu --init he", "--init orthogonal:3 --dtype bf16",
                           "--input gaussian:0.5 --bias gaussian:0.2236 --h0 fixed-point",
                           "--precision --loss-scale 1e-7"}) {
    const auto [status, out] = run(std::string(small) + more);
    EXPECT_EQ(status, 0);
    std::istringstream lines(out);
    std::string line;
    while (std::getline(lines, line)) EXPECT_LE(line.size(), 80U) << line;
    EXPECT_THAT(out, AllOf(HasSubstr("verdict"), HasSubstr("rate"), HasSubstr("theory")));
  }
}

TEST(GrowthCommand, PrecisionWhenAskedFor) {
  const std::string json = std::string(small) + "--format json ";
  EXPECT_THAT(run(json + "--precision").second, HasSubstr("\"saving_loss_scale\":1.0"));
  EXPECT_THAT(run(json).second, testing::Not(HasSubstr("precision")));
  EXPECT_THROW(run(std::string(small) + "--format csv --precision"), std::invalid_argument);
  EXPECT_THAT(run(std::string(small) + "--precision").second,
              AllOf(HasSubstr("f32_ftz"), HasSubstr("bf16"), HasSubstr("never")));
}

TEST(GrowthCommand, CsvHasALinePerDepth) {
  const auto [status, out] = run(std::string(small) + "--format csv");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 14);
}

TEST(GrowthCommand, PresetGivesWayToFlags) {
  const auto [status, out] =
      run("--preset irnn --init identity:0.5 --depth 20 --width 4 --provider reference --format "
          "json");
  EXPECT_EQ(status, 0);
  EXPECT_THAT(out, AllOf(HasSubstr("elman/relu"), HasSubstr("\"identity:0.5\""),
                         HasSubstr("\"constant:1\"")));
}

TEST(GrowthCommand, AProviderThatCannotGivesItsRowAndExitStatusOne) {
  const auto [status, out] = run("--provider cudnn --format json");
  EXPECT_EQ(status, 1);
  EXPECT_THAT(out, HasSubstr("\"status\":\"unsupported\""));
}

TEST(GrowthCommand, UnknownProviderIsBadInput) {
  EXPECT_THROW(run("--provider nope"), std::invalid_argument);
  EXPECT_THROW(run("--depth x"), CLI::ParseError);
  EXPECT_THROW(run("--net additive --provider reference"), std::invalid_argument);
  EXPECT_THROW(run("--activation relu --init he --h0 fixed-point --provider reference"),
               std::invalid_argument);
}

}  // namespace
}  // namespace gradepth
