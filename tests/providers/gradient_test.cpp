#include <gtest/gtest.h>

#include <cmath>

#include "host/draw/initialise.h"
#include "host/providers/provider.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

/// The reference's gradients against finite differences of its own forward pass.
///
/// The loss is L = <y, dy>, so dL/dy = dy. Central differences with step e err by e² f'''/6 + u/e
/// (u = 1.1e-16): least near e = 1e-5, where both are some 1e-10. Gradients here are of order 1.
namespace gradepth {
namespace {

constexpr double step = 1e-5;
constexpr double allowed = 2e-8;

double loss(Plan& plan, const Tensors& in, bool lstm) {
  plan.set(in);
  plan.run();
  const Tensor y = plan.get("y");
  const Tensor& dy = in.at("dy");
  double sum = 0;
  for (std::size_t i = 0; i < y.size(); ++i) sum += y.data[i] * dy.data[i];
  if (lstm) {
    const Tensor c = plan.get("c");
    const Tensor& dc = in.at("dc");
    const std::size_t last = c.size() - dc.size();
    for (std::size_t i = 0; i < dc.size(); ++i) sum += c.data[last + i] * dc.data[i];
  }
  return sum;
}

/// Compares every element of every input's gradient. The loss gradient sits on all outputs.
void check_gradients(const Problem& problem, std::uint64_t seed) {
  Initialisation init;
  init.W = {WeightInit::Kind::gaussian, problem.index() == 3 ? 1.2 : 0.9, {}};
  if (const auto* p = std::get_if<RecurrentProblem>(&problem); p && p->cell == "additive") {
    init.W = {WeightInit::Kind::constant, 0.6, {}};
  }
  init.bias = {ValueInit::Kind::gaussian, 0.3};
  init.input = Initialisation::Input::gaussian;
  Tensors in = draw(problem, init, seed);
  // Every step and every part of the state gets a gradient of its own.
  const Problem filler = ActivationProblem{
      .rows = 1, .cols = 4096, .pass = ActivationPass::forward, .dtype = Dtype::f64};
  const Tensor numbers = draw(filler, {}, seed + 1000).at("x");
  for (const char* name : {"dy", "dc"}) {
    if (!in.contains(name)) continue;
    Tensor& t = in.at(name);
    for (std::size_t i = 0; i < t.size(); ++i)
      t.data[i] = numbers.data[i + (name[1] == 'c' ? 999 : 0)];
  }
  const Providers providers = make_providers({});
  const PlanPtr plan = std::get<PlanPtr>(find(providers, "reference")->plan(problem));
  const bool lstm = in.contains("dc");
  plan->set(in);
  plan->run();
  std::map<std::string, Tensor> gradients;
  for (const TensorSpec& spec : inputs(problem)) {
    if (spec.name != "dy" && spec.name != "dc") gradients[spec.name] = plan->get("d" + spec.name);
  }
  for (const auto& [name, gradient] : gradients) {
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      double& value = in.at(name).data[i];
      const double kept = value;
      value = kept + step;
      const double above = loss(*plan, in, lstm);
      value = kept - step;
      const double below = loss(*plan, in, lstm);
      value = kept;
      const double numeric = (above - below) / (2 * step);
      EXPECT_NEAR(gradient.data[i], numeric, allowed * std::max(1.0, std::abs(numeric)))
          << gradepth::name(problem) << " d" << name << '[' << i << ']';
    }
  }
}

TEST(Gradient, OfEveryActivation) {
  for_each_activation([](auto act) {
    for (int i = -162; i <= 162; ++i) {
      const double x = 0.037 * i + 0.011;  // no kink
      const double numeric = (act.value(x + step) - act.value(x - step)) / (2 * step);
      EXPECT_NEAR(act.slope(x), numeric, 1e-9) << act.name << " at " << x;
    }
  });
}

TEST(Gradient, OfActivationsIsFiniteFarOut) {
  for_each_activation([](auto act) {
    for (const float x : {-3e38F, -1e20F, -1e4F, 1e4F, 1e20F, 3e38F}) {
      const float slope = act.slope(x);
      EXPECT_TRUE(std::isfinite(slope)) << act.name << " at " << x;
    }
  });
}

TEST(Gradient, OfEveryRecurrentCell) {
  for (const CellInfo& cell : all_cells) {
    for (const bool project : {true, false}) {
      if (!cell.has_matrices && project) continue;
      check_gradients(RecurrentProblem{.cell = cell,
                                       .T = 4,
                                       .B = 2,
                                       .H = 3,
                                       .project_input = project,
                                       .I = project ? 2 : 0,
                                       .record = true,
                                       .dtype = Dtype::f64},
                      1);
    }
  }
  for (const AdditiveForm form : {AdditiveForm::sum, AdditiveForm{3}}) {
    check_gradients(RecurrentProblem{.cell = "additive",
                                     .T = 6,
                                     .B = 2,
                                     .H = 3,
                                     .record = true,
                                     .form = form,
                                     .dtype = Dtype::f64},
                    1);
  }
}

TEST(Gradient, OfElmanWithEverySmoothActivation) {
  for_each_activation([](auto act) {
    if (act.kinks.size() > 0) return;  // a state may sit at a kink; the slopes are tested above
    check_gradients(RecurrentProblem{.act = act.name,
                                     .T = 3,
                                     .B = 1,
                                     .H = 3,
                                     .project_input = false,
                                     .record = true,
                                     .dtype = Dtype::f64},
                    2);
  });
}

TEST(Gradient, WithAFreshWPerStep) {
  for (const CellInfo& cell : gate_cells) {
    check_gradients(RecurrentProblem{.cell = cell,
                                     .T = 3,
                                     .B = 2,
                                     .H = 3,
                                     .project_input = false,
                                     .share = false,
                                     .record = true,
                                     .dtype = Dtype::f64},
                    3);
  }
}

TEST(Gradient, OfEveryFeedForwardNet) {
  for (const Residual residual : {Residual::plain, Residual::preact, Residual::scaled}) {
    check_gradients(FeedForwardProblem{.net = LayerNet::residual,
                                       .L = 3,
                                       .B = 2,
                                       .N = 4,
                                       .residual = residual,
                                       .residual_scale = 0.7,
                                       .dtype = Dtype::f64},
                    4);
  }
  check_gradients(
      FeedForwardProblem{.net = LayerNet::mlp, .L = 4, .B = 3, .N = 3, .dtype = Dtype::f64}, 5);
  check_gradients(
      FeedForwardProblem{
          .net = LayerNet::cnn, .act = "gelu", .L = 2, .B = 1, .N = 2, .dtype = Dtype::f64},
      6);
}

TEST(Gradient, OfTiedLayersIsTheSumOverThem) {
  for (const LayerNet net : {LayerNet::mlp, LayerNet::residual, LayerNet::cnn}) {
    for (const Residual residual : {Residual::plain, Residual::preact}) {
      check_gradients(FeedForwardProblem{.net = net,
                                         .L = 3,
                                         .B = 2,
                                         .N = 2,
                                         .residual = residual,
                                         .share = true,
                                         .dtype = Dtype::f64},
                      7);
    }
  }
}

/// dh_norm2 and the recorded states are what the names say: dh0 is the last of dh, and |dh|² its
/// norm.
TEST(Gradient, RecordsAgreeWithEachOther) {
  const RecurrentProblem problem{.cell = "lstm",
                                 .T = 5,
                                 .B = 2,
                                 .H = 3,
                                 .project_input = false,
                                 .record = true,
                                 .dtype = Dtype::f64};
  const Providers providers = make_providers({});
  const PlanPtr plan = std::get<PlanPtr>(find(providers, "reference")->plan(problem));
  plan->set(draw(problem, {}, 1));
  plan->run();
  const Tensor dh = plan->get("dh");
  const Tensor dc = plan->get("dc");
  const Tensor norms = plan->get("dh_norm2");
  const Tensor dh0 = plan->get("dh0");
  for (std::size_t t = 0; t < norms.size(); ++t) {
    double sum = 0;
    for (std::size_t i = 0; i < dh.stride(); ++i) {
      sum += std::pow(dh.data[t * dh.stride() + i], 2) + std::pow(dc.data[t * dc.stride() + i], 2);
    }
    EXPECT_NEAR(norms.data[t], sum, 1e-14 * sum) << t;
  }
  for (std::size_t i = 0; i < dh0.size(); ++i) EXPECT_EQ(dh0.data[i], dh.data[i]);
}

}  // namespace
}  // namespace gradepth
