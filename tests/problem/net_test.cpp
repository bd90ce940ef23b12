#include "host/problem/net.h"

#include <gtest/gtest.h>

#include <string>
#include <type_traits>

namespace gradepth {
namespace {

// A literal is looked up when it is compiled; other text has to be found.
static_assert(!std::is_constructible_v<RecurrentCell, std::string>);
static_assert(!std::is_constructible_v<Net, std::string>);
static_assert(RecurrentCell::find("lstm") == RecurrentCell("lstm"));
static_assert(!RecurrentCell::find("rnn") && !RecurrentCell::find("") && !Net::find("LSTM"));
static_assert(RecurrentCell("gru")->gates == 3 && RecurrentCell("gru") != "lstm");

TEST(Net, EveryNameIsThatOfItsNet) {
  for (const std::string& name : Net::names()) {
    const Net net = Net::find(name).value();
    EXPECT_EQ(net.name(), name);
    EXPECT_NE(net.layers() == nullptr, net.cell() == nullptr) << name;
  }
  EXPECT_EQ(Net::names().size(), layer_net_names.size() + all_cells.size());
  EXPECT_EQ(*Net("cnn").layers(), LayerNet::cnn);
  EXPECT_EQ(Net(RecurrentCell("additive")), Net("additive"));
  EXPECT_NE(Net("mlp"), Net("elman"));
}

}  // namespace
}  // namespace gradepth
