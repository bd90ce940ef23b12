#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <set>

#include "bench/workloads.h"
#include "host/problem/problem.h"
#include "host/providers/factories.h"
#include "kernels/cell/cells.h"
#include "kernels/clip/rules.h"

/// Problems from their names: each comes back whole, and what no problem has is refused.
namespace gradepth {
namespace {

/// The problem as far as a name says it: members that decide nothing have their defaults. That they
/// decide nothing is tested below.
ActivationProblem said(ActivationProblem p) { return p; }

ClipProblem said(ClipProblem p) {
  if (!p.sgd) {
    p.lr = ClipProblem{}.lr;
    p.momentum = ClipProblem{}.momentum;
  }
  if (p.units == std::vector<std::int64_t>(p.sizes.size(), 1)) p.units = {};
  return p;
}

RecurrentProblem said(RecurrentProblem p) {
  p.record = false;
  if (p.cell == "additive") {
    p.act = RecurrentProblem{}.act;
    p.project_input = true;
  } else {
    p.form = RecurrentProblem{}.form;
  }
  if (p.pass == Pass::forward) p.norms = true;
  if (p.I == p.H) p.I = 0;
  if (p.dtype == Dtype::f64) p.slope = SlopeFrom::output;
  return p;
}

FeedForwardProblem said(FeedForwardProblem p) {
  p.record = false;
  if (p.net != LayerNet::residual) p.residual = Residual::plain;
  if (p.residual != Residual::scaled) p.residual_scale = 1;
  if (p.dtype == Dtype::f64) p.slope = SlopeFrom::output;
  return p;
}

Problem said(const Problem& problem) {
  return std::visit([](const auto& p) -> Problem { return said(p); }, problem);
}

TEST(ParseProblem, TakesTheNameOfEveryWorkload) {
  for (const char* preset : {"brief", "small", "quick", "full"}) {
    for (const Workload& workload : workloads(preset)) {
      const std::string text = name(workload.problem);
      const Problem parsed = parse_problem(text);
      EXPECT_EQ(name(parsed), text);
      EXPECT_TRUE(parsed == said(workload.problem)) << text;
    }
  }
}

class Draw {
 public:
  explicit Draw(std::int64_t most) : most_(most) {}

  bool coin() { return whole(0, 1) == 1; }
  std::int64_t whole(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
  }
  template <class List>
  auto one_of(const List& list) {
    return *(std::begin(list) + whole(0, static_cast<std::int64_t>(std::size(list)) - 1));
  }
  std::int64_t size() { return whole(1, coin() ? 4 : most_); }
  /// Round ones and ones that need all their digits.
  double positive(double most = 1e6) {
    constexpr double round[] = {1, 0.5, 0.1, 0.9};
    if (coin()) return one_of(round);
    return std::exp(std::uniform_real_distribution<>(-9, std::log(most))(random_));
  }
  Activation activation() { return coin() ? "tanh" : Activation(one_of(all_activations)); }
  Dtype dtype() { return one_of(all_dtypes); }
  SlopeFrom slope() { return coin() ? SlopeFrom::output : SlopeFrom::input; }

  /// Takes each struct apart: a new member does not compile until it is drawn.
  ActivationProblem draw(ActivationProblem p) {
    auto& [act, rows, cols, pass, bias_gradient, count_saturated, slope_from, format] = p;
    act = activation();
    rows = size();
    cols = size();
    pass = coin() ? ActivationPass::forward : ActivationPass::backward;
    bias_gradient = coin();
    count_saturated = coin();
    slope_from = slope();
    format = dtype();
    return p;
  }

  ClipProblem draw(ClipProblem p) {
    auto& [mode, sizes, units, threshold, sgd, lr, momentum, route, format] = p;
    mode = one_of(all_clip_rules);
    sizes.resize(static_cast<std::size_t>(whole(0, coin() ? 2 : 9)));
    const std::int64_t all = size();
    for (std::int64_t& n : sizes) n = coin() ? all : whole(0, most_);
    if (mode->scope == ClipScope::unit && coin()) {
      for (const std::int64_t n : sizes) {
        units.push_back(n == 0 || coin() ? 1 : n % 2 == 0 && coin() ? n / 2 : n);
      }
    }
    threshold = positive();
    sgd = coin();
    lr = positive();
    momentum = positive(1);
    route = one_of(std::array{ClipRoute::automatic, ClipRoute::on_chip, ClipRoute::two_launches});
    format = dtype();
    return p;
  }

