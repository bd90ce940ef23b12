#include "bench/tables/table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

namespace gradepth {
namespace {

TEST(Table, AlignsNumbersRightAndTextLeft) {
  Table table({"net", "rate"});
  table.add({"mlp", "-0.5"});
  table.add({"residual", "12"});
  std::ostringstream out;
  table.print(out);
  EXPECT_EQ(out.str(), "net       rate\nmlp       -0.5\nresidual    12\n");
  EXPECT_THROW(table.add({"one cell"}), std::invalid_argument);
}

TEST(Table, SignificantDigits) {
  EXPECT_EQ(significant(0.012345), "0.0123");
  EXPECT_EQ(significant(1234.5), "1234");
  EXPECT_EQ(significant(9.999), "10.00");
  EXPECT_EQ(significant(-2.5e-7), "-2.50e-07");
  EXPECT_EQ(significant(0), "0");
  EXPECT_EQ(significant(NAN), "-");
  EXPECT_EQ(significant(INFINITY), "inf");
}

}  // namespace
}  // namespace gradepth
