#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "bench/rows/csv.h"
#include "bench/rows/origin.h"

namespace gradepth {
namespace {

using testing::HasSubstr;

std::string csv(const std::vector<Column>& columns, const std::vector<Row>& rows) {
  std::ostringstream out;
  print_csv(out, columns, rows);
  return out.str();
}

TEST(Csv, WritesNumbersThatReadBackTheSameAndNothingForNull) {
  const std::vector<Column> columns{{"time_ms", "/ms"}, {"low", "/rate/low"}, {"n", "/n"}};
  const double third = 1.0 / 3;
  const std::string text =
      csv(columns, {Row{{"ms", third}, {"rate", {{"low", -1e-300}}}, {"n", 12}},
                    Row{{"ms", nullptr}, {"rate", nullptr}}, Row::object()});
  EXPECT_EQ(text, "time_ms,low,n\n0.3333333333333333,-1e-300,12\n,,\n,,\n");
  EXPECT_EQ(std::stod(text.substr(text.find('\n') + 1)), third);
}

TEST(Csv, QuotesWhatRfc4180Quotes) {
  const std::vector<Column> columns{{"a,b", "/x"}};
  EXPECT_EQ(csv(columns, {Row{{"x", "say \"hi\""}}, Row{{"x", "1,5"}}, Row{{"x", "a\nb\r"}},
                          Row{{"x", " plain; 'x' "}}, Row{{"x", Row::array({1, 2})}}}),
            "\"a,b\"\n\"say \"\"hi\"\"\"\n\"1,5\"\n\"a\nb\r\"\n plain; 'x' \n\"[1,2]\"\n");
}

TEST(Csv, MendsTextThatIsNotUtf8) {
  EXPECT_EQ(csv({{"x", "/x"}}, {Row{{"x",
                                     "a\xff"
                                     "b"}}}),
            "x\na\xEF\xBF\xBD"
            "b\n");
}

TEST(Csv, CommonColumnsStandAroundTheKindsOwn) {
  const std::string header = csv(with_common_columns({{"rate", "/rate"}}), {});
  EXPECT_EQ(header,
            "kind,name,provider,dtype,status,reason,rate,identity,commit,compiler,flags,vector,"
            "threads,load,command,schema\n");
}

TEST(Origin, QuotesWordsAsAShellTakesThemApart) {
  EXPECT_EQ(shell_words({"gradepth", "growth", "--init", "gaussian:1.5"}),
            "gradepth growth --init gaussian:1.5");
  EXPECT_EQ(shell_words({"a b", "", "it's", "$x", "^f|g$"}), "'a b' '' 'it'\\''s' '$x' '^f|g$'");
}

TEST(Origin, IsAddedToARowThatDoesNotSayItItself) {
  Row row{{"kind", "meter"}, {"flags", "-O1"}};
  add_origin(row, {"AVX2", 3});
  EXPECT_EQ(row["flags"], "-O1");
  EXPECT_EQ(row["vector"], "AVX2");
  EXPECT_EQ(row["threads"], 3);
  EXPECT_EQ(row["schema"], 1);
  EXPECT_THAT(row["command"].get<std::string>(), HasSubstr("gradepth_tests"));
  EXPECT_THAT(row["compiler"].get<std::string>(),
              testing::AnyOf(HasSubstr("gcc "), HasSubstr("clang ")));
  EXPECT_THAT(row["commit"].get<std::string>(),
              testing::MatchesRegex("unknown|[0-9a-f]{40}(-dirty)?"));
  Row plain{{"kind", "growth"}};
  add_origin(plain, {"AVX2", 3});
  EXPECT_THAT(plain["flags"].get<std::string>(), HasSubstr("-std=c++20"));
  for (const char* key : origin_keys) EXPECT_TRUE(plain.contains(key)) << key;
}

}  // namespace
}  // namespace gradepth
