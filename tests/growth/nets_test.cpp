#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/growth/states/states.h"
#include "host/growth/study/measure.h"
#include "host/growth/study/resolve.h"
#include "host/growth/theory/mean_field.h"
#include "host/text/value_named.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"
#include "tests/bench/temporary_file.h"

/// Every net with every activation and every initialisation.
namespace gradepth::growth {
namespace {

using testing::HasSubstr;

Provider& reference() {
  static const Providers all = make_providers({});
  return *find(all, "reference");
}

struct NetCase {
  Net net;
  const char* variant;  // of residual and additive nets
};
constexpr NetCase nets[] = {{"mlp", ""},
                            {"cnn", ""},
                            {"residual", "plain"},
                            {"residual", "preact"},
                            {"residual", "scaled"},
                            {"elman", ""},
                            {"lstm", ""},
                            {"gru", ""},
                            {"mgu", ""},
                            {"additive", "two-term"},
                            {"additive", "terms:1"},
                            {"additive", "terms:3"},
                            {"additive", "sum"}};

GrowthSpec small(const NetCase& net, Activation activation, const WeightInit& W) {
  GrowthSpec spec;
  spec.net = net.net;
  if (spec.net == "residual")
    spec.residual = value_named<Residual>(residual_names, net.variant).value();
  if (spec.net == "additive") spec.form = AdditiveForm::find(net.variant).value();
  spec.residual_scale = 0.5;
  spec.activation = activation;
  spec.init.W = W;
  spec.depth = 3;
  spec.width = 3;
  spec.batch = 2;
  spec.seeds = 1;
  spec.dtype = Dtype::f64;
  return spec;
}

constexpr const char* matrix_csv = "0.5,-1,0.25\n0,0.75,-0.5\n1,0.125,0.5\n";

TEST(GrowthNets, RunWithEveryActivationAndInitialisation) {
  const TemporaryFile file(matrix_csv);
  int ran = 0;
  for (const std::string& init :
       {std::string("gaussian:1.2"), std::string("orthogonal:0.9"), std::string("identity:1"),
        std::string("constant:0.3"), std::string("xavier"), std::string("he"), std::string("saxe"),
        std::string("np"), "file:" + file.path()}) {
    const WeightInit W = parse_weight_init(init);
    for (const NetCase& net : nets) {
      const bool additive = net.net == "additive";
      if (additive && W.kind != WeightInit::Kind::constant) continue;
      for_each_activation([&](auto act) {
        const Activation activation = act.name;
        const GrowthSpec spec = small(net, activation, W);
        const CellInfo* const cell = spec.net.cell();
        const bool gated = cell != nullptr && cell->has_matrices && !cell->takes_activation;
        if ((gated && activation != "tanh") ||
            (W.kind == WeightInit::Kind::saxe && !critical_sigma(activation, 0))) {
          EXPECT_THROW((void)measure_growth(spec, reference()), std::invalid_argument);
          return;
        }
        const GrowthResult r = measure_growth(spec, reference());
        SCOPED_TRACE(r.name + ' ' + net.variant + ' ' + init + ' ' + r.reason);
        ASSERT_EQ(r.status, Status::ok);
        for (std::size_t d = 0; d <= 3; ++d) {
          EXPECT_LT(r.ln_norm.median[d], 20);  // 0 has -infinity
          EXPECT_EQ(r.nonfinite[d], 0);
          EXPECT_LT(r.forward_norm[d], 20);
        }
        EXPECT_EQ(r.ratio[0], 1);
        EXPECT_TRUE(!r.theory || std::isfinite(r.theory->rate));
        ++ran;
      });
    }
  }
  EXPECT_GT(ran, 8 * 6 * 15);
}

/// One W for all layers and no input: the mlp is a recurrent net by another name.
TEST(GrowthNets, ATiedMlpIsAnElmanNet) {
  GrowthSpec spec = small({"elman", ""}, "tanh", parse_weight_init("gaussian:1.2"));
  spec.init.bias = {ValueInit::Kind::gaussian, 0.3};
  const GrowthResult elman = measure_growth(spec, reference());
  spec.net = "mlp";
  spec.share = true;
  const GrowthResult mlp = measure_growth(spec, reference());
  EXPECT_EQ(mlp.rates, elman.rates);
  EXPECT_EQ(mlp.ln_norm.median, elman.ln_norm.median);
  EXPECT_EQ(mlp.weight_gradient.by_lag, elman.weight_gradient.by_lag);
  EXPECT_EQ(mlp.weight_gradient.sum, elman.weight_gradient.sum);
  EXPECT_EQ(mlp.weight_gradient.cosine, elman.weight_gradient.cosine);
  ASSERT_TRUE(mlp.theory && elman.theory && mlp.bound && elman.bound);
  EXPECT_EQ(mlp.theory->rate, elman.theory->rate);
  EXPECT_EQ(mlp.bound->sigma_max, elman.bound->sigma_max);
  spec.share = false;
  EXPECT_NE(measure_growth(spec, reference()).rates, mlp.rates);
}

TEST(GrowthNets, AFileIsTheSameMatrixEverywhere) {
  const TemporaryFile file(matrix_csv);
  const WeightInit W = parse_weight_init("file:" + file.path());
  const auto drawn = [&](const char* name, bool share) {
    GrowthSpec spec = small({Net::find(name).value(), "plain"}, "tanh", W);
    spec.share = share;
    return draw(make_problem(spec), resolve(spec), 1);
  };
  const std::vector<double>& matrix = W.matrix.data;
  for (const char* name : {"lstm", "gru", "mgu", "elman", "mlp", "residual"}) {
    for (const bool share : {true, false}) {
      const Tensors tensors = drawn(name, share);
      const auto Wh = tensors.find("Wh");
      const std::vector<double>& all = (Wh != tensors.end() ? Wh : tensors.find("W"))->second.data;
      ASSERT_EQ(all.size() % 9, 0U);
      for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], matrix[i % 9]) << name;
    }
  }
  const Tensor kernels = drawn("cnn", false).at("W");  // [L, N, N, 3, 3]
  ASSERT_EQ(kernels.size(), 3U * 9 * 9);
  EXPECT_EQ(drawn("cnn", true).at("W").size(), 9U * 9);
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    EXPECT_EQ(kernels.data[i], i % 9 == 4 ? matrix[i / 9 % 9] : 0.0) << i;
  }
}

