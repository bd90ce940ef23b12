// growth --weights against PyTorch: files that PyTorch saved, and the gradients of its own modules
// (golden/make_weights.py).
//
// Tolerance: norms relative to the first agree within 512 ε of the number format. Each is the end
// of 9 maps forward and at most 9 back, each with sums of 5 products and a few functions of a few
// ε: fewer than 500 roundings of ε/2, and no differences of large numbers. That is 1.2e-13 in
// float64.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/cli/commands.h"
#include "host/draw/pytorch.h"
#include "host/growth/study/measure.h"
#include "host/growth/study/resolve.h"
#include "host/growth/theory/theory.h"
#include "tests/draw/weights_files.h"

namespace gradepth::growth {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

/// The row of `growth …`.
json row(std::vector<std::string> arguments) {
  CLI::App app;
  int exit_status = 0;
  add_growth_command(app, exit_status);
  arguments.insert(arguments.begin(), "growth");
  arguments.insert(arguments.end(), {"--format", "json"});
  std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes a vector
  testing::internal::CaptureStdout();
  try {
    app.parse(std::move(arguments));
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  EXPECT_EQ(exit_status, 0);
  return json::parse(testing::internal::GetCapturedStdout());
}

std::string complaint(std::vector<std::string> arguments) {
  try {
    (void)row(std::move(arguments));
    return "nothing";
  } catch (const std::invalid_argument& error) {
    std::string message = error.what();
    for (const char c : message) EXPECT_TRUE(c >= ' ' && c <= '~') << message;
    return message;
  }
}

/// What is said against a safetensors file of one layer.
std::string complaint_about(const std::string& bytes) {
  const TemporaryFile file(bytes);
  return complaint({"--weights", file.path(), "--provider", "reference"});
}

TEST(GrowthWeights, AgreeWithPyTorchsAutograd) {
  const json expected = json::parse(contents(golden_weights("expected.json")));
  std::size_t compared = 0;
  for (const json& c : expected.at("cases")) {
    const std::string mode = c.at("mode");
    std::vector<std::string> arguments{"--weights",
                                       golden_weights(c.at("file")),
                                       "--layer",
                                       c.at("layer"),
                                       "--depth",
                                       std::to_string(expected.at("T").get<int>()),
                                       "--seeds",
                                       "1",
                                       "--h0",
                                       "constant:0.5",
                                       "--loss-gradient",
                                       "ones"};
    if (mode == "LSTM") arguments.insert(arguments.end(), {"--loss-on", c.at("loss_on")});
    if (!c.at("module").get<std::string>().empty())
      arguments.insert(arguments.end(), {"--module", c.at("module")});
    if (mode == "RNN_RELU") arguments.insert(arguments.end(), {"--activation", "relu"});
    const auto norms = c.at("norms").get<std::vector<double>>();
    for (const auto& [provider, dtype] :
         {std::pair("reference", Dtype::f64), {"cpu", Dtype::f32}}) {
      std::vector<std::string> all = arguments;
      all.insert(all.end(), {"--provider", provider, "--dtype", std::string(name(dtype))});
      const auto ratio = row(all).at("ratio").get<std::vector<double>>();
      ASSERT_EQ(ratio.size(), norms.size());
      for (std::size_t d = 0; d < norms.size(); ++d) {
        const double golden = norms[d] / norms[0];
        ASSERT_NEAR(ratio[d], golden, 512 * format(dtype).epsilon * golden)
            << c.at("file") << ' ' << c.at("module") << " layer " << c.at("layer") << " depth "
            << d;
      }
      ++compared;
    }
  }
  EXPECT_EQ(compared, 64U);
}

/// The layers of that folder on inputs of their own (golden/make_inputs.py): norms of the kernels,
/// and of the Jacobians, which the renormalised pass goes through.
TEST(GrowthWeights, InputsGoThroughTheFilesOwnInputWeights) {
  const json expected = json::parse(contents(golden_weights("inputs_expected.json")));
  ASSERT_EQ(expected.at("cases").size(), 4U);
  for (const json& c : expected.at("cases")) {
    std::vector<std::string> arguments{"--weights",
                                       golden_weights(c.at("file")),
                                       "--inputs",
                                       golden_weights("inputs.npz"),
                                       "--h0",
                                       "constant:0.5",
                                       "--seeds",
                                       "1",
                                       "--loss-gradient",
                                       "ones",
                                       "--renormalised"};
    if (c.at("relu").get<bool>()) arguments.insert(arguments.end(), {"--activation", "relu"});
    if (c.at("file") == "lstm.npz") arguments.insert(arguments.end(), {"--loss-on", "h"});
    const auto norms = c.at("norms").get<std::vector<double>>();
    for (const auto& [provider, dtype] :
         {std::pair("reference", Dtype::f64), {"cpu", Dtype::f32}, {"simt", Dtype::f32}}) {
      std::vector<std::string> all = arguments;
      all.insert(all.end(), {"--provider", provider, "--dtype", std::string(name(dtype))});
      const json found = row(all);
      ASSERT_EQ(found.at("status"), "ok") << found.at("reason");
      EXPECT_EQ(found.at("depth"), 9);
      EXPECT_EQ(found.at("setting").at("batch"), 2);
      const auto by_kernel = found.at("ln_norm").at("median").get<std::vector<double>>();
      const auto by_jacobian =
          found.at("renormalised").at("ln_norm").at("median").get<std::vector<double>>();
      for (std::size_t d = 0; d < norms.size(); ++d) {
        const double golden = std::log(norms[d] / norms[0]);
        EXPECT_NEAR(by_kernel[d], golden, 512 * format(dtype).epsilon) << c.at("file") << d;
        EXPECT_NEAR(by_jacobian[d], golden, 512 * format(dtype).epsilon) << c.at("file") << d;
      }
    }
  }
}

TEST(GrowthWeights, RefusesInputsThatDoNotFit) {
  const std::string file = golden_weights("gru.safetensors");
  const std::string inputs = golden_weights("inputs.npz");
  const auto said = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"--weights", file});
    return complaint(std::move(more));
  };
  EXPECT_THAT(complaint({"--inputs", inputs}), HasSubstr("only with --weights"));
  EXPECT_THAT(said({"--inputs", inputs, "--depth", "12"}), HasSubstr("9 steps"));
  EXPECT_THAT(said({"--inputs", inputs, "--batch", "3"}), HasSubstr("a batch of 2"));
  EXPECT_THAT(said({"--inputs", inputs, "--input", "gaussian:1"}),
              HasSubstr("not beside --inputs"));
  EXPECT_THAT(said({"--inputs", inputs, "--layer", "1"}), HasSubstr("[T, B, 5]"));
  EXPECT_THAT(said({"--inputs", file}), HasSubstr("x [T, B, I]"));
  EXPECT_THAT(said({"--inputs", "/nowhere"}), HasSubstr("--inputs \"/nowhere\""));
}

