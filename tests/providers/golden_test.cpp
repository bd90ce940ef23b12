// Every provider against values that PyTorch's autograd computed (tests/golden/make_golden.py): an
// oracle that shares no formula with this project.
//
// Tolerance: |ours - golden| <= 256 · ε · max(1, largest |golden| of the tensor).
// A value is the end of a chain of at most 5 maps forward and 5 back, each with sums of at most 18
// products and a few elementwise operations: about 250 roundings, each of relative size ε/2 and of
// a term not much larger than the tensor's largest value. Transcendental functions add a few ε
// each. So 256 ε holds with room, and a wrong formula misses it by orders of magnitude: in float64
// it is 6e-14, in float32 3e-5. PyTorch's own error is of the float64 size.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "host/providers/provider.h"
#include "host/text/value_named.h"
#include "kernels/activation/activation.h"

namespace gradepth {
namespace {

using nlohmann::json;

double epsilon_of(Dtype dtype) { return format(dtype).epsilon; }

json load(const std::string& file) {
  const std::string path = std::string(GRADEPTH_SOURCE_DIR) + "/tests/golden/" + file;
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot open " + path);
  return json::parse(in);
}

/// std::bad_optional_access for an unknown name.
Activation activation(const json& c) {
  return Activation::find(c.at("act").get<std::string>()).value();
}

/// check(case) for each case of a golden file, whose name stands at every failure. The files are
/// read by the tests of them alone: as parameters of tests they would be read whenever this program
/// starts.
template <class Check>
void for_each_case(const std::string& file, const Check& check) {
  const json golden = load(file);
  for (const json& c : golden.at("cases")) {
    SCOPED_TRACE((c.contains("name") ? c.at("name") : c.at("act")).get<std::string>());
    check(c);
  }
}

Tensor tensor(const json& j) {
  return {j.at("shape").get<Shape>(), j.at("data").get<std::vector<double>>()};
}

Tensors tensors(const json& j) {
  Tensors all;
  for (const auto& [name, value] : j.items()) all.emplace(name, tensor(value));
  return all;
}

double largest(const std::vector<double>& v) {
  double most = 0;
  for (const double x : v) most = std::max(most, std::abs(x));
  return most;
}

void expect_close(const Tensor& ours, const Tensor& golden, Dtype dtype, const std::string& what) {
  ASSERT_EQ(ours.shape, golden.shape) << what;
  ASSERT_EQ(ours.size(), golden.size()) << what;
  const double tolerance = 256 * epsilon_of(dtype) * std::max(1.0, largest(golden.data));
  for (std::size_t i = 0; i < ours.size(); ++i) {
    ASSERT_NEAR(ours.data[i], golden.data[i], tolerance) << what << ", element " << i;
  }
}

/// The formats that a provider is held to: float64 is the reference's.
std::vector<Dtype> dtypes_of(const Provider& provider) {
  if (provider.name() == "reference") return {Dtype::f64, Dtype::f32};
  return {Dtype::f32};
}

/// Runs the problem and compares every output that the golden file has. Returns false if the
/// provider cannot; the reference always must.
bool check(Provider& provider, const Problem& problem, const Tensors& in, const Tensors& golden) {
  const std::string where =
      std::string(provider.name()) + " " + gradepth::name(problem) + std::string(" ");
  Planned planned = provider.plan(problem);
  if (const auto* no = std::get_if<Unsupported>(&planned)) {
    EXPECT_FALSE(no->reason.empty()) << where;
    EXPECT_NE(provider.name(), "reference") << where << no->reason;
    return false;
  }
  Plan& plan = *std::get<PlanPtr>(planned);
  plan.set(in);
  plan.run();
  plan.wait();
  for (const TensorSpec& spec : outputs(problem)) {
    const auto expected = golden.find(spec.name);
    if (expected == golden.end()) continue;
    const Tensor ours = plan.get(spec.name);
    const bool hidden = spec.name == "dh_norm2" && ours.data.empty();
    EXPECT_TRUE(!hidden || provider.name() != "reference") << where << spec.name;
    if (!hidden) expect_close(ours, expected->second, dtype(problem), where + spec.name);
  }
  return true;
}

/// Those of the golden inputs that the problem takes.
Tensors wanted(const Problem& problem, const Tensors& all) {
  Tensors in;
  for (const TensorSpec& spec : inputs(problem)) in.emplace(spec.name, all.at(spec.name));
  return in;
}

/// Every provider of this machine, in its formats; prints who could not.
template <class MakeProblem>
void check_all(const MakeProblem& make_problem, const Tensors& in, const Tensors& golden) {
  static const Providers providers = make_providers(Context{});
  for (const auto& provider : providers.present) {
    for (const Dtype dtype : dtypes_of(*provider)) {
      const Problem problem = make_problem(dtype);
      check(*provider, problem, wanted(problem, in), golden);
    }
  }
}

TEST(GoldenFiles, NameTheirPyTorch) {
  for (const char* file : {"activations.json", "recurrent.json", "feedforward.json"}) {
    EXPECT_FALSE(load(file).at("torch").get<std::string>().empty()) << file;
    EXPECT_FALSE(load(file).at("cases").empty()) << file;
  }
}

TEST(GoldenActivations, FileHasTheWholeList) {
  std::vector<std::string> listed;
  for_each_activation([&](auto act) { listed.emplace_back(decltype(act)::name); });
  std::vector<std::string> golden;
  for_each_case("activations.json", [&](const json& c) { golden.push_back(c.at("act")); });
  EXPECT_EQ(listed, golden);
}

// The formulas themselves, before any provider: one rounding or two, so 8 ε; and absolute where a
// value is small, because PyTorch's erf form of GELU loses the digits of its left tail.
TEST(GoldenActivations, ValueAndSlope) {
  for_each_case("activations.json", [](const json& c) {
    const auto x = c.at("x").get<std::vector<double>>();
    const auto y = c.at("y").get<std::vector<double>>();
    const auto slope = c.at("slope").get<std::vector<double>>();
    with_activation(activation(c), [&](auto act) {
      using Act = decltype(act);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double tolerance = 8 * epsilon_of(Dtype::f64) * std::max(1.0, std::abs(y[i]));
        EXPECT_NEAR(Act::value(x[i]), y[i], tolerance) << Act::name << " at " << x[i];
        EXPECT_NEAR(Act::slope(x[i]), slope[i], 8 * epsilon_of(Dtype::f64))
            << "slope of " << Act::name << " at " << x[i];
      }
    });
  });
}

// Forward, and backward with a dy that differs from row to row; db is its sum over rows.
void check_activation(const json& c) {
  const auto slope = c.at("slope").get<std::vector<double>>();
  constexpr std::int64_t rows = 3;
  const auto cols = static_cast<std::int64_t>(slope.size());
  const Shape shape{rows, cols};
  Tensors in{{"x", Tensor(shape)}, {"y", Tensor(shape)}, {"dy", Tensor(shape)}};
  Tensors golden{{"dx", Tensor(shape)}, {"db", Tensor(Shape{cols})}};
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    for (std::size_t j = 0; j < slope.size(); ++j) {
      const std::size_t i = r * slope.size() + j;
      in["x"].data[i] = c.at("x")[j];
      in["y"].data[i] = c.at("y")[j];
      in["dy"].data[i] = 0.25 * static_cast<double>(r + 1) * (j % 2 == 0 ? 1 : -1);
      golden["dx"].data[i] = in["dy"].data[i] * slope[j];
      golden["db"].data[j] += golden["dx"].data[i];
    }
  }
  golden["y"] = in["y"];
  for (const ActivationPass pass : {ActivationPass::forward, ActivationPass::backward}) {
    check_all(
        [&](Dtype dtype) {
          return Problem{ActivationProblem{.act = activation(c),
                                           .rows = rows,
                                           .cols = cols,
                                           .pass = pass,
                                           .bias_gradient = pass == ActivationPass::backward,
                                           .dtype = dtype}};
        },
        in, golden);
  }
}

