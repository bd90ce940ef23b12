#include "host/problem/identity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <set>

#include "bench/commands/sweep.h"
#include "host/growth/study/row.h"

namespace gradepth {
namespace {

using growth::GrowthSpec;

TEST(Identity, NumbersAreExact) {
  EXPECT_EQ(exact(0.1), "0.1");
  EXPECT_EQ(exact(1.0000001), "1.0000001");
  EXPECT_EQ(exact(-0.0), "0");
  EXPECT_EQ(std::stod(exact(1.0 / 3)), 1.0 / 3);
  EXPECT_NE(exact(std::nextafter(1.0, 2.0)), exact(1.0));
}

TEST(Identity, IsAWordPerKey) {
  IdentityText text;
  text.add("file", "a b=c%").add("n", 3).add("on", true).add("x", 0.25);
  EXPECT_EQ(text.text(), "file=a%20b%3dc%25 n=3 on=on x=0.25");
}

TEST(Identity, DifferenceNamesKeysAndBothValues) {
  EXPECT_EQ(difference("a=1 b=2", "a=1 b=2"), "");
  EXPECT_EQ(difference("a=1 b=2", "a=1 b=3"), "b=2 (not 3)");
  EXPECT_EQ(difference("a=1", "a=1 c=3"), "c=none (not 3)");
  EXPECT_EQ(difference("a=1 b=2 c=3", "a=4 b=5 c=6", {"a", "c"}), "b=2 (not 5)");
}

/// Expects that each change to a value gives another identity than the plain value and than every
/// other change.
template <class T>
void expect_each_counts(const T& plain, const std::vector<std::function<void(T&)>>& changes,
                        const std::function<std::string(const T&)>& identity_of) {
  std::set<std::string> seen{identity_of(plain)};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    T changed = plain;
    changes[i](changed);
    EXPECT_TRUE(seen.insert(identity_of(changed)).second) << "change " << i;
    EXPECT_EQ(identity_of(changed), identity_of(T(changed)));
  }
}

std::shared_ptr<const RecurrentWeights> weights(double x) {
  return std::make_shared<const RecurrentWeights>(
      RecurrentWeights{"elman", Tensor({1, 1}, {x}), Tensor({1}, {0}), "rnn.npz", "rnn"});
}

/// A change of each field of an Initialisation; a field more does not compile until it stands here.
std::vector<std::function<void(Initialisation&)>> changes_of_initialisation() {
  const Initialisation all;
  [[maybe_unused]] const auto& [W, weights_, density, sparsity, bias, forget_bias, chrono, h0, c0,
                                input, input_scale, input_until, loss, loss_on, loss_scale] = all;
  return {[](auto& i) { i.W.kind = WeightInit::Kind::orthogonal; },
          [](auto& i) { i.W.scale = 1.0000001; },
          [](auto& i) {
            i.W.matrix = Tensor({2, 1}, {1, 2});
          },
          [](auto& i) {
            i.W.matrix = Tensor({1, 2}, {1, 2});
          },
          [](auto& i) { i.weights = weights(1); },
          [](auto& i) { i.weights = weights(2); },
          [](auto& i) { i.density = 0.1; },
          [](auto& i) { i.sparsity = Sparsity::band; },
          [](auto& i) { i.bias.scale = 1e-9; },
          [](auto& i) { i.bias.kind = ValueInit::Kind::gaussian; },
          [](auto& i) { i.forget_bias = 2; },
          [](auto& i) { i.chrono = 2; },
          [](auto& i) { i.h0.scale = 1.0000001; },
          [](auto& i) { i.c0.scale = 1.0000001; },
          [](auto& i) { i.input = Initialisation::Input::impulse; },
          [](auto& i) { i.input_scale = 0.5; },
          [](auto& i) { i.input_until = 0; },
          [](auto& i) { i.input_until = 1; },
          [](auto& i) { i.loss = Initialisation::LossGradient::ones; },
          [](auto& i) { i.loss_on = Initialisation::LossOn::both; },
          [](auto& i) { i.loss_scale = 1.0000001; }};
}

TEST(Identity, EveryFieldOfAnInitialisationCounts) {
  expect_each_counts<Initialisation>(Initialisation{}, changes_of_initialisation(),
                                     [](const auto& i) { return identity(i).text(); });
}

TEST(Identity, EveryFieldOfAProblemCounts) {
  using P = Problem;
  const auto with = [](auto problem, auto change) {
    change(problem);
    return P(problem);
  };
  const ActivationProblem a;
  const ClipProblem c;
  const RecurrentProblem r;
  const FeedForwardProblem f;
  {
    [[maybe_unused]] const auto& [a1, a2, a3, a4, a5, a6, a7, a8] = a;
    [[maybe_unused]] const auto& [c1, c2, c3, c4, c5, c6, c7, c8, c9] = c;
    [[maybe_unused]] const auto& [r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14,
                                  r15] = r;
    [[maybe_unused]] const auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13] = f;
  }
  const std::vector<P> problems{a,
                                with(a, [](auto& p) { p.act = "relu"; }),
                                with(a, [](auto& p) { p.rows = 1; }),
                                with(a, [](auto& p) { p.cols = 1; }),
                                with(a, [](auto& p) { p.pass = ActivationPass::forward; }),
                                with(a, [](auto& p) { p.bias_gradient = true; }),
                                with(a, [](auto& p) { p.count_saturated = true; }),
                                with(a, [](auto& p) { p.slope = SlopeFrom::input; }),
                                with(a, [](auto& p) { p.dtype = Dtype::f16; }),
                                c,
                                with(c, [](auto& p) { p.mode = "value"; }),
                                with(c,
                                     [](auto& p) {
                                       p.sizes = {2, 3};
                                     }),
                                with(c,
                                     [](auto& p) {
                                       p.sizes = {3, 2};
                                     }),
                                with(c, [](auto& p) { p.units = {1}; }),
                                with(c, [](auto& p) { p.threshold = 1.0000001; }),
                                with(c, [](auto& p) { p.sgd = true; }),
                                with(c, [](auto& p) { p.lr = 0.02; }),
                                with(c, [](auto& p) { p.momentum = 0.8; }),
                                with(c, [](auto& p) { p.route = ClipRoute::on_chip; }),
                                with(c, [](auto& p) { p.dtype = Dtype::f16; }),
                                r,
                                with(r, [](auto& p) { p.cell = "gru"; }),
                                with(r, [](auto& p) { p.act = "relu"; }),
                                with(r, [](auto& p) { p.T = 1; }),
                                with(r, [](auto& p) { p.B = 1; }),
                                with(r, [](auto& p) { p.H = 1; }),
                                with(r, [](auto& p) { p.pass = Pass::forward; }),
                                with(r, [](auto& p) { p.project_input = false; }),
                                with(r, [](auto& p) { p.I = 3; }),
                                with(r, [](auto& p) { p.share = false; }),
                                with(r, [](auto& p) { p.record = true; }),
                                with(r, [](auto& p) { p.norms = false; }),
                                with(r, [](auto& p) { p.clip_value = 1e-7; }),
                                with(r, [](auto& p) { p.form = AdditiveForm::sum; }),
                                with(r, [](auto& p) { p.form.terms = 3; }),
                                with(r, [](auto& p) { p.slope = SlopeFrom::input; }),
                                with(r, [](auto& p) { p.dtype = Dtype::f16; }),
                                f,
                                with(f, [](auto& p) { p.net = LayerNet::cnn; }),
                                with(f, [](auto& p) { p.act = "relu"; }),
                                with(f, [](auto& p) { p.L = 1; }),
                                with(f, [](auto& p) { p.B = 1; }),
                                with(f, [](auto& p) { p.N = 1; }),
                                with(f, [](auto& p) { p.pass = Pass::forward; }),
                                with(f, [](auto& p) { p.residual = Residual::scaled; }),
                                with(f, [](auto& p) { p.residual_scale = 0.9; }),
                                with(f, [](auto& p) { p.share = true; }),
                                with(f, [](auto& p) { p.record = true; }),
                                with(f, [](auto& p) { p.clip_value = 1e-7; }),
                                with(f, [](auto& p) { p.slope = SlopeFrom::input; }),
                                with(f, [](auto& p) { p.dtype = Dtype::f16; })};
  std::set<std::string> seen;
  for (const P& problem : problems) {
    EXPECT_TRUE(seen.insert(identity(problem).text()).second) << identity(problem).text();
  }
}