TEST(GrowthWeights, TheRowSaysWhatWasRead) {
  const json of = row({"--weights", golden_weights("model.safetensors"), "--module",
                       "encoder.lstm.", "--layer", "01", "--provider", "reference"});
  EXPECT_THAT(of.at("name"), AllOf(HasSubstr("recurrent/lstm/"), HasSubstr("_H5"),
                                   HasSubstr("model.safetensors-")));
  const json& setting = of.at("setting");
  EXPECT_EQ(setting.at("net"), "lstm");
  EXPECT_EQ(setting.at("width"), 5);
  EXPECT_EQ(setting.at("init"), "file");
  EXPECT_EQ(setting.at("bias"), "file");
  EXPECT_EQ(setting.at("weights").at("file"), "model.safetensors");
  EXPECT_EQ(setting.at("weights").at("layer"), "encoder.lstm.weight_hh_l1");
  EXPECT_TRUE(of.at("theory").is_null());
}

TEST(GrowthWeights, ChecksumIsTheCrcOfTheNumbers) {
  RecurrentWeights weights;
  weights.Wh = Tensor({1, 1}, {1.5});
  weights.b = Tensor({1}, {-2});
  weights.file = "my net\n(1).npz";
  // Python: '%08x' % zlib.crc32(struct.pack('<2d', 1.5, -2))
  EXPECT_EQ(checksum(weights), "85cc4a8b");
  EXPECT_EQ(label(weights), "my_net__1_.npz-85cc4a8b");
}

