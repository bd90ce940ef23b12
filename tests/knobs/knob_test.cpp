#include "host/knobs/knob.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "host/knobs/field.h"

namespace gradepth {
namespace {

using testing::ElementsAre;

struct Toy {
  std::string net = "a";
  double old = 1;
  std::int64_t young = 0;
  bool fresh = false;
};

KnobTable<Toy> toy_knobs() {
  return KnobTable<Toy>(
      {field_knob<Toy>(
           "--net", Names({"a", "b"}), "", [](auto& s) -> auto& { return s.net; }),
       field_knob<Toy>("--young", {}, "", [](auto& s) -> auto& { return s.young; },
                       {.applies = [](const Toy& s) { return s.net == "b"; },
                        .tag = [](const Toy& s) { return s.young == 0 ? "" : "young"; },
                        .sweep = {"young", [](Toy& s, double x) { s.young = std::llround(x); }}}),
       field_knob<Toy>(
           "--is-fresh", {}, "", [](auto& s) -> auto& { return s.fresh; }),
       field_knob<Toy>("--old", {}, "", [](auto& s) -> auto& { return s.old; },
                       {.sweep = {"old", [](Toy& s, double x) { s.old = x; }}})},
      {.identity = {"old", "net"}, .setting = {"old"}, .name = {}, .sweep = {"old"}});
}

/// Rows from before a knob answer what they answered, until it is turned.
TEST(Knob, AYoungOneIsSaidWhereItIsTurned) {
  const KnobTable<Toy> table = toy_knobs();
  EXPECT_EQ(table.identity({}).text(), "old=1 net=a");
  EXPECT_EQ(table.setting({}).dump(), R"({"old":1.0,"net":"a"})");
  const Toy turned{.net = "b", .old = 2, .young = 3, .fresh = true};
  EXPECT_EQ(table.identity(turned).text(), "old=2 net=b young=3 is_fresh=on");
  EXPECT_EQ(table.setting(turned).dump(), R"({"old":2.0,"net":"b","young":3,"is_fresh":"on"})");
  EXPECT_EQ(table.tags(turned), "young");
  EXPECT_EQ(table.tags({}), "");
  EXPECT_THAT(table.sweep_keys(), ElementsAre("old", "young"));
  EXPECT_EQ(table.without_effect(table.at("--young"), Toy{}),
            "only for b; it changes nothing about a");
  // Not in the setting of a net that it says nothing about.
  EXPECT_EQ(table.setting({.young = 3}).dump(), R"({"old":1.0,"net":"a"})");
  EXPECT_THROW((void)table.at("--none"), std::logic_error);
}

TEST(Knob, NumbersAreDecimal) {
  const KnobTable<Toy> table = toy_knobs();
  Toy toy;
  for (const char* bad : {"", "1e3", "0x3", "3.5", "9223372036854775808"}) {
    EXPECT_THROW(table.at("--young").parse(toy, bad), Refused) << bad;
  }
  for (const char* bad : {"", "nan", "inf", "1e400", "0x3", "1,5"}) {
    EXPECT_THROW(table.at("--old").parse(toy, bad), Refused) << bad;
  }
  table.at("--young").parse(toy, "010");
  EXPECT_EQ(toy.young, 10);
}

}  // namespace
}  // namespace gradepth
