#include "bench/timing/results.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

namespace gradepth {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ResultsTest : public testing::Test {
 protected:
  ResultsTest() {
    std::string name = testing::TempDir() + "gradepth_XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~ResultsTest() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string content() const {
    std::ifstream file(folder_ / "results.jsonl");
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void put(const std::string& text) const { std::ofstream(folder_ / "results.jsonl") << text; }

  fs::path folder_;
};

Row row(const std::string& identity, const char* status = "ok", int value = 1) {
  return {{"kind", "growth"}, {"status", status}, {"identity", identity}, {"value", value}};
}

TEST_F(ResultsTest, KeepsTheRowsThatAreThere) {
  Results(folder_).write(row("a"));
  const std::string before = content();
  {
    Results again(folder_);
    ASSERT_NE(again.find("a"), nullptr);
    EXPECT_EQ(*again.find("a"), row("a"));
    EXPECT_EQ(again.find("b"), nullptr);
    again.write(row("b"));
  }
  EXPECT_TRUE(content().starts_with(before));
  EXPECT_EQ(Results(folder_).earlier().size(), 2U);
}

TEST_F(ResultsTest, WhatFailedIsMeasuredAgainAndTheLaterRowCounts) {
  {
    Results first(folder_);
    first.write(row("a", "error"));
    first.write(row("b", "incorrect"));
    first.write(row("c", "unsupported"));
  }
  {
    Results second(folder_);
    EXPECT_EQ(second.find("a"), nullptr);
    EXPECT_EQ(second.find("b"), nullptr);
    EXPECT_NE(second.find("c"), nullptr);
    second.write(row("a", "ok", 2));
  }
  const Results third(folder_);
  ASSERT_NE(third.find("a"), nullptr);
  EXPECT_EQ((*third.find("a"))["value"], 2);
}

TEST_F(ResultsTest, RowsOfSchema0AreNeverFound) {
  put(R"({"kind":"growth","status":"ok"})"
      "\n");
  const Results results(folder_);
  EXPECT_EQ(results.earlier().size(), 1U);
  EXPECT_EQ(results.without_identity(), 1U);
  EXPECT_EQ(results.find(""), nullptr);
}

TEST_F(ResultsTest, CutsOffALineThatAKilledRunLeft) {
  const std::string whole = row("a").dump() + '\n';
  put(whole + R"({"kind":"gro)");
  { const Results results(folder_); }
  EXPECT_EQ(content(), whole);
  put("no row\n");
  EXPECT_THROW(Results{folder_}, std::runtime_error);
  EXPECT_EQ(content(), "no row\n");
}

TEST_F(ResultsTest, OneProcessAtATime) {
  Results first(folder_);
  first.write(row("a"));
  const std::string before = content();
  try {
    const Results second(folder_);
    FAIL() << "two at a time";
  } catch (const std::invalid_argument& refusal) {
    EXPECT_THAT(refusal.what(), testing::AllOf(HasSubstr("--out"), HasSubstr(folder_.string()),
                                               HasSubstr("another run")));
  }
  EXPECT_EQ(content(), before);
}

TEST_F(ResultsTest, TheLockGoesWithTheProcess) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Results results(folder_);
    results.write(row("a"));
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_NE(Results(folder_).find("a"), nullptr);
}

TEST_F(ResultsTest, AFailedOpeningLeavesNoLock) {
  put("no row\n");
  EXPECT_THROW(Results{folder_}, std::runtime_error);
  put("");
  EXPECT_NO_THROW(Results{folder_});
}

}  // namespace
}  // namespace gradepth