TEST(GrowthWeights, StayTheSameForEverySeed) {
  const RecurrentWeights weights = read_pytorch_layer(golden_weights("gru.safetensors"), {});
  GrowthSpec spec;
  spec.net = "gru";
  spec.width = 5;
  spec.dtype = Dtype::f64;
  spec.init.weights = std::make_shared<const RecurrentWeights>(weights);
  spec.init.W.kind = WeightInit::Kind::file;
  spec.init.forget_bias = 1;
  const Tensors first = draw(make_problem(spec), spec.init, 1);
  const Tensors second = draw(make_problem(spec), spec.init, 2);
  EXPECT_EQ(first.at("Wh").data, weights.Wh.data);
  EXPECT_EQ(second.at("Wh").data, weights.Wh.data);
  EXPECT_EQ(second.at("b").data, first.at("b").data);
  EXPECT_NE(second.at("h0").data, first.at("h0").data);
  for (std::size_t i = 0; i < 20; ++i) {  // --forget-bias comes on top, of z, the second gate
    EXPECT_EQ(first.at("b").data[i], weights.b.data[i] + (i / 5 == 1 ? 1.0 : 0.0)) << i;
  }
  Problem wider = make_problem(spec);
  std::get<RecurrentProblem>(wider).H = 6;
  EXPECT_THROW((void)draw(wider, spec.init, 1), std::invalid_argument);
}

TEST(GrowthWeights, ABiasOfTheFileIsABias) {
  RecurrentWeights weights;
  weights.b = Tensor({2}, {0, 0});
  EXPECT_FALSE(has_bias(weights));
  weights.b.data[1] = 1e-30;
  EXPECT_TRUE(has_bias(weights));
}

TEST(GrowthWeights, FlagsThatContradictTheFileAreRefused) {
  const std::string gru = golden_weights("gru.safetensors");
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"--weights", gru, "--provider", "reference"});
    return complaint(std::move(more));
  };
  EXPECT_EQ(with({"--net", "gru", "--width", "5", "--share", "on"}), "nothing");
  EXPECT_THAT(with({"--net", "lstm"}), AllOf(HasSubstr("--net lstm"), HasSubstr("gru")));
  EXPECT_THAT(with({"--width", "128"}), AllOf(HasSubstr("--width 128"), HasSubstr("5 units")));
  EXPECT_THAT(with({"--init", "he"}), HasSubstr("--init"));
  EXPECT_THAT(with({"--bias", "constant:0"}), HasSubstr("--bias"));
  EXPECT_THAT(with({"--density", "0.5"}), HasSubstr("--density"));
  EXPECT_THAT(with({"--preset", "irnn"}), HasSubstr("--preset"));
  EXPECT_THAT(with({"--share", "off"}), HasSubstr("--share off"));
  EXPECT_THAT(with({"--h0", "fixed-point"}), HasSubstr("--h0"));
  for (const char* sweep : {"density=0.5:1:0.5", "bias=0:1:1", "width=5:7:1", "gain=1:2:1"}) {
    EXPECT_THAT(with({"--sweep", sweep}), HasSubstr("--")) << sweep;
  }
  for (const char* layer : {"", "x", "-1", "1_", "0_reverse2", "0\n"}) {
    EXPECT_THAT(with({"--layer", layer}), HasSubstr("--layer")) << layer;
  }
  EXPECT_THAT(complaint({"--layer", "1"}), HasSubstr("--weights"));
  EXPECT_THAT(complaint({"--module", "x"}), HasSubstr("--weights"));
}