  RecurrentProblem draw(RecurrentProblem p) {
    auto& [cell, act, T, B, H, pass, project_input, I, share, record, norms, clip_value, form,
           slope_from, format] = p;
    cell = one_of(all_cells);
    act = activation();
    T = size();
    B = size();
    H = size();
    pass = coin() ? Pass::forward : Pass::training;
    project_input = coin();
    I = coin() ? 0 : size();
    share = coin();
    record = coin();
    norms = coin();
    clip_value = coin() ? 0 : positive(1000);
    form = AdditiveForm{coin() ? whole(0, 2) : size()};
    slope_from = slope();
    format = dtype();
    return p;
  }

  FeedForwardProblem draw(FeedForwardProblem p) {
    auto& [net, act, L, B, N, pass, residual, residual_scale, share, record, clip_value, slope_from,
           format] = p;
    net = one_of(std::array{LayerNet::mlp, LayerNet::residual, LayerNet::cnn});
    act = activation();
    L = size();
    B = size();
    N = size();
    pass = coin() ? Pass::forward : Pass::training;
    residual = one_of(std::array{Residual::plain, Residual::preact, Residual::scaled});
    residual_scale = coin() ? positive() : -positive();
    share = coin();
    record = coin();
    clip_value = coin() ? 0 : positive(1000);
    slope_from = slope();
    format = dtype();
    return p;
  }

  /// One that validate() lets pass, and the same with what a name says.
  Problem problem(const Problem& kind) {
    for (;;) {
      Problem drawn = std::visit([&](const auto& p) -> Problem { return draw(p); }, kind);
      try {
        validate(drawn);
        return drawn;
      } catch (const std::invalid_argument&) {  // say, lstm with relu
      }
    }
  }

  std::mt19937_64& random() { return random_; }

