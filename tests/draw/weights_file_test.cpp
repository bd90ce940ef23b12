// Files of weights: what PyTorch and NumPy write is read exactly; whatever else is refused in one
// line, without reading what is not there.

#include "host/draw/weights_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <random>
#include <stdexcept>

#include "tests/draw/weights_files.h"

namespace gradepth {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

using Numbers = std::vector<double>;

/// What is said against a file, or "" if all of it can be read. Other exceptions end the test.
std::string refusal(const std::string& path) {
  try {
    const std::unique_ptr<WeightsFile> file = open_weights_file(path);
    for (const auto& [name, entry] : file->entries()) {
      const Tensor tensor = file->read(name);
      EXPECT_EQ(tensor.shape, entry.shape);
      EXPECT_EQ(tensor.data.size(), static_cast<std::size_t>(checked_count(entry.shape)));
    }
    return "";
  } catch (const std::invalid_argument& error) {
    std::string message = error.what();
    EXPECT_FALSE(message.empty());
    for (const char c : message) EXPECT_TRUE(c >= ' ' && c <= '~') << message;
    return message;
  }
}

std::string refusal_of(const std::string& bytes) {
  const TemporaryFile file(bytes);
  return refusal(file.path());
}

// ---- what is read
// --------------------------------------------------------------------------------

TEST(WeightsFile, ReadsEveryFloatOfSafetensors) {
  const std::string header = R"({"__metadata__":{"format":"pt"},)"
                             R"("d":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
                             R"("f":{"dtype":"F32","shape":[2],"data_offsets":[8,16]},)"
                             R"("h":{"dtype":"F16","shape":[3],"data_offsets":[16,22]},)"
                             R"("b":{"dtype":"BF16","shape":[1,3],"data_offsets":[22,28]},)"
                             R"("none":{"dtype":"F32","shape":[0,4],"data_offsets":[28,28]},)"
                             R"("one":{"dtype":"F32","shape":[],"data_offsets":[28,32]}}  )";
  const std::string data =
      "\0\0\0\0\0\0\xf8\x3f"s      // 1.5
      "\0\0\x80\xbf\0\0\x80\x7f"s  // -1, infinity
      "\0\x3c\0\xc0\x01\0"s        // 1, -2, 2^-24
      "\x80\x3f\x20\xc0\xc0\x7f"s  // 1, -2.5, NaN
      "\xdb\x0f\x49\x40"s;         // float pi
  const TemporaryFile file(safetensors(header, data));
  const std::unique_ptr<WeightsFile> weights = open_weights_file(file.path());
  EXPECT_EQ(weights->entries().size(), 6U);
  EXPECT_EQ(weights->read("d").data, Numbers{1.5});
  EXPECT_EQ(weights->read("f").data, (Numbers{-1, INFINITY}));
  EXPECT_EQ(weights->read("h").data, (Numbers{1, -2, 0x1p-24}));
  const Tensor b = weights->read("b");
  EXPECT_EQ(b.shape, (Shape{1, 3}));
  EXPECT_EQ(b.data[1], -2.5);
  EXPECT_TRUE(std::isnan(b.data[2]));
  EXPECT_EQ(weights->read("none").size(), 0U);
  EXPECT_EQ(weights->read("one").data, Numbers{0x1.921fb6p1});
}

TEST(WeightsFile, ReadsNpzOfAnyByteOrderAndLayout) {
  // make_weights.py: arange(25) / 64 as big-endian float64 in Fortran order.
  const std::unique_ptr<WeightsFile> foreign = open_weights_file(golden_weights("foreign.npz"));
  const Tensor W = foreign->read("weight_hh_l0");
  EXPECT_EQ(W.shape, (Shape{5, 5}));
  for (std::size_t i = 0; i < W.size(); ++i) EXPECT_EQ(W.data[i], static_cast<double>(i) / 64);
  EXPECT_THROW((void)foreign->read("weight_hh_l1"), std::invalid_argument);  // a structured type
}

TEST(WeightsFile, TheTwoFormatsAgreeOnWhatPyTorchSaved) {
  for (const char* file : {"rnn_tanh.safetensors", "rnn_relu.npz", "lstm.npz", "gru_f16.npz",
                           "gru_bf16.safetensors", "lstm_no_bias.safetensors"}) {
    EXPECT_EQ(refusal(golden_weights(file)), "") << file;
  }
  EXPECT_THAT(refusal(golden_weights("model.safetensors")), HasSubstr("I64"));  // the step counter
}

// ---- what is refused
// -----------------------------------------------------------------------------

TEST(WeightsFile, RefusesWhatIsNoRegularFile) {
  EXPECT_THAT(refusal("/nowhere/at all"), HasSubstr("no such file"));
  EXPECT_THAT(refusal(""), HasSubstr("no such file"));
  EXPECT_THAT(refusal(testing::TempDir()), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal("/dev/zero"), HasSubstr("not a regular file"));
  const TemporaryFile pipe;
  ASSERT_EQ(mkfifo(pipe.path().c_str(), 0600), 0);
  EXPECT_THAT(refusal(pipe.path()), HasSubstr("not a regular file"));
}

TEST(WeightsFile, RefusesEveryPrefix) {
  for (const char* name : {"rnn_tanh.safetensors", "rnn_relu.npz", "lstm.npz"}) {
    const std::string whole = contents(golden_weights(name));
    ASSERT_EQ(refusal_of(whole), "") << name;
    for (std::size_t n = 0; n < whole.size(); ++n) {
      ASSERT_NE(refusal_of(whole.substr(0, n)), "") << name << " cut after " << n;
    }
  }
  EXPECT_THAT(refusal_of(contents(golden_weights("rnn_tanh.safetensors")) + '\0'),
              HasSubstr("more or fewer bytes"));
}

TEST(WeightsFile, RefusesLengthsOfAHeaderThatCannotBe) {
  const std::string rest(100, ' ');
  for (const std::uint64_t n : {std::uint64_t{101}, std::uint64_t{100'000'001},
                                std::uint64_t{1} << 63, ~std::uint64_t{0}, ~std::uint64_t{7}}) {
    EXPECT_THAT(refusal_of(length_bytes(n) + rest), HasSubstr("length of its header")) << n;
  }
  EXPECT_THAT(refusal_of(length_bytes(0)), HasSubstr("not JSON"));
}

/// What other files are, is said; but a header of 123 bytes makes a file start with '{' as well.
TEST(WeightsFile, SaysWhatElseAFileIs) {
  EXPECT_THAT(refusal_of(R"({"metadata": {"total_size": 8}, "weight_map": {}})"),
              HasSubstr("JSON"));
  EXPECT_THAT(refusal_of("\x93NUMPY\x01\0\x76\0{'descr': '<f4', }"s), HasSubstr(".npy"));
  std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  header.resize('{', ' ');
  EXPECT_EQ(refusal_of(safetensors(header, "12345678")), "");
}

/// A header with one tensor of 8 bytes of data.
std::string one(const std::string& entry) {
  return safetensors("{\"a\":" + entry + "}", "12345678");
}

TEST(WeightsFile, RefusesHeadersThatContradictTheData) {
  const std::string good = R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})";
  EXPECT_EQ(refusal_of(one(good)), "");
  const struct {
    const char* entry;
    const char* says;
  } cases[] = {
      {R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})", "ends before it begins"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", "bytes than its shape"},
      {R"({"dtype":"F32","shape":[1],"data_offsets":[0,4]})", "bytes than it has"},
      {R"({"dtype":"F32","shape":[3],"data_offsets":[0,12]})", "bytes than it has"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[4,12]})", "overlap or leave holes"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0,8,9]})", "lacks"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[-8,0]})", "no whole number"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0,8.0]})", "no whole number"},
      {R"({"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551616]})", "no whole number"},
      {R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})", "no whole number"},
      {R"({"dtype":"F32","shape":["2"],"data_offsets":[0,8]})", "no whole number"},
      {R"({"dtype":"F32","shape":2,"data_offsets":[0,8]})", "lacks"},
      {R"({"dtype":7,"shape":[2],"data_offsets":[0,8]})", "lacks"},
      {R"({"shape":[2],"data_offsets":[0,8]})", "lacks"},
      {"[]", "lacks"},
      {"null", "lacks"},
      // 2^31 * 2^31 * 2^2 wraps to 0, 2^62 * 4 bytes too, and 2^63 is negative as an int64.
      {R"({"dtype":"F32","shape":[2147483648,2147483648,4],"data_offsets":[0,0]})", "2^63"},
      {R"({"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]})", "bytes than"},
      {R"({"dtype":"F32","shape":[9223372036854775808],"data_offsets":[0,8]})", "2^63"},
      {R"({"dtype":"I64","shape":[1],"data_offsets":[0,8]})", "I64"},
      {R"({"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]})", "F8_E4M3"},
      {R"({"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]})", "twice"},
  };
  for (const auto& [entry, says] : cases) {
    EXPECT_THAT(refusal_of(one(entry)), HasSubstr(says)) << entry;
  }
  EXPECT_THAT(refusal_of(safetensors("{\"a\":" + good + ",\"a\":" + good + "}", "12345678")),
              HasSubstr("twice"));
  EXPECT_THAT(refusal_of(safetensors("{\"a\":" + good + ",\"b\":" + good + "}", "12345678")),
              HasSubstr("overlap"));
}

