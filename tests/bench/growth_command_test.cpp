#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "bench/cli/commands.h"
#include "bench/tables/growth.h"

namespace gradepth {
namespace {

using testing::AllOf;
using testing::HasSubstr;

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

/// What `growth …` refuses to do, before it measures anything.
std::string refusal(const std::string& arguments) {
  try {
    run("--depth 2 --width 2 --seeds 1 --provider reference " + arguments);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing";
}

TEST(GrowthCommand, BadInputNamesFlagValueAndWhatIsAllowed) {
  EXPECT_THAT(refusal("--net rnn"), AllOf(HasSubstr("--net rnn"), HasSubstr("elman")));
  EXPECT_THAT(refusal("--activation bogus"),
              AllOf(HasSubstr("--activation bogus"), HasSubstr("tanh")));
  EXPECT_THAT(refusal("--batch 0"), AllOf(HasSubstr("--batch 0"), HasSubstr("from 1")));
  EXPECT_THAT(refusal("--init file:missing.csv"),
              AllOf(HasSubstr("--init file:missing.csv"), HasSubstr("CSV")));
  EXPECT_THAT(refusal("--init constant"),
              AllOf(HasSubstr("--init constant"), HasSubstr("orthogonal:S"),
                    HasSubstr("did you mean constant:V?")));
  EXPECT_THAT(refusal("--bias he"), AllOf(HasSubstr("--bias he"), HasSubstr("constant:V")));
  EXPECT_THAT(refusal("--h0 radius:1"),
              AllOf(HasSubstr("--h0 radius:1"), HasSubstr("fixed-point")));
  EXPECT_THAT(refusal("--input gaussian:"),
              AllOf(HasSubstr("--input gaussian:"), HasSubstr("number")));
  EXPECT_THAT(refusal("--residual scaled:x"),
              AllOf(HasSubstr("--residual scaled:x"), HasSubstr("preact")));
  EXPECT_THAT(refusal("--density 0"), HasSubstr("--density 0"));
  EXPECT_EQ(refusal("--half-width -1"), "--half-width -1: 0 (off) or a number above 0");
  EXPECT_EQ(refusal("--max-seeds 9"),
            "--max-seeds without --half-width: it says how many that may draw");
  EXPECT_EQ(refusal("--half-width 0.1"),  // beside --seeds 1
            "--half-width 0.1: needs --seeds 2 or more to begin with");
  EXPECT_EQ(refusal("--density band:2"), "--density band:2: a number above 0, up to 1");
  for (const char* bad : {"columns:0.5", "rows:", "rows:x", ":0.5", "rows:0.5:1"}) {
    EXPECT_EQ(refusal(std::string("--density ") + bad),
              std::string("--density ") + bad +
                  ": P, rows:P, blocks:P or band:P with a number P above 0, up to 1");
  }
  EXPECT_EQ(refusal("--net lstm --chrono 1.5"),
            "--chrono 1.5: 0 (off) or a number of steps from 2 on");
  EXPECT_EQ(refusal("--net gru --chrono 9 --forget-bias 1"),
            "--chrono with --forget-bias 1: one of the two");
  EXPECT_THAT(refusal("--share maybe"), AllOf(HasSubstr("--share maybe"), HasSubstr("on, off")));
  EXPECT_THAT(refusal("--dtype f8"), AllOf(HasSubstr("--dtype f8"), HasSubstr("bf16")));
  EXPECT_THAT(refusal("--loss-on x"), HasSubstr("--loss-on x"));
  EXPECT_EQ(refusal("--seed 18446744073709551615"), "nothing");
  EXPECT_THAT(refusal("--lyapunov 3"), AllOf(HasSubstr("--lyapunov 3"), HasSubstr("to 2")));
  EXPECT_THAT(refusal("--renormalised --clip-value 1"),
              AllOf(HasSubstr("--renormalised"), HasSubstr("--clip-value 1")));
  EXPECT_EQ(refusal("--net additive"),
            "--init gaussian:1: constant:w, the scalar weight of an additive net");
  for (const char* init : {"xavier", "he", "saxe", "np"}) {
    EXPECT_EQ(refusal(std::string("--window --init ") + init),
              "--window needs --init gaussian:S, orthogonal:S, identity:S or constant:V");
  }
  EXPECT_EQ(refusal("--window --sweep gain=1:2:1"),
            "--window with --sweep gain: gains are what it finds; --sweep depth and others");
  EXPECT_EQ(refusal(""), "nothing");
}

TEST(GrowthCommand, ADeviationIsNotNegativeAndEveryNumberFinite) {
  for (const char* flag : {"--init", "--bias", "--h0", "--input"}) {
    for (const char* bad : {"-1", "-1e-300", "nan", "inf", "-inf", "0x1", ""}) {
      const std::string value = std::string("gaussian:") + bad;
      EXPECT_THAT(refusal("--net elman " + std::string(flag) + ' ' + value),
                  HasSubstr(std::string(flag) + ' ' + value));
    }
  }
  EXPECT_EQ(refusal("--init identity:-0.5 --bias constant:-1"), "nothing");
}

TEST(GrowthCommand, WhatHasNoEffectOnTheNetIsRefused) {
  const struct {
    const char* net;
    const char* flags;
  } cases[] = {{"mlp", "--forget-bias 2"},
               {"mlp", "--chrono 10"},
               {"elman", "--chrono 10"},
               {"mlp", "--loss-on h"},
               {"mlp", "--loss-on c"},
               {"mlp", "--residual preact"},
               {"mlp", "--residual plain"},
               {"mlp", "--form sum"},
               {"mlp", "--preset irnn"},
               {"mlp", "--input impulse"},
               {"mlp", "--transient"},
               {"cnn", "--loss-on both"},
               {"residual", "--form two-term"},
               {"residual", "--forget-bias 1"},
               {"elman", "--forget-bias -1"},
               {"elman", "--loss-on both"},
               {"elman", "--residual scaled:2"},
               {"elman", "--share off --transient"},
               {"lstm", "--residual plain"},
               {"lstm", "--preset irnn --activation tanh"},
               {"lstm", "--transient"},
               {"gru", "--loss-on c"},
               {"gru", "--preset np-rnn --activation tanh"},
               {"additive", "--init constant:0.5 --activation relu"},
               {"additive", "--init constant:0.5 --bias constant:1"},
               {"additive", "--init constant:0.5 --density 0.5"},
               {"additive", "--init constant:0.5 --share off"},
               {"additive", "--init constant:0.5 --forget-bias 1"}};
  for (const auto& c : cases) {
    const std::string flags = c.flags;
    const std::string reason = refusal(std::string("--net ") + c.net + ' ' + flags);
    EXPECT_THAT(reason, HasSubstr("only ")) << c.net << ' ' << flags;
  }
  // What it has, and what says truly that there is none of a thing.
  for (const char* flags :
       {"--net mlp --share off", "--net cnn --share on --density rows:0.5",
        "--net residual --share on", "--net mlp --share on --transient",
        "--net mlp --input zero --forget-bias 0", "--net residual --residual preact",
        "--net lstm --chrono 10", "--net mlp --chrono 0",
        "--net lstm --loss-on both --forget-bias 2 --share off", "--net gru --forget-bias 1",
        "--net elman --preset irnn --transient", "--preset np-rnn", "--net mlp --density 0.5",
        "--net mlp --init identity:1 --transient",
        "--net additive --init constant:0.5 --form sum --bias constant:0 --activation identity"}) {
    EXPECT_EQ(refusal(flags), "nothing") << flags;
  }
}

TEST(GrowthCommand, ASweepRefusesItToo) {
  const std::string out = " --out /nonexistent";
  EXPECT_THAT(refusal("--net mlp --sweep forget-bias=0:1:1" + out), HasSubstr("only for lstm"));
  EXPECT_THAT(refusal("--net mlp --loss-on h --sweep gain=1:2:1" + out), HasSubstr("--loss-on h"));
  EXPECT_THAT(refusal("--sweep depth=1:2:1" + out), HasSubstr("--depth 2: not beside --sweep"));
  EXPECT_THAT(refusal("--h0 fixed-point --sweep h0=1:2:1" + out), HasSubstr("--h0 fixed-point"));
}

TEST(GrowthCommand, TableFitsEightyColumns) {
  for (const char* more :
       {"", "--activation relu --init he", "--init orthogonal:3 --dtype bf16",
        "--input gaussian:0.5 --bias gaussian:0.2236 --h0 fixed-point",
        "--precision --loss-scale 1e-7", "--window", "--window --init identity:1",
        "--lyapunov 6 --singular-values --transient --renormalised"}) {
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
  const std::string csv = run(std::string(small) + "--format csv --precision").second;
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 4 * 13);  // a line per format and depth
  EXPECT_THAT(csv, HasSubstr("depth,zero_fraction,subnormal_fraction,"));
  EXPECT_THAT(run(std::string(small) + "--precision").second,
              AllOf(HasSubstr("f32_ftz"), HasSubstr("bf16"), HasSubstr("never")));
}

/// The JSON row of a linear net with W = rho Q, width 7.
nlohmann::json linear_row(const std::string& rho, const std::string& more) {
  return nlohmann::json::parse(run("--net elman --activation identity --width 7 --seeds 3 "
                                   "--provider reference --format json "
                                   "--init orthogonal:" +
                                   rho + ' ' + more)
                                   .second);
}

TEST(GrowthCommand, JacobiansWhenAskedFor) {
  const nlohmann::json plain = linear_row("0.9", "--depth 30 --dtype f64");
  for (const char* key : {"lyapunov", "lyapunov_low", "lyapunov_high", "lyapunov_theory",
                          "singular_values", "largest_singular_value", "renormalised"}) {
    EXPECT_TRUE(plain.at(key).is_null()) << key;
  }
  EXPECT_NEAR(plain.at("spectral_radius"), 0.9, 1e-14);
  EXPECT_NEAR(plain.at("transient").at("max"), 0.9, 1e-14);
  EXPECT_EQ(plain.at("transient").at("step"), 1);
  EXPECT_NEAR(plain.at("transient").at("ln_last"), 30 * std::log(0.9), 1e-13);

  const nlohmann::json asked =
      linear_row("0.9", "--depth 30 --dtype f64 --lyapunov 2 --singular-values --renormalised");
  for (const char* key : {"lyapunov", "lyapunov_low", "lyapunov_high"}) {
    ASSERT_EQ(asked.at(key).size(), 2U);
    EXPECT_NEAR(asked.at(key)[1], std::log(0.9), 1e-13) << key;
  }
  EXPECT_NEAR(asked.at("lyapunov_theory").at("exponents")[1], std::log(0.9), 1e-15);
  ASSERT_EQ(asked.at("singular_values").size(), 7U);
  EXPECT_NEAR(asked.at("singular_values")[6], std::log(0.9), 1e-13);
  EXPECT_NEAR(asked.at("largest_singular_value").at("ln"), 30 * std::log(0.9), 1e-12);
  EXPECT_NEAR(asked.at("largest_singular_value").at("exponent"), std::log(0.9), 1e-13);
  EXPECT_NEAR(asked.at("renormalised").at("rate").at("low"), std::log(0.9), 1e-12);
  ASSERT_EQ(asked.at("renormalised").at("ln_norm").at("median").size(), 31U);
}

/// The rate where the format ran out: rounding W to the format moves it by some ε / 2.
TEST(GrowthCommand, RenormalisedWhereTheFormatRanOut) {
  const struct {
    const char* rho;
    const char* more;
    const char* verdict;
    double tolerance;
  } cases[] = {{"0.001", "--depth 40 --dtype f16", "underflowed", 1e-3},
               {"0.001", "--depth 40 --dtype f32", "underflowed", 1e-6},
               {"1000", "--depth 40 --dtype f32", "overflowed", 1e-6},
               {"0.001", "--depth 150 --dtype f64", "underflowed", 1e-12},
               {"1000", "--depth 150 --dtype f64", "overflowed", 1e-12}};
  for (const auto& c : cases) {
    const nlohmann::json row = linear_row(c.rho, c.more);
    EXPECT_EQ(row.at("verdict"), c.verdict) << c.more;
    const double rate = std::log(std::stod(c.rho));
    const double depth = row.at("depth");
    const nlohmann::json& renormalised = row.at("renormalised");
    EXPECT_NEAR(renormalised.at("rate").at("value"), rate, c.tolerance) << c.more;
    EXPECT_NEAR(renormalised.at("total").at("value"), rate * depth, depth * c.tolerance);
    EXPECT_NEAR(renormalised.at("ln_norm").at("median").back(), rate * depth, depth * c.tolerance);
  }
  EXPECT_TRUE(
      linear_row("1000", "--depth 40 --clip-value 1e-30 --dtype f32").at("renormalised").is_null());
}

TEST(GrowthCommand, WindowWhenAskedFor) {
  const std::string net = std::string(small) + "--activation relu --share off ";
  const std::string json = net + "--format json ";
  EXPECT_THAT(run(json).second, testing::Not(HasSubstr("window")));
  const auto row = nlohmann::json::parse(run(json + "--init gaussian:3 --window").second);
  const nlohmann::json& window = row.at("window");
  EXPECT_EQ(window.at("width"), window.at("high").get<double>() - window.at("low").get<double>());
  EXPECT_EQ(window.at("reason"), "");
  EXPECT_GT(window.at("theory").at("width"), 0);
  EXPECT_THAT(row.at("identity").get<std::string>(), HasSubstr("window=on"));
  // The gain that is given does not matter.
  const auto other = nlohmann::json::parse(run(json + "--init gaussian:1 --window").second);
  EXPECT_EQ(other.at("window"), window);
  EXPECT_THAT(run(net + "--window").second, HasSubstr("  window     gain "));
  const auto [status, csv] = run(net + "--window --format csv");
  EXPECT_EQ(status, 0);
  EXPECT_THAT(csv, AllOf(HasSubstr("law,law_exponent,"), HasSubstr("window_low_gain,")));
}

TEST(GrowthCommand, CsvHasALinePerDepth) {
  const auto [status, out] = run(std::string(small) + "--format csv");
  EXPECT_EQ(status, 0);
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 14);
  EXPECT_TRUE(out.starts_with("kind,name,provider,dtype,status,reason,depth,ln_norm_median,"));
}

TEST(GrowthCommand, PresetGivesWayToFlags) {
  const auto [status, out] =
      run("--preset irnn --init identity:0.5 --depth 20 --width 4 --provider reference --format "
          "json");
  EXPECT_EQ(status, 0);
  EXPECT_THAT(out, AllOf(HasSubstr("elman/relu"), HasSubstr("\"identity:0.5\""),
                         HasSubstr("\"constant:1\"")));
}

TEST(GrowthCommand, NpRnnIsAnIrnnWithAnotherW) {
  const auto [status, out] =
      run("--preset np-rnn --depth 5 --width 4 --provider reference --dtype f64 --format json");
  EXPECT_EQ(status, 0);
  EXPECT_THAT(out, AllOf(HasSubstr("elman/relu"), HasSubstr("\"init\":\"np\""),
                         HasSubstr("\"constant:1\"")));
}

TEST(GrowthCommand, AProviderThatCannotGivesItsRowAndExitStatusOne) {
  const auto [status, out] = run("--provider cudnn --format json");
  EXPECT_EQ(status, 1);
  EXPECT_THAT(out, HasSubstr("\"status\":\"unsupported\""));
}

TEST(GrowthCommand, UnknownProviderIsBadInput) {
  EXPECT_THROW(run("--provider nope"), std::invalid_argument);
  EXPECT_THROW(run("--depth x"), std::invalid_argument);
  EXPECT_THROW(run("--net additive --provider reference"), std::invalid_argument);
  EXPECT_THROW(run("--activation relu --init he --h0 fixed-point --provider reference"),
               std::invalid_argument);
}

}  // namespace
}  // namespace gradepth
