#include "host/train/knobs.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/train/row.h"
#include "host/train/train.h"
#include "tests/bench/temporary_file.h"
#include "tests/knobs/change.h"

namespace gradepth::train {
namespace {

/// A field more does not compile until its name stands here.
template <class Visit>
void for_each_field(TrainSpec& x, Visit visit) {
  auto& [task, net, init, input_scale, width, batch, epochs, steps, optimiser, learning_rate, clip,
         dtype, seed, data] = x;
  auto& [norm, value] = clip;
  (void)task;  // has one value
  (visit(net), visit(init), visit(input_scale), visit(width), visit(batch), visit(epochs),
   visit(steps), visit(optimiser), visit(learning_rate), visit(norm), visit(value), visit(dtype),
   visit(seed), visit(data));
}

TEST(TrainKnobs, EveryFieldOfARunBelongsToOne) {
  const TemporaryFile one("1,2\n");
  TrainSpec plain;
  plain.data = one.path();
  std::set<std::string> seen{row_identity(plain, "cpu").text()};
  const auto changed =
      each_field_changed(plain, [](TrainSpec& spec, auto visit) { for_each_field(spec, visit); });
  EXPECT_EQ(changed.size() + 1, train_knobs().orders().identity.size());
  for (std::size_t i = 0; i < changed.size(); ++i) {
    EXPECT_TRUE(seen.insert(row_identity(changed[i], "cpu").text()).second) << "field " << i;
  }
}

/// By the numbers, wherever they are.
TEST(TrainKnobs, DataCountsByItsChecksum) {
  const TemporaryFile one("1,2\n");
  const TemporaryFile copy("1,2\n");
  const TemporaryFile other("1,3\n");
  const auto identity = [](const std::string& path) {
    TrainSpec spec;
    spec.data = path;
    return row_identity(spec, "cpu").text();
  };
  EXPECT_EQ(identity(one.path()), identity(copy.path()));
  EXPECT_NE(identity(one.path()), identity(other.path()));
  EXPECT_NE(identity(one.path()), identity(testing::TempDir() + "nosuchfile"));
  const TrainSpec plain;
  EXPECT_EQ(row_identity(with_defaults(plain), "cpu").text(), row_identity(plain, "cpu").text());
}

TEST(TrainKnobs, ARefusalNamesFlagValueAndWhatIsAllowed) {
  const auto refusal = [](const std::string& flag, const std::string& value) {
    try {
      TrainSpec spec;
      const auto& knob = train_knobs().at(flag);
      knob.named([&] { knob.parse(spec, value); });
      validate(spec);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  const std::vector<std::pair<std::string, std::string>> cases{
      {"--task", "copy: one of digits"},
      {"--net", "gru: one of elman-tanh, irnn or lstm"},
      {"--init", "he: one of orthogonal or gaussian"},
      {"--optimiser", "lbfgs: one of adam or sgd"},
      {"--width", "4097: a whole number from 1 to 4096"},
      {"--batch", "0: a whole number from 1 to 1000000"},
      {"--epochs", "-1: a whole number from 1 to 1000000"},
      {"--steps", "0: a whole number from 1 to 1000000000"},
      {"--learning-rate", "-0.5: a finite number, 0 or above"},
      {"--input-scale", "-1: a finite number, 0 or above"},
      {"--clip-norm", "-1: a finite number, 0 or above"},
      {"--clip-value", "-1e-300: a finite number, 0 or above"}};
  for (const auto& [flag, said] : cases) {
    EXPECT_EQ(refusal(flag, said.substr(0, said.find(':'))), (flag + ' ').append(said));
  }
  EXPECT_EQ(refusal("--steps", "3"), "nothing");
}

/// Every one is a flag of `train`: its text reads back as the same setting.
TEST(TrainKnobs, WhatAFlagSaysIsWhatTheKnobSays) {
  const KnobTable<TrainSpec>& table = train_knobs();
  TrainSpec spec;
  spec.net = "lstm";
  spec.init = Start::gaussian;
  spec.input_scale = 0.1;
  spec.width = 3;
  spec.steps = 7;
  spec.optimiser = Method::sgd;
  spec.learning_rate = 1e-3;
  spec.clip = {0.3, 0.7};
  spec.dtype = Dtype::bf16;
  spec.seed = 18446744073709551615U;
  TrainSpec again;
  for (const auto& knob : table) {
    if (const std::string text = knob.text(spec); !text.empty()) knob.parse(again, text);
  }
  EXPECT_EQ(table.identity(again).text(), table.identity(spec).text());
}

}  // namespace
}  // namespace gradepth::train
