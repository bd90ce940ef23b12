#include "host/growth/jacobians/jacobians.h"
#include "host/growth/jacobians/lyapunov.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "host/draw/initialise.h"
#include "host/growth/jacobians/orthonormal.h"
#include "host/growth/states/states.h"
#include "host/growth/study/resolve.h"
#include "host/providers/provider.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

/// Jacobians against the reference provider: finite differences of its states forward, its
/// gradients backward.
namespace gradepth::growth {
namespace {

using Kind = WeightInit::Kind;

struct NetCase {
  Net net;
  Residual residual = Residual::plain;
  AdditiveForm form = AdditiveForm::two_term;
  std::optional<bool> share = {};
};

std::vector<NetCase> nets() {
  return {{"mlp"},
          {"cnn"},
          {"residual", Residual::plain},
          {"residual", Residual::preact},
          {"residual", Residual::scaled},
          {"mlp", Residual::plain, AdditiveForm::two_term, true},
          {"cnn", Residual::plain, AdditiveForm::two_term, true},
          {"residual", Residual::preact, AdditiveForm::two_term, true},
          {"elman"},
          {"elman", Residual::plain, AdditiveForm::two_term, false},
          {"lstm"},
          {"lstm", Residual::plain, AdditiveForm::two_term, false},
          {"gru"},
          {"gru", Residual::plain, AdditiveForm::two_term, false},
          {"mgu"},
          {"mgu", Residual::plain, AdditiveForm::two_term, false},
          {"additive", Residual::plain, AdditiveForm::two_term},
          {"additive", Residual::plain, AdditiveForm{1}},
          {"additive", Residual::plain, AdditiveForm{3}},
          {"additive", Residual::plain, AdditiveForm{4}},
          {"additive", Residual::plain, AdditiveForm::sum}};
}

/// Odd sizes, batch 3, biases and inputs that are not 0.
GrowthSpec make_spec(const NetCase& net, Activation activation) {
  GrowthSpec spec;
  spec.net = net.net;
  spec.activation = activation;
  spec.residual = net.residual;
  spec.residual_scale = 0.7;
  spec.form = net.form;
  spec.share = net.share;
  spec.width = spec.net == "cnn" ? 3 : 7;
  spec.depth = 4;
  spec.batch = 3;
  spec.dtype = Dtype::f64;
  if (spec.net == "additive") {
    spec.init.W = {Kind::constant, 0.6, {}};
    return spec;
  }
  spec.init.W = {Kind::gaussian, 1.3, {}};
  spec.init.bias = {ValueInit::Kind::gaussian, 0.4};
  spec.init.forget_bias = 0.5;
  spec.init.loss_on = Initialisation::LossOn::both;
  if (is_recurrent(spec)) spec.init.input = Initialisation::Input::gaussian;
  return spec;
}

std::string label(const GrowthSpec& spec) {
  return std::string(spec.net.name()) + ' ' + std::string(name(spec.residual)) + ' ' +
         spec.form.name() + (is_shared(spec) ? " tied " : " untied ") +
         std::string(spec.activation.name());
}

/// Every net with tanh, and those that have an activation with a few more.
std::vector<GrowthSpec> specs() {
  std::vector<GrowthSpec> all;
  for (const NetCase& net : nets()) all.push_back(make_spec(net, "tanh"));
  for (const Activation activation :
       std::initializer_list<Activation>{"relu", "gelu", "softplus", "identity"}) {
    for (const NetCase& net : nets()) {
      const GrowthSpec spec = make_spec(net, activation);
      const CellInfo* const found = spec.net.cell();
      const bool cell = found != nullptr && !found->takes_activation;
      if (!cell) all.push_back(spec);
    }
  }
  return all;
}

PlanPtr run(const GrowthSpec& spec, const Tensors& drawn) {
  static const Providers providers = make_providers({});
  PlanPtr plan = std::get<PlanPtr>(find(providers, "reference")->plan(make_problem(spec)));
  plan->set(drawn);
  plan->run();
  return plan;
}

/// Sample `sample` of state t, of the pair (h, c) for an lstm.
std::vector<double> state(const GrowthSpec& spec, Plan& plan, const char* h, const char* c,
                          std::size_t t, std::size_t sample) {
  const auto one = [&](const char* name) {
    const Tensor tensor = plan.get(name);
    const std::span<const double> all = slice(tensor, t);
    const std::size_t n = all.size() / static_cast<std::size_t>(spec.batch);
    return std::vector(all.begin() + static_cast<std::ptrdiff_t>(sample * n),
                       all.begin() + static_cast<std::ptrdiff_t>((sample + 1) * n));
  };
  std::vector<double> both = one(h);
  if (spec.net != "lstm") return both;
  const std::vector<double> second = one(c);
  both.insert(both.end(), second.begin(), second.end());
  return both;
}

/// h0 (and c0) of one sample moved by step · v.
Tensors moved(const GrowthSpec& spec, Tensors drawn, std::size_t sample,
              const std::vector<double>& v, double step) {
  Tensor& h0 = drawn.at("h0");
  const std::size_t n = h0.size() / static_cast<std::size_t>(spec.batch);
  for (std::size_t i = 0; i < n; ++i) h0.data[sample * n + i] += step * v[i];
  if (spec.net == "lstm") {
    for (std::size_t i = 0; i < n; ++i) drawn.at("c0").data[sample * n + i] += step * v[n + i];
  }
  return drawn;
}

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

TEST(GrowthJacobian, ForwardIsTheDifferenceOfTheStates) {
  constexpr std::size_t sample = 2;
  constexpr double step = 1e-5;
  for (const GrowthSpec& spec : specs()) {
    SCOPED_TRACE(label(spec));
    const Tensors drawn = draw(make_problem(spec), resolve(spec), 5);
    const auto jacobians = make_jacobians(spec, drawn, sample);
    ASSERT_EQ(jacobians->maps(), 4U);
    EXPECT_TRUE(jacobians->finite());
    const std::size_t n = jacobians->state_size();
    std::vector<double> v = random_orthonormal(n, 1, 9);
    if (spec.net == "additive") std::fill(v.begin() + 7, v.end(), 0.0);  // f_{-1} is fixed
    const PlanPtr above = run(spec, moved(spec, drawn, sample, v, step));
    const PlanPtr below = run(spec, moved(spec, drawn, sample, v, -step));
    for (std::size_t l = 1; l <= 4; ++l) {
      jacobians->forward(l, v);
      const std::vector<double> plus = state(spec, *above, "h", "c", l, sample);
      const std::vector<double> minus = state(spec, *below, "h", "c", l, sample);
      // Central differences: step² |f'''| and ε / step, some 1e-10 each.
      for (std::size_t i = 0; i < plus.size(); ++i) {
        EXPECT_NEAR(v[i], (plus[i] - minus[i]) / (2 * step), 1e-8) << l << ' ' << i;
      }
    }
  }
}

TEST(GrowthJacobian, BackwardIsTheGradientOfTheReference) {
  for (const GrowthSpec& spec : specs()) {
    SCOPED_TRACE(label(spec));
    const Tensors drawn = draw(make_problem(spec), resolve(spec), 6);
    const PlanPtr plan = run(spec, drawn);
    for (const std::size_t sample : {0U, 2U}) {
      const auto jacobians = make_jacobians(spec, drawn, sample);
      std::vector<double> g = state(spec, *plan, "dh", "dc", 4, sample);
      g.resize(jacobians->state_size());  // additive: nothing on what it remembers
      for (std::size_t l = 4; l >= 1; --l) {
        jacobians->backward(l, g);
        const std::vector<double> expected = state(spec, *plan, "dh", "dc", l - 1, sample);
        for (std::size_t i = 0; i < expected.size(); ++i) {
          EXPECT_NEAR(g[i], expected[i], 1e-13) << l << ' ' << i;
        }
      }
    }
  }
}

TEST(GrowthJacobian, BackwardIsTheTransposeOnBlocks) {
  for (const GrowthSpec& spec : specs()) {
    SCOPED_TRACE(label(spec));
    const Tensors drawn = draw(make_problem(spec), resolve(spec), 7);
    const auto jacobians = make_jacobians(spec, drawn);
    const std::size_t n = jacobians->state_size();
    const std::vector<double> U = random_orthonormal(n, 3, 1);
    const std::vector<double> V = random_orthonormal(n, 3, 2);
    for (std::size_t l = 1; l <= 4; ++l) {
      std::vector<double> JV(V);
      std::vector<double> JtU(U);
      jacobians->forward(l, JV);
      jacobians->backward(l, JtU);
      for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j) {
          const auto column = [n](const std::vector<double>& block, std::size_t k) {
            return std::span(block).subspan(k * n, n);
          };
          EXPECT_NEAR(dot(column(U, i), column(JV, j)), dot(column(JtU, i), column(V, j)), 1e-13)
              << l << ' ' << i << ' ' << j;
        }
      }
    }
  }
}