TEST(Identity, AContextCounts) {
  const auto text = [](const Context& context) { return identity(context).text(); };
  EXPECT_NE(text({.schedule = 1}), text({}));
  EXPECT_NE(text({.flush_subnormals = true}), text({}));
  EXPECT_NE(text({.math = Math::tf32}), text({}));
  EXPECT_NE(text({.variant = Variant::steps}), text({}));
}

TEST(Identity, AnAxisSetsWhatItSaysItSets) {
  GrowthSpec spec;
  spec.net = "lstm";
  // An axis, and what the flags may say of its knob, which does not matter.
  const std::vector<std::pair<const char*, std::function<void(GrowthSpec&)>>> axes{
      {"gain=1:2:1", [](auto& s) { s.init.W.scale = 7; }},
      {"bias=1:2:1", [](auto& s) { s.init.bias.scale = 7; }},
      {"input=1:2:1", [](auto& s) { s.init.input = Initialisation::Input::impulse; }},
      {"h0=1:2:1", [](auto& s) { s.h0_fixed_point = true; }},
      {"chrono=2:3:1", [](auto& s) { s.init.chrono = 7; }},
      {"forget-bias=1:2:1", [](auto& s) { s.init.forget_bias = 7; }},
      {"density=0.5:1:0.5", [](auto& s) { s.init.density = 0.7; }},
      {"depth=3:4:1", [](auto& s) { s.depth = 7; }},
      {"width=3:4:1", [](auto& s) { s.width = 7; }},
      {"batch=3:4:1", [](auto& s) { s.batch = 7; }}};
  for (const auto& [text, change] : axes) {
    const auto axis = growth::parse_sweep(text);
    const auto identity_of = [&](const GrowthSpec& base, std::size_t cell) {
      return sweep_identity(growth::sweep_cells(base, axis).at(cell), "cpu").text();
    };
    EXPECT_NE(identity_of(spec, 0), identity_of(spec, 1)) << text;
    EXPECT_EQ(difference(identity_of(spec, 0), identity_of(spec, 1), growth::settings_of(axis)), "")
        << text;
    GrowthSpec other = spec;
    change(other);
    EXPECT_EQ(identity_of(other, 0), identity_of(spec, 0)) << text;
    other.init.loss_scale = 7;
    EXPECT_EQ(difference(identity_of(other, 1), identity_of(spec, 0), growth::settings_of(axis)),
              "loss_scale=7 (not 1)")
        << text;
  }
}

}  // namespace
}  // namespace gradepth