TEST(GrowthWeights, AmbiguousOrAbsentLayersNameWhatThereIs) {
  const std::string model = golden_weights("model.safetensors");
  EXPECT_THAT(complaint({"--weights", model}),
              AllOf(HasSubstr("--module"), HasSubstr("\"decoder\", \"encoder.lstm\"")));
  EXPECT_THAT(complaint({"--weights", model, "--module", "encoder"}),
              AllOf(HasSubstr("no module \"encoder\""), HasSubstr("encoder.lstm")));
  EXPECT_THAT(
      complaint({"--weights", model, "--layer", "2"}),
      AllOf(HasSubstr("weight_hh_l2"), HasSubstr("decoder.weight_hh_l0"), HasSubstr("more")));
  EXPECT_THAT(complaint({"--weights", model, "--module", "encoder.lstm", "--layer", "0_reverse"}),
              HasSubstr("no module"));
  EXPECT_THAT(complaint({"--weights", golden_weights("projected.safetensors")}),
              HasSubstr("projections"));
  EXPECT_THAT(complaint({"--weights", golden_weights("pickled.npz")}), HasSubstr("shape [1]"));
  EXPECT_THAT(complaint_about(safetensors("{}", "")), HasSubstr("no tensors"));
}

/// A safetensors file of float32 tensors of zeros, NaN at the end of one of them if asked.
std::string zeros(const std::vector<std::pair<std::string, Shape>>& tensors,
                  const std::string& with_nan = "") {
  json header = json::object();
  std::string data;
  for (const auto& [name, shape] : tensors) {
    const std::size_t begin = data.size();
    data += std::string(size(shape) * 4, '\0');
    if (name == with_nan) data.replace(data.size() - 4, 4, "\xff\xff\xff\x7f");
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  }
  return safetensors(header.dump(), data);
}

TEST(GrowthWeights, TensorsWithoutAModuleAreTheModuleWithoutAName) {
  const TemporaryFile file(zeros({{"weight_hh_l0", {2, 2}}, {"a.weight_hh_l0", {3, 3}}}));
  EXPECT_THAT(complaint({"--weights", file.path()}), HasSubstr("one of \"\", \"a\""));
  const auto width = [&](const char* module) {
    const json of = row({"--weights", file.path(), "--module", module, "--provider", "reference"});
    return of.at("setting").at("width").get<int>();
  };
  EXPECT_EQ(width(""), 2);
  EXPECT_EQ(width("a"), 3);
}

TEST(GrowthWeights, LayersThatAreNoneOfPyTorchsAreRefused) {
  const Shape gates{8, 2};
  EXPECT_EQ(complaint_about(zeros({{"weight_hh_l0", gates}})), "nothing");
  EXPECT_EQ(complaint_about(zeros({{"cell.weight_hh", {6, 2}},  // GRUCell
                                   {"cell.bias_ih", {6}},
                                   {"cell.bias_hh", {6}}})),
            "nothing");
  for (const Shape& shape : {Shape{4, 2}, Shape{10, 2}, Shape{7, 2}, Shape{8}, Shape{8, 2, 1},
                             Shape{0, 0}, Shape{2, 0}, Shape{0, 2}, Shape{}}) {
    EXPECT_THAT(complaint_about(zeros({{"weight_hh_l0", shape}})), HasSubstr("G = 1"));
  }
  EXPECT_THAT(complaint_about(zeros({{"weight_hh_l0", gates}, {"bias_ih_l0", {8}}})),
              HasSubstr("one is there without the other"));
  EXPECT_THAT(
      complaint_about(zeros({{"weight_hh_l0", gates}, {"bias_ih_l0", {8}}, {"bias_hh_l0", {2}}})),
      AllOf(HasSubstr("bias_hh_l0"), HasSubstr("[8]")));
  const std::vector<std::pair<std::string, Shape>> whole{
      {"weight_hh_l0", gates}, {"bias_ih_l0", {8}}, {"bias_hh_l0", {8}}};
  for (const auto& [name, shape] : whole) {
    EXPECT_THAT(complaint_about(zeros(whole, name)), AllOf(HasSubstr(name), HasSubstr("NaN")));
  }
  // No tensor of the module is left over in silence.
  for (const char* name : {"weight_hh_l0_raw", "weight_hh_l0_g", "weight_hh_l0_orig",
                           "parametrizations.weight_hh_l0.original0", "scale_l0", "norm.weight"}) {
    EXPECT_THAT(
        complaint_about(zeros({{"rnn.weight_hh_l0", gates}, {std::string("rnn.") + name, {2}}})),
        AllOf(HasSubstr(name), HasSubstr("plain weights")));
  }
  EXPECT_THAT(complaint_about(zeros(
                  {{"rnns.0.module.weight_hh_l0", gates}, {"rnns.0.weight_hh_l0_raw", gates}})),
              HasSubstr("rnns.0.weight_hh_l0_raw"));
  EXPECT_EQ(complaint_about(zeros({{"rnn.weight_hh_l0", gates},
                                   {"rnn.weight_hh_l0_reverse", gates},
                                   {"rnn.weight_ih_l0", {8, 3}},
                                   {"rnn.weight_hh_l1", gates},
                                   {"rnn2.weight_hh_l0_raw", gates}},
                                  "rnn2.weight_hh_l0_raw")),
            "nothing");
  // What is not needed may be anything.
  EXPECT_EQ(complaint_about(zeros({{"weight_hh_l0", gates}, {"other", {3}}}, "other")), "nothing");
}