 private:
  std::int64_t most_;
  std::mt19937_64 random_{1};
};

const Problem all_kinds[] = {ActivationProblem{}, ClipProblem{}, RecurrentProblem{},
                             FeedForwardProblem{}};

TEST(ParseProblem, TakesTheNameOfAnyProblem) {
  Draw draw(1'000'000);
  for (const Problem& kind : all_kinds) {
    std::set<std::string> names;
    for (int i = 0; i < 2000; ++i) {
      const Problem problem = draw.problem(kind);
      const std::string text = name(problem);
      const Problem parsed = parse_problem(text);
      ASSERT_TRUE(parsed == said(problem)) << text;
      ASSERT_EQ(name(parsed), text);
      names.insert(text);
    }
    EXPECT_GT(names.size(), 1500U);
  }
}

TEST(ParseProblem, NamesOmitNothingThatDecidesAResult) {
  const std::unique_ptr<Provider> reference = make_reference_provider({});
  const auto results = [&](const Problem& problem, const Tensors& in) {
    const PlanPtr plan = std::get<PlanPtr>(reference->plan(problem));
    plan->set(in);
    plan->run();
    Tensors out;
    for (const TensorSpec& spec : outputs(problem)) out[spec.name] = plan->get(spec.name);
    return out;
  };
  Draw draw(5);
  int omitted = 0;
  for (const Problem& kind : all_kinds) {
    for (int i = 0; i < 150; ++i) {
      const Problem problem = draw.problem(kind);
      const Problem parsed = parse_problem(name(problem));
      omitted += parsed == problem ? 0 : 1;
      Initialisation init;
      init.input = Initialisation::Input::gaussian;
      if (name(problem).starts_with("recurrent/additive")) {
        init.W = {WeightInit::Kind::constant, 0.4, {}};
      }
      const Tensors in = gradepth::draw(problem, init, 1);
      const Tensors all = results(problem, in);
      for (const auto& [tensor, want] : results(parsed, in)) {
        ASSERT_TRUE(all.contains(tensor)) << name(problem) << ' ' << tensor;
        const Tensor& got = all.find(tensor)->second;
        ASSERT_EQ(got.shape, want.shape) << name(problem) << ' ' << tensor;
        ASSERT_TRUE(std::equal(got.data.begin(), got.data.end(), want.data.begin(),
                               [](double a, double b) { return a == b || (a != a && b != b); }))
            << name(problem) << " " << tensor;
      }
    }
  }
  EXPECT_GT(omitted, 100);  // else nothing was tested
}

TEST(ParseProblem, KnowsNamesOfOldRows) {
  EXPECT_TRUE(parse_problem("recurrent/elman/tanh/f32/T64_B32_H512") ==
              Problem(RecurrentProblem{.T = 64, .B = 32, .H = 512}));
  EXPECT_TRUE(
      parse_problem("clip/norm/f32/N10000000_K50_at1e+06") ==
      Problem(ClipProblem{.sizes = std::vector<std::int64_t>(50, 200'000), .threshold = 1e6}));
  EXPECT_TRUE(parse_problem("clip/agc/f32/N10000000_K50_U10000_at1") ==
              Problem(ClipProblem{.mode = "agc",
                                  .sizes = std::vector<std::int64_t>(50, 200'000),
                                  .units = std::vector<std::int64_t>(50, 200)}));
}

TEST(ParseProblem, NumbersAreDecimal) {
  const auto steps = [](const char* text) {
    return std::get<RecurrentProblem>(
               parse_problem(std::string("recurrent/gru/tanh/f32/T") + text + "_B1_H1"))
        .T;
  };
  EXPECT_EQ(steps("010"), 10);
  EXPECT_EQ(steps("1000000"), 1'000'000);
  for (const char* bad : {"0x10", "1e3", "+7", "-7", " 7", "7.0", "18446744073709551617"}) {
    EXPECT_THROW(steps(bad), std::invalid_argument) << bad;
  }
}

struct Wrong {
  const char* name;
  const char* message;  // after `problem NAME: `
};

const Wrong wrong_names[] = {
    {"", "kind missing: one of activation, clip, recurrent, feedforward"},
    {"/", "kind missing: one of activation, clip, recurrent, feedforward"},
    {"rnn/elman", "kind rnn: one of activation, clip, recurrent, feedforward"},
    {"Recurrent/elman/tanh/f32/T1_B1_H1",
     "kind Recurrent: one of activation, clip, recurrent, feedforward"},
    {"recurrent", "no cell: one of elman, lstm, gru, "},
    {"recurrent/", "no cell: one of elman, lstm, gru, "},
    {"recurrent/rnn/tanh/f32/T1_B1_H1", "cell rnn: one of elman, lstm, gru, "},
    {"recurrent//tanh/f32/T1_B1_H1", "no cell: one of elman, lstm, gru, "},
    {"recurrent/elman/tahn/f32/T1_B1_H1", "activation tahn: one of identity, "},
    {"recurrent/lstm/relu/f32/T1_B1_H1", "activation relu: lstm has tanh"},
    {"recurrent/additive/tanh/f32/T1_B1_H1", "form tanh: one of two-term, sum"},
    {"recurrent/elman/sum/f32/T1_B1_H1", "activation sum: one of identity, "},
    {"recurrent/elman/tanh", "no dtype: one of f64, f32, f16, bf16"},
    {"recurrent/elman/tanh/f31/T1_B1_H1", "dtype f31: one of f64, f32, f16, bf16"},
    {"recurrent/elman/tanh/T1_B1_H1", "dtype T1_B1_H1: one of f64, f32, f16, bf16"},
    {"recurrent/elman/tanh/f32", "the end in place of T: T"},
    {"recurrent/elman/tanh/f32/", "the end in place of T: T"},
    {"recurrent/elman/tanh/f32/64", "64 in place of T: T"},
    {"recurrent/elman/tanh/f32/T1_H1", "H1 in place of B: B"},
    {"recurrent/elman/tanh/f32/T1_B1", "the end in place of H: H"},
    {"recurrent/elman/tanh/f32/T1_B1_", "_ in place of H: H"},
    {"recurrent/elman/tanh/f32/T1__B1_H1", "_B1 in place of B: B"},
    {"recurrent/elman/tanh/f32/T_B1_H1", "T: T and a whole number from 1 to 1000000000"},
    {"recurrent/elman/tanh/f32/T0_B1_H1", "T0: T and a whole number from 1 to 1000000000"},
    {"recurrent/elman/tanh/f32/T-1_B1_H1", "T-1: T and a whole number from 1 to 1000000000"},
    {"recurrent/elman/tanh/f32/T1_B1x_H1", "B1x: B and a whole number from 1 to 1000000000"},
    {"recurrent/elman/tanh/f32/T1_B1_H1000000001",
     "H1000000001: H and a whole number from 1 to 1000000000"},
    {"recurrent/elman/tanh/f32/T1_B1_H99999999999999999999",
     "H99999999999999999999: H and a whole number from 1 to 1000000000"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_I0", "I0: I and a whole number from 1 to 1000000000"},
    {"recurrent/elman/tanh/f32/T1000000000_B1000000000_H1",
     "tensor x: at most 2^40 elements; make the problem smaller"},
    {"recurrent/elman/tanh/f32/T1_B1_H1/cpu", "/cpu: nothing may stand after H1"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_foo",
     "foo: I, recurrence, distinct, forward, nonorms, clip, input-slope may stand after H1"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_",
     "_: I, recurrence, distinct, forward, nonorms, clip, input-slope may stand after H1"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_forward_recurrence",
     "recurrence: clip, input-slope may stand after forward"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_forward_nonorms",
     "nonorms: clip, input-slope may stand after forward"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_forward_forward",
     "forward: clip, input-slope may stand after forward"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_forwards",
     "forwards: I, recurrence, distinct, forward, nonorms, clip, input-slope may stand after H1"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_distinct", "share off: not with an input projection"},
    {"recurrent/additive/sum/f32/T1_B1_H1_distinct", "share off: additive nets share w"},
    {"recurrent/additive/sum/f32/T1_B1_H1_recurrence",
     "recurrence: I, distinct, forward, nonorms, clip, input-slope may stand after H1"},
    {"recurrent/elman/tanh/f64/T1_B1_H1_clip1_input-slope",
     "input-slope: nothing may stand after clip1"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_clip", "clip: clip and a number"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_clipnan", "clipnan: clip and a number"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_clip1e999", "clip1e999: clip and a number"},
    {"recurrent/elman/tanh/f32/T1_B1_H1_clip-1",
     "clip-value -1: 0 (off) or a number above 0 that f32 holds"},
    {"feedforward/transformer/tanh/f32/L1_B1_N1", "net transformer: one of mlp, residual, cnn"},
    {"feedforward/mlp/tanh/f32/T1_B1_H1", "T1 in place of L: L"},
    {"feedforward/mlp/tanh/f32/L1_B1_N1_preact",
     "preact: tied, forward, clip, input-slope may stand after N1"},
    {"feedforward/residual/tanh/f32/L1_B1_N1_scaled", "scaled: scaled and a number"},
    {"feedforward/residual/tanh/f32/L1_B1_N1_preact_scaled2",
     "scaled2: tied, forward, clip, input-slope may stand after preact"},
    {"activation/tanh/sideways/f32/R1_C1", "pass sideways: one of forward, backward"},
    {"activation/tanh/training/f32/R1_C1", "pass training: one of forward, backward"},
    {"activation/tanh/backward/f32/R1", "the end in place of C: C"},
    {"activation/tanh/backward/f32/R1_C1_saturated_bias",
     "bias: input-slope may stand after saturated"},
    {"clip/median/f32/N1_K1_at1", "clip mode median: one of norm, tensor, agc, value"},
    {"clip/norm/f32/K1_at1", "K1 in place of N: N and how many elements"},
    {"clip/norm/f32/N1+_at1", "N1+: N and how many elements"},
    {"clip/norm/f32/N1++2_at1", "N1++2: N and how many elements"},
    {"clip/norm/f32/N1099511627777_K1_at1", "N1099511627777: N and how many elements"},
    {"clip/norm/f32/N1099511627776+1_at1", "tensor g: at most 2^40 elements"},
    {"clip/norm/f32/N1+2_K2_at1", "K2: K and how many tensors the elements of N are in"},
    {"clip/norm/f32/N2+2_K2_at1", "K2: K and how many tensors the elements of N are in"},
    {"clip/norm/f32/N7_K0_at1", "K0: K and how many tensors the elements of N are in"},
    {"clip/norm/f32/N7_K1000001_at1", "K1000001: K and how many tensors"},
    {"clip/norm/f32/N7_K1", "the end in place of at: at and a number"},
    {"clip/norm/f32/N7_K1_at0", "clip threshold 0.000000: a number above 0"},
    {"clip/norm/f32/N7_K1_U1_at1", "U1 in place of at: at and a number"},
    {"clip/agc/f32/N6_K1_U4_at1", "clip units 4: a whole number that divides its tensor's size"},
    {"clip/agc/f32/N6_K2_U1+1+1_at1", "clip units of 3 tensors: of agc only, one for each tensor"},
    {"clip/agc/f32/N0_K0_U1_at1", "U1: U and how many units"},
    {"clip/agc/f32/N6_K1_U1_at1_on_chip", "clip route on_chip: only for norm, tensor"},
    {"clip/norm/f32/N6_K1_at1_on", "on: sgd, on_chip, two_launches may stand after at1"},
    {"clip/norm/f32/N6_K1_at1_on_chip_two_launches", "two: nothing may stand after on_chip"},
    {"clip/norm/f32/N6_K1_at1_sgd0.1", "the end in place of momentum: momentum and a number"},
    {"clip/norm/f32/N6_K1_at1_sgd0.1_momentum2", "clip momentum 2.000000: a number from 0 to 1"},
    {"clip/norm/f32/N6_K1_at1_momentum0.9",
     "momentum0.9: sgd, on_chip, two_launches may stand after at1"},
};

TEST(ParseProblem, SaysWhatIsWrongAndWhatMayStandThere) {
  for (const Wrong& wrong : wrong_names) {
    try {
      parse_problem(wrong.name);
      ADD_FAILURE() << wrong.name;
    } catch (const std::invalid_argument& error) {
      const std::string all = error.what();
      const std::string before =
          std::string("problem ") + (*wrong.name == '\0' ? "\"\"" : wrong.name) + ": ";
      EXPECT_TRUE(all.starts_with(before + wrong.message))
          << all << "\n  not " << before << wrong.message;
    }
  }
}

TEST(ParseProblem, MessagesAreOneShortLine) {
  for (const std::string& bad :
       {std::string("recurrent/el\nman/tanh"), std::string("a\0b", 3), std::string(1 << 20, 'x'),
        "recurrent/elman/tanh/f32/T" + std::string(1 << 20, '9'),
        "clip/norm/f32/N" + std::string(1 << 20, '+'), std::string("recurrent/\xff\xfe/tanh")}) {
    try {
      parse_problem(bad);
      ADD_FAILURE();
    } catch (const std::invalid_argument& error) {
      const std::string text = error.what();
      EXPECT_LT(text.size(), 800U);
      EXPECT_TRUE(std::all_of(text.begin(), text.end(), [](char c) {
        return c >= ' ' && c <= '~';
      })) << text;
    }
  }
}

/// Names with a few characters changed are refused, or are of a problem whose name is read again.
TEST(ParseProblem, SurvivesAnyText) {
  Draw draw(100);
  int read = 0;
  int refused = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = name(draw.problem(draw.one_of(all_kinds)));
    for (std::int64_t edits = draw.whole(1, 3); edits > 0; --edits) {
      const auto at =
          static_cast<std::size_t>(draw.whole(0, static_cast<std::int64_t>(text.size()) - 1));
      const char any = draw.coin() ? draw.one_of(std::string_view("_/+-.019eTKNU"))
                                   : static_cast<char>(draw.whole(-128, 127));
      if (draw.coin()) {
        text[at] = any;
      } else if (draw.coin()) {
        text.insert(at, 1, any);
      } else if (text.size() > 1) {
        text.erase(at, 1);
      }
    }
    try {
      const Problem problem = parse_problem(text);
      ++read;
      ASSERT_TRUE(parse_problem(name(problem)) == said(problem)) << text;
    } catch (const std::invalid_argument& error) {
      ++refused;
      ASSERT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
  EXPECT_GT(read, 300);
  EXPECT_GT(refused, 10000);
}

}  // namespace
}  // namespace gradepth