/// What the flags' errors say, in one line.
std::string complaint(const GrowthSpec& spec) {
  try {
    (void)measure_growth(spec, reference());
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing";
}

TEST(GrowthNets, SaxeIsOrthogonalAtTheCriticalGain) {
  const WeightInit saxe = parse_weight_init("saxe");
  GrowthSpec spec = small({"mlp", ""}, "tanh", saxe);
  EXPECT_DOUBLE_EQ(resolve(spec).W.scale, 1);
  EXPECT_EQ(resolve(spec).W.kind, WeightInit::Kind::orthogonal);
  spec.init.bias = {ValueInit::Kind::gaussian, std::sqrt(0.05)};
  EXPECT_NEAR(resolve(spec).W.scale, *critical_sigma("tanh", 0.05), 1e-15);
  EXPECT_NEAR(*sigma_w2(spec), std::pow(*critical_sigma("tanh", 0.05), 2), 1e-14);
  spec.h0_fixed_point = true;  // at its q the theory is 1/2 ln 1
  EXPECT_NEAR(find_theory(spec, {})->rate, 0, 1e-9);
  spec.h0_fixed_point = false;
  spec.activation = "relu";
  EXPECT_NEAR(resolve(spec).W.scale, std::sqrt(2.0), 1e-12);
  spec.activation = "softplus";
  EXPECT_THAT(complaint(spec), AllOf(HasSubstr("--init saxe"), HasSubstr("softplus")));
  spec.activation = "tanh";
  spec.init.bias = {ValueInit::Kind::constant, 1};
  EXPECT_THAT(complaint(spec), AllOf(HasSubstr("--init saxe"), HasSubstr("gaussian:S")));
}

}  // namespace
}  // namespace gradepth::growth