/// One bias, and a GRU's inside the reset product: the same as two of which one is 0.
TEST(GrowthWeights, OneBiasIsEquinoxs) {
  const auto file = [](const std::string& cell, bool equinox) {
    const std::int64_t G = cell == "gru" ? 3 : 4;
    const std::int64_t H = 3;
    json header = json::object();
    std::string data;
    const auto add = [&](const std::string& name, const Shape& shape, float first, float step) {
      const std::size_t begin = data.size();
      for (std::size_t i = 0; i < size(shape); ++i) {
        const float x = first + step * static_cast<float>(i % 7);
        data.append(reinterpret_cast<const char*>(&x), 4);
      }
      header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
    };
    add("cell.weight_hh", {G * H, H}, -0.5F, 0.2F);
    if (equinox) {
      add("cell.bias", {G * H}, -1, 0.3F);
      if (cell == "gru") add("cell.bias_n", {H}, 0.4F, 0.1F);
    } else {
      add("cell.bias_ih", {G * H}, -1, 0.3F);
      const std::size_t begin = data.size();
      for (std::int64_t i = 0; i < G * H; ++i) {
        const float x =
            cell == "gru" && i >= 2 * H ? 0.4F + 0.1F * static_cast<float>(i - 2 * H) : 0.0F;
        data.append(reinterpret_cast<const char*>(&x), 4);
      }
      header["cell.bias_hh"] = {
          {"dtype", "F32"}, {"shape", {G * H}}, {"data_offsets", {begin, data.size()}}};
    }
    return safetensors(header.dump(), data);
  };
  for (const char* cell : {"lstm", "gru"}) {
    const TemporaryFile one(file(cell, true));
    const TemporaryFile two(file(cell, false));
    const auto rate = [&](const std::string& path) {
      return row({"--weights", path, "--provider", "reference", "--dtype", "f64"})
          .at("rate")
          .at("value")
          .get<double>();
    };
    EXPECT_EQ(rate(one.path()), rate(two.path())) << cell;
  }
  EXPECT_THAT(complaint_about(zeros({{"weight_hh_l0", {2, 2}}, {"bias_n_l0", {2}}})),
              HasSubstr("only of a GRU"));
}

/// The size is said, and refused, before memory is taken: the file lies about what it holds.
TEST(GrowthWeights, TooLargeIsRefusedBeforeItIsRead) {
  const std::string header =
      R"({"weight_hh_l0":{"dtype":"F32","shape":[16384,16384],"data_offsets":[0,1073741824]}})";
  const TemporaryFile file(safetensors(header, ""));
  std::filesystem::resize_file(file.path(), std::filesystem::file_size(file.path()) + 1073741824);
  EXPECT_THAT(complaint({"--weights", file.path()}),
              HasSubstr("2147 MB as float64; at most 1073 MB"));
}

TEST(GrowthWeights, OtherLibrariesAreNamed) {
  EXPECT_THAT(complaint_about(zeros({{"lstm/recurrent_kernel", {2, 8}}})), HasSubstr("Keras"));
  EXPECT_THAT(complaint_about(zeros({{"params.cell.hf.kernel", {2, 2}}})), HasSubstr("Flax"));
  EXPECT_THAT(complaint_about(zeros({{"lstm/linear/w", {4, 8}}})), HasSubstr("Haiku"));
  EXPECT_THAT(complaint_about(zeros({{"R", {1, 8, 2}}})), HasSubstr("ONNX"));
}

}  // namespace
}  // namespace gradepth::growth
