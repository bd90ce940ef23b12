#include "bench/cli/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "host/growth/knobs/knobs.h"

namespace gradepth {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// What a flag of `growth` takes.
const Names& names_of(const char* flag) { return *growth::growth_knobs().at(flag).names; }

TEST(Names, CaseHyphensAndUnderscoresDoNotMatter) {
  const Names& activations = activation_flag_names();
  for (const char* text : {"leaky_relu", "LeakyReLU", "leaky-relu", "LEAKYRELU"}) {
    EXPECT_EQ(activations.find(text), "leaky_relu") << text;
  }
  EXPECT_EQ(activations.find("Tanh"), "tanh");
  EXPECT_EQ(activations.find("Hardtanh"), "hard_tanh");
  EXPECT_EQ(names_of("--net").find("LSTM"), "lstm");
  EXPECT_EQ(recurrent_preset_names().find("NP-RNN"), "np-rnn");
  EXPECT_EQ(names_of("--h0").find("fixed_point"), "fixed-point");
  EXPECT_EQ(names_of("--form").find("TwoTerm"), "two-term");
}

TEST(Names, WhatPeopleCallThem) {
  const struct {
    const Names& names;
    std::string name;
    std::vector<const char*> texts;
  } cases[] = {
      {dtype_names(), "f64", {"f64", "float64", "fp64", "double", "Float64"}},
      {dtype_names(), "f32", {"f32", "float32", "fp32", "single", "FP32"}},
      {dtype_names(), "f16", {"f16", "float16", "fp16", "half"}},
      {dtype_names(), "bf16", {"bf16", "bfloat16", "BFloat16"}},
      {activation_flag_names(), "silu", {"silu", "SiLU", "swish", "Swish"}},
      {activation_flag_names(), "identity", {"linear"}},
      {activation_flag_names(), "sigmoid", {"logistic"}},
      {names_of("--init"), "he", {"he", "He", "kaiming", "kaiming_normal", "kaiming_normal_"}},
      {names_of("--init"), "xavier", {"glorot", "Xavier", "xavier_normal", "glorot_normal"}},
      {names_of("--init"), "orthogonal:1", {"orthogonal", "orthogonal:1", "Orthogonal"}},
      {names_of("--init"), "identity:1", {"identity"}},
      {names_of("--init"), "gaussian:1", {"gaussian"}},
      {names_of("--bias"), "gaussian:1", {"gaussian"}},
      {names_of("--h0"), "gaussian:1", {"gaussian"}},
      {names_of("--input"), "gaussian:1", {"gaussian"}},
      {names_of("--residual"), "preact", {"pre-act", "pre-activation"}},
  };
  for (const auto& c : cases) {
    for (const char* text : c.texts) EXPECT_EQ(c.names.canonical("--flag", text), c.name) << text;
  }
  EXPECT_EQ(names_of("--init").find("Gaussian:1.50"), "gaussian:1.50");
  EXPECT_EQ(names_of("--init").find("FILE:Some-Path_x"), "file:Some-Path_x");
  EXPECT_FALSE(dtype_names().find("float"));  // f32 in PyTorch, f64 in NumPy
  EXPECT_FALSE(names_of("--init").find("kaiming_uniform"));
  EXPECT_FALSE(names_of("--init").find("he:2"));
  EXPECT_FALSE(names_of("--bias").find("constant"));
  EXPECT_FALSE(dtype_names().find(""));
}

std::string complaint(const Names& names, std::string_view text) {
  try {
    return names.canonical("--flag", text);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
}

TEST(Names, ARefusalNamesFlagValueWhatIsAllowedAndWhatIsNear) {
  EXPECT_EQ(complaint(names_of("--share"), "maybe"), "--flag maybe: one of on, off");
  EXPECT_THAT(complaint(activation_flag_names(), "tahn"),
              AllOf(HasSubstr("--flag tahn: one of "), HasSubstr("did you mean tanh?")));
  EXPECT_THAT(complaint(activation_flag_names(), "leaky"), HasSubstr("did you mean leaky_relu?"));
  EXPECT_THAT(complaint(activation_flag_names(), "swihs"), HasSubstr("did you mean swish?"));
  EXPECT_THAT(complaint(names_of("--net"), "lstmm"), HasSubstr("did you mean lstm?"));
  EXPECT_THAT(complaint(names_of("--net"), "transformer"), Not(HasSubstr("did you mean")));
  EXPECT_THAT(complaint(dtype_names(), "flaot32"), HasSubstr("did you mean float32?"));
  EXPECT_THAT(complaint(names_of("--init"), "orthogonl:2"), HasSubstr("mean orthogonal:S?"));
  EXPECT_THAT(complaint(names_of("--net"), ""), HasSubstr("one of mlp"));
}

TEST(Names, Nearest) {
  const std::vector<std::string> flags{"--depth", "--width", "--seed", "--seeds", "--lyapunov"};
  EXPECT_EQ(nearest("--dept", flags), "--depth");
  EXPECT_EQ(nearest("--widht", flags), "--width");
  EXPECT_EQ(nearest("--lya", flags), "--lyapunov");  // the only one that begins so
  EXPECT_EQ(nearest("--batch", flags), std::nullopt);
  EXPECT_EQ(nearest("x", flags), std::nullopt);
  EXPECT_EQ(did_you_mean("--dpeth", flags), "; did you mean --depth?");
  EXPECT_EQ(did_you_mean("--colour", flags), "");
}

}  // namespace
}  // namespace gradepth