TEST(GoldenActivations, OnEveryProvider) { for_each_case("activations.json", check_activation); }

/// std::bad_optional_access for an unknown name.
template <class Value, class Names>
Value value(const Names& names, const json& text) {
  return value_named<Value>(names, text.get<std::string>()).value();
}

RecurrentProblem recurrent(const json& p, bool record, Dtype dtype) {
  return {.cell = RecurrentCell::find(p.at("cell").get<std::string>()).value(),
          .act = activation(p),
          .T = p.at("T"),
          .B = p.at("B"),
          .H = p.at("H"),
          .pass = Pass::training,
          .project_input = p.at("project_input"),
          .I = p.at("I"),
          .share = p.at("share"),
          .record = record,
          .clip_value = p.at("clip_value"),
          .form = AdditiveForm::find(p.at("form").get<std::string>()).value(),
          .dtype = dtype};
}

FeedForwardProblem feed_forward(const json& p, bool record, Dtype dtype) {
  return {.net = value<LayerNet>(layer_net_names, p.at("net")),
          .act = activation(p),
          .L = p.at("L"),
          .B = p.at("B"),
          .N = p.at("N"),
          .pass = Pass::training,
          .residual = value<Residual>(residual_names, p.at("residual")),
          .residual_scale = p.at("residual_scale"),
          .record = record,
          .clip_value = p.at("clip_value"),
          .dtype = dtype};
}

TEST(GoldenRecurrent, OnEveryProvider) {
  for_each_case("recurrent.json", [](const json& c) {
    for (const bool record : {false, true}) {
      check_all([&](Dtype dtype) { return Problem{recurrent(c.at("problem"), record, dtype)}; },
                tensors(c.at("in")), tensors(c.at("out")));
    }
  });
}

TEST(GoldenFeedForward, OnEveryProvider) {
  for_each_case("feedforward.json", [](const json& c) {
    for (const bool record : {false, true}) {
      check_all([&](Dtype dtype) { return Problem{feed_forward(c.at("problem"), record, dtype)}; },
                tensors(c.at("in")), tensors(c.at("out")));
    }
  });
}

}  // namespace
}  // namespace gradepth
