#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

#include "host/draw/train_random.h"
#include "host/train/digits.h"
#include "tests/bench/temporary_file.h"

namespace gradepth::train {
namespace {

const std::string shipped = std::string(GRADEPTH_SOURCE_DIR) + "/bench/data/digits.csv";

std::string row(int pixel, int label, int pixels = 64) {
  std::string text;
  for (int i = 0; i < pixels; ++i) text += std::to_string(pixel) + ",";
  return text + std::to_string(label) + "\n";
}

std::string rows(int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += row(i % 17, i % 10);
  return text;
}

/// The message with which the text is refused; it must be one line that names the file.
std::string refusal(const std::string& text) {
  const TemporaryFile file(text);
  try {
    read_digits(file.path());
  } catch (const std::invalid_argument& error) {
    std::string message = error.what();
    EXPECT_NE(message.find(file.path()), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    return message;
  }
  ADD_FAILURE() << "the file was taken";
  return {};
}

TEST(Digits, ShippedFileIsWhole) {
  const Sequences digits = read_digits(shipped);
  EXPECT_EQ(digits.size(), 1797U);
  EXPECT_EQ(digits.T, 64);
  EXPECT_EQ(digits.I, 1);
  EXPECT_EQ(digits.classes, 10);
  ASSERT_EQ(digits.x.size(), 1797U * 64U);
  EXPECT_EQ(*std::min_element(digits.x.begin(), digits.x.end()), 0.0);
  EXPECT_EQ(*std::max_element(digits.x.begin(), digits.x.end()), 1.0);
  // The first image, a 0: its first row is 0 0 5 13 9 1 0 0.
  EXPECT_EQ(digits.labels[0], 0);
  EXPECT_EQ(digits.x[2], 5 / 16.0);
  EXPECT_EQ(digits.x[3], 13 / 16.0);
  // How many of each class, as the data set's description lists them.
  const std::vector<std::ptrdiff_t> counts{178, 182, 177, 183, 181, 182, 181, 179, 174, 180};
  for (int label = 0; label < 10; ++label) {
    EXPECT_EQ(std::count(digits.labels.begin(), digits.labels.end(), label),
              counts[static_cast<std::size_t>(label)]);
  }
}

TEST(Digits, SplitIsFixedAndCoversEveryImageOnce) {
  Sequences numbered{1, 1, 1000, std::vector<double>(1797), std::vector<int>(1797)};
  std::iota(numbered.labels.begin(), numbered.labels.end(), 0);
  std::iota(numbered.x.begin(), numbered.x.end(), 0.0);
  const Split a = split(numbered);
  EXPECT_EQ(a.train.size(), 1437U);
  EXPECT_EQ(a.test.size(), 360U);
  std::set<int> all(a.train.labels.begin(), a.train.labels.end());
  all.insert(a.test.labels.begin(), a.test.labels.end());
  EXPECT_EQ(all.size(), 1797U);
  EXPECT_EQ(a.test.x[7], a.test.labels[7]);
  EXPECT_EQ(split(numbered).test.labels, a.test.labels);
}

TEST(Digits, StepsFirstTurnsTheBatch) {
  const Sequences two{3, 1, 2, {1, 2, 3, 4, 5, 6}, {0, 1}};
  const std::vector<std::size_t> order{1, 0};
  const Tensor x = steps_first(two, order);
  EXPECT_EQ(x.shape, (Shape{3, 2, 1}));
  EXPECT_EQ(x.data, (std::vector<double>{4, 1, 5, 2, 6, 3}));
}

TEST(Digits, TakesAGoodFileWithEmptyLinesAndCarriageReturns) {
  std::string text = rows(100) + "\n";
  text.insert(text.find('\n'), "\r");
  const TemporaryFile file(text);
  EXPECT_EQ(read_digits(file.path()).size(), 100U);
}

TEST(Digits, RefusesBadFiles) {
  EXPECT_NE(refusal("").find("at least 100"), std::string::npos);
  EXPECT_NE(refusal(rows(99)).find("at least 100"), std::string::npos);
  EXPECT_NE(refusal(rows(5) + row(17, 1)).find("line 6 column 1"), std::string::npos);
  EXPECT_NE(refusal(row(-1, 1)).find("0 to 16"), std::string::npos);
  EXPECT_NE(refusal(row(1, 10)).find("line 1 column 65"), std::string::npos);
  EXPECT_NE(refusal(row(1, 1, 63)).find("column 65"), std::string::npos);
  EXPECT_NE(refusal(row(1, 1, 65)).find("65 columns"), std::string::npos);
  EXPECT_NE(refusal("1,2,x\n").find("column 3"), std::string::npos);
  EXPECT_NE(refusal("99999999999999999999\n").find("column 1"), std::string::npos);
  EXPECT_NE(refusal(std::string(100, '\xff')).find("column 1"), std::string::npos);
  EXPECT_NE(refusal(std::string(100000, '1')).find("too long"), std::string::npos);
  EXPECT_NE(refusal(std::string("1,\0", 3)).find("column 2"), std::string::npos);
  EXPECT_NE(refusal(row(1, 1) + std::string(row(1, 1)).insert(row(1, 1).size() - 1, 1, '\0'))
                .find("line 2 column 65"),
            std::string::npos);
  EXPECT_THROW(read_digits("/nowhere/digits.csv"), std::invalid_argument);
  EXPECT_THROW(read_digits(testing::TempDir()), std::invalid_argument);  // a folder
  EXPECT_THROW(read_digits("/dev/zero"), std::invalid_argument);         // it would never end
}

TEST(Permutation, HasEveryNumberOnceAndDependsOnSeedAndRound) {
  const auto order = permutation(1000, 1, Stream::epoch, 0);
  EXPECT_EQ(std::set<std::size_t>(order.begin(), order.end()).size(), 1000U);
  EXPECT_EQ(*std::max_element(order.begin(), order.end()), 999U);
  EXPECT_EQ(order, permutation(1000, 1, Stream::epoch, 0));
  EXPECT_NE(order, permutation(1000, 1, Stream::epoch, 1));
  EXPECT_NE(order, permutation(1000, 2, Stream::epoch, 0));
  EXPECT_NE(order, permutation(1000, 1, Stream::split, 0));
  EXPECT_TRUE(permutation(0, 1, Stream::epoch).empty());
}

}  // namespace
}  // namespace gradepth::train