/// Homogeneous nets: the states leave float64's range, f' does not notice.
TEST(GrowthJacobian, StatesAreRescaledWhereSlopesAllowIt) {
  for (const double gain : {0.02, 50.0}) {
    for (const char* name : {"elman", "residual"}) {
      GrowthSpec spec;
      spec.net = Net::find(name).value();
      spec.activation = "relu";
      spec.width = 5;
      spec.depth = 1200;
      spec.dtype = Dtype::f64;
      spec.init.W = {Kind::identity, gain, {}};
      spec.init.bias = {ValueInit::Kind::constant, gain > 1 ? 1.0 : 0.0};
      spec.init.h0 = {ValueInit::Kind::constant, 1};
      const Tensors drawn = draw(make_problem(spec), resolve(spec), 1);
      const auto jacobians = make_jacobians(spec, drawn);
      EXPECT_TRUE(jacobians->finite());
      std::vector<double> v(5, 1.0);
      jacobians->forward(1200, v);
      EXPECT_EQ(v[4], gain + (spec.net == "residual" ? 1 : 0)) << name << gain;
    }
  }
  GrowthSpec spec;  // softplus is not homogeneous: it runs out, and says so
  spec.activation = "softplus";
  spec.width = 5;
  spec.depth = 1200;
  spec.dtype = Dtype::f64;
  spec.init.W = {Kind::identity, 50, {}};
  const Tensors drawn = draw(make_problem(spec), resolve(spec), 1);
  EXPECT_FALSE(make_jacobians(spec, drawn)->finite());
}