TEST(WeightsFile, RefusesHeadersThatAreNoJsonOrTooMuch) {
  for (const std::string header :
       {"", "{", "{]", "[1]", "\"a\"", "{\"a\":1e999}", "{\"\xff\":1}", "{'a':1}", "nan"}) {
    EXPECT_NE(refusal_of(safetensors(header, "")), "") << header;
  }
  EXPECT_EQ(refusal_of(safetensors("{}", "")), "");  // no tensors, but a file
  EXPECT_THAT(refusal_of(safetensors(std::string(1'000'000, '['), "")), HasSubstr("deeply"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_THAT(refusal_of(safetensors(objects, "")), HasSubstr("deeply"));
  std::string values = "{\"a\":[0";
  for (int i = 0; i < 2'000'001; ++i) values += ",0";
  EXPECT_THAT(refusal_of(safetensors(values + "]}", "")), HasSubstr("too much"));
}

TEST(WeightsFile, NamesOfTensorsCannotBreakTheLine) {
  // Newline, escape, NUL, delete, a character that turns the reading direction, one from beyond
  // ASCII; refusal() itself looks for what does not print.
  const std::string name = R"(a\n\u001b[2J\u0000\u007f\u202eü)";
  EXPECT_THAT(refusal_of(safetensors("{\"" + name + "\":1}", "")), HasSubstr("\\n\\u001b[2J"));
  std::string longest;
  longest.append(10'000'000, 'x');
  EXPECT_LT(refusal_of(safetensors("{\"" + longest + "\":1}", "")).size(), 200U);
  EXPECT_EQ(printable("a\xffz"), "\"a\\ufffdz\"");
  EXPECT_EQ(as_utf8("a\xffz"), "a\xef\xbf\xbdz");
}

/// `bytes` with `to` in place of each `from`, as long.
std::string replaced(std::string bytes, std::string_view from, std::string_view to) {
  EXPECT_EQ(from.size(), to.size());
  std::size_t count = 0;
  for (std::size_t at = 0; (at = bytes.find(from, at)) != std::string::npos; at += to.size()) {
    bytes.replace(at, to.size(), to);
    ++count;
  }
  EXPECT_GT(count, 0U) << from;
  return bytes;
}

TEST(WeightsFile, RefusesArraysThatAreNotPlainNumbers) {
  EXPECT_THAT(refusal(golden_weights("pickled.npz")), HasSubstr("|O"));
  EXPECT_THAT(refusal(golden_weights("pickled.pt")), HasSubstr("pickles"));
  EXPECT_THAT(refusal(golden_weights("foreign.npz")), HasSubstr("[('a', '<f4')"));
  const std::string relu = contents(golden_weights("rnn_relu.npz"));
  const struct {
    const char* from;
    const char* to;
    const char* says;
  } cases[] = {
      {"'<f4'", "'<i4'", "<i4"},
      {"'<f4'", "'|f4'", "|f4"},
      {"'<f4'", "'<f8'", "bytes than its shape"},
      {"(5, 5)", "(5, 4)", "bytes than its shape"},
      {"(5, 5)", "(5,-5)", "unlike NumPy's"},
      {"(5, 5)", "(5; 5)", "unlike NumPy's"},
      {"False", "Flase", "unlike NumPy's"},
      {"\x93NUMPY\x01", "\x93NUMPY\x04", "version"},
      {"\x93NUMPY\x01", "\x93NUMPX\x01", "version"},
      {"bias_hh_l0", "bias_ih_l0", "twice"},
  };
  for (const auto& [from, to, says] : cases) {
    EXPECT_THAT(refusal_of(replaced(relu, from, to)), HasSubstr(says)) << to;
  }
  // Keys in another order, and a size of Python 2: read up to the checksum, which no longer fits.
  for (const auto& [from, to] :
       {std::pair("{'descr': '<f4', 'fortran_order': False, 'shape': (5, 5), }",
                  "{'shape': (5, 5), 'fortran_order': False, 'descr': '<f4', }"),
        std::pair("(5, 5)", "(5L,5)")}) {
    EXPECT_THAT(refusal_of(replaced(relu, from, to)), HasSubstr("damaged")) << to;
  }
  EXPECT_THAT(refusal_of(replaced(relu, "'fortran_order': False", "'descr': '<f4'        ")),
              HasSubstr("unlike NumPy's"));
  // Python's True in place of False is as long with a space; the checksum then no longer fits.
  EXPECT_THAT(refusal_of(replaced(relu, "False", "True ")), HasSubstr("damaged"));
}

/// Sets the unpacked size of the only member, in the zip's directory and in the member's own
/// header.
std::string with_unpacked_size(std::string bytes, std::uint32_t size) {
  const std::string field = length_bytes(size).substr(0, 4);
  bytes.replace(bytes.rfind("PK\x01\x02") + 24, 4, field);
  bytes.replace(bytes.find("PK\x03\x04") + 22, 4, field);
  return bytes;
}

TEST(WeightsFile, UnpacksNoMoreThanTheShapeSays) {
  // make_weights.py: an array of 5 by 5 float32, and a million zeros behind it.
  const std::string bomb = contents(golden_weights("bomb.npz"));
  EXPECT_LT(bomb.size(), 2000U);
  EXPECT_THAT(refusal_of(bomb), HasSubstr("bytes than its shape"));
  EXPECT_NE(refusal_of(with_unpacked_size(bomb, 128 + 100)), "");
  EXPECT_NE(refusal_of(with_unpacked_size(bomb, 0)), "");
  EXPECT_NE(refusal_of(with_unpacked_size(bomb, 0xffffffffU)), "");
}

/// Damages a few bytes. Whatever comes of it, it is either read or refused in one line; the
/// sanitizers' builds see what else could happen.
TEST(WeightsFile, DamagedFilesAreReadOrRefused) {
  std::mt19937_64 random(1);
  for (const char* name : {"rnn_tanh.safetensors", "model.safetensors", "rnn_relu.npz", "lstm.npz",
                           "bomb.npz", "foreign.npz", "pickled.npz"}) {
    const std::string whole = contents(golden_weights(name));
    int refused = 0;
    for (int i = 0; i < 500; ++i) {
      std::string bytes = whole;
      for (std::uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
      if (!refusal_of(bytes).empty()) ++refused;
    }
    EXPECT_GT(refused, 50) << name;
  }
}

}  // namespace
}  // namespace gradepth
