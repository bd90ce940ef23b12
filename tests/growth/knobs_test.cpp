#include "host/growth/knobs/knobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "host/growth/studies/sweep.h"
#include "host/growth/study/row.h"
#include "kernels/cell/cells.h"
#include "tests/knobs/change.h"

namespace gradepth::growth {
namespace {

/// A field more does not compile until its name stands in one of these lines.
template <class Visit>
void for_each_field(WeightInit& x, Visit visit) {
  auto& [kind, scale, matrix] = x;
  (visit(kind), visit(scale), visit(matrix));
}
template <class Visit>
void for_each_field(ValueInit& x, Visit visit) {
  auto& [kind, scale] = x;
  (visit(kind), visit(scale));
}
template <class Visit>
void for_each_field(Initialisation& x, Visit visit) {
  auto& [W, weights, density, sparsity, bias, forget_bias, chrono, h0, c0, input, input_scale,
         input_until, loss, loss_on, loss_scale] = x;
  for_each_field(W, visit);
  for (ValueInit* value : {&bias, &h0, &c0}) for_each_field(*value, visit);
  (visit(weights), visit(density), visit(sparsity), visit(forget_bias), visit(chrono), visit(input),
   visit(input_scale), visit(input_until), visit(loss), visit(loss_on), visit(loss_scale));
}
template <class Visit>
void for_each_field(GrowthSpec& x, Visit visit) {
  auto& [net, activation, depth, width, batch, init, h0_fixed_point, share, residual,
         residual_scale, form, seeds, first_seed, half_width, max_seeds, clip_value, slope, dtype,
         lyapunov, singular_values, transient, renormalised, window] = x;
  auto& [terms] = form;
  for_each_field(init, visit);
  (visit(net), visit(activation), visit(depth), visit(width), visit(batch), visit(h0_fixed_point),
   visit(share), visit(residual), visit(residual_scale), visit(terms), visit(seeds),
   visit(first_seed), visit(half_width), visit(max_seeds), visit(clip_value), visit(slope),
   visit(dtype), visit(lyapunov), visit(singular_values), visit(transient), visit(renormalised),
   visit(window));
}

TEST(Knobs, EveryFieldOfAStudyBelongsToOne) {
  std::set<std::string> seen{row_identity({}, "cpu").text()};
  const auto changed = each_field_changed(
      GrowthSpec{}, [](GrowthSpec& spec, auto visit) { for_each_field(spec, visit); });
  EXPECT_GT(changed.size(), 30U);
  for (std::size_t i = 0; i < changed.size(); ++i) {
    EXPECT_TRUE(seen.insert(row_identity(changed[i], "cpu").text()).second) << "field " << i;
  }
}

TEST(Knobs, WhatAFlagSaysIsWhatTheKnobSays) {
  const KnobTable<GrowthSpec>& table = growth_knobs();
  const auto said = [&](const GrowthSpec& spec) {
    GrowthSpec again;
    for (const auto& knob : table) {
      if (knob.parse) knob.parse(again, knob.text(spec));
    }
    return table.identity(again).text();
  };
  EXPECT_EQ(said({}), table.identity({}).text());
  const std::vector<std::pair<const char*, const char*>> values{
      {"--net", "lstm"},
      {"--activation", "relu"},
      {"--depth", "7"},
      {"--width", "3"},
      {"--batch", "2"},
      {"--init", "orthogonal:0.9"},
      {"--bias", "gaussian:0.5"},
      {"--h0", "constant:2"},
      {"--input", "gaussian:0.25,until:3"},
      {"--forget-bias", "1.5"},
      {"--chrono", "100"},
      {"--loss-gradient", "ones"},
      {"--loss-on", "both"},
      {"--share", "on"},
      {"--density", "rows:0.1"},
      {"--residual", "scaled:0.3"},
      {"--form", "terms:3"},
      {"--seeds", "3"},
      {"--half-width", "0.01"},
      {"--max-seeds", "9"},
      {"--seed", "18446744073709551000"},
      {"--slope", "input"},
      {"--clip-value", "0.1"},
      {"--loss-scale", "8"},
      {"--lyapunov", "2"},
      {"--singular-values", "on"},
      {"--transient", "on"},
      {"--renormalised", "on"},
      {"--window", "on"},
      {"--dtype", "bf16"}};
  std::set<std::string> flags;
  for (const auto& [flag, value] : values) {
    GrowthSpec spec;
    table.at(flag).parse(spec, value);
    EXPECT_EQ(table.at(flag).text(spec), value) << flag;
    EXPECT_EQ(said(spec), table.identity(spec).text()) << flag;
    EXPECT_NE(said(spec), said({})) << flag;
    flags.insert(flag);
  }
  for (const auto& knob : table) {
    EXPECT_EQ(knob.parse != nullptr, flags.contains(knob.first_flag())) << knob.flag;
  }
}

/// The orders of names, settings and identities are older than the table: no key of theirs is gone.
TEST(Knobs, OldOrdersNameKnobsThatAre) {
  const KnobTable<GrowthSpec>& table = growth_knobs();
  const std::vector<std::string> words = table.identity({}).keys();
  EXPECT_EQ(words, table.orders().identity);
  std::vector<std::string> keys;
  for (const auto& knob : table) keys.push_back(knob.key());
  for (const std::string& key : table.orders().setting) {
    EXPECT_THAT(keys, testing::Contains(key));
  }
  for (const std::string& key : table.orders().name) EXPECT_THAT(keys, testing::Contains(key));
  EXPECT_EQ(std::set(table.orders().sweep.begin(), table.orders().sweep.end()).size(),
            table.orders().sweep.size());
  for (const std::string& key : table.orders().sweep) EXPECT_NE(table.find_swept(key), nullptr);
}

/// ROWS.md says which keys a row's `setting` may have.
TEST(Knobs, AreTheKeysThatTheDocumentLists) {
  std::ifstream file(std::filesystem::path(GRADEPTH_SOURCE_DIR) / "bench" / "ROWS.md");
  std::string listed;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| `setting`")) listed = line;
  }
  ASSERT_FALSE(listed.empty());
  listed = listed.substr(0, listed.find(';'));
  std::set<std::string> documented;
  const std::regex key("`([a-z_0-9]+)`");
  for (std::sregex_iterator at(listed.begin(), listed.end(), key), end; at != end; ++at) {
    documented.insert((*at)[1]);
  }
  documented.erase("setting");
  std::set<std::string> known;
  for (const auto& knob : growth_knobs()) {
    if (knob.rules.in_setting != Shown::never) known.insert(knob.key());
  }
  EXPECT_EQ(documented, known);
}

TEST(Knobs, SayForWhichNetsTheyAre) {
  const auto nets = [](const char* flag) {
    return growth_knobs().nets_of(growth_knobs().at(flag));
  };
  EXPECT_EQ(nets("--forget-bias"), "lstm, gru");
  EXPECT_EQ(nets("--input"), names_of(gate_cells));
  EXPECT_EQ(nets("--bias"), "mlp, cnn, residual, " + names_of(gate_cells));
  EXPECT_EQ(nets("--form"), "additive");
  EXPECT_EQ(nets("--depth"), "mlp, cnn, residual, " + names_of(all_cells));
}

}  // namespace
}  // namespace gradepth::growth