/// Rows of very different size keep their digits, far from 1 too: the exponents of a diagonal
/// product are the logarithms of its entries.
TEST(GrowthJacobian, RowsOfVeryDifferentSize) {
  GrowthSpec spec;
  spec.net = "elman";
  spec.activation = "identity";
  spec.width = 3;
  spec.depth = 30;
  spec.dtype = Dtype::f64;
  for (const std::array<double, 3> d :
       {std::array{1e200, 1e150, 1e100}, std::array{1e-200, 1e-160, 1.0},
        std::array{1.0, 1e-12, 1e-30}}) {
    spec.init.W = {Kind::file, 1, Tensor({3, 3}, {d[0], 0, 0, 0, d[1], 0, 0, 0, d[2]})};
    const Tensors drawn = draw(make_problem(spec), resolve(spec), 1);
    const std::vector<double> exponents = lyapunov_exponents(*make_jacobians(spec, drawn), 3, 1);
    std::array<double, 3> expected = d;
    std::sort(expected.rbegin(), expected.rend());
    for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(exponents[i], std::log(expected[i]), 1e-9);
  }
}

TEST(GrowthJacobian, OrthonormalBlocks) {
  for (const std::size_t n : {1U, 7U, 33U}) {
    for (const std::size_t count : {std::size_t{1}, n}) {
      std::vector<double> V = random_orthonormal(n, count, 4);
      EXPECT_EQ(V, random_orthonormal(n, count, 4));
      if (n > 1) {
        EXPECT_NE(V, random_orthonormal(n, count, 5));
      }
      const std::vector<double> Q(V);
      for (double& v : V) v *= 3;
      const std::vector<double> R = orthonormalise(V, n).R;
      for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < count; ++j) {
          const auto column = [n](const std::vector<double>& block, std::size_t k) {
            return std::span(block).subspan(k * n, n);
          };
          EXPECT_NEAR(dot(column(Q, i), column(Q, j)), i == j ? 1 : 0, 1e-14);
          EXPECT_NEAR(R[i * count + j], i == j ? 3 : 0, 1e-13);
        }
      }
      for (std::size_t i = 0; i < V.size(); ++i) EXPECT_NEAR(V[i], Q[i], 1e-13);
    }
  }
}

}  // namespace
}  // namespace gradepth::growth
