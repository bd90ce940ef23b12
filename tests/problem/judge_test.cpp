#include "host/problem/judge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "bench/workloads.h"
#include "host/providers/factories.h"
#include "host/text/not_finite.h"

/// What the judge lets pass, and what it catches: errors planted in results that are right.
namespace gradepth {
namespace {

const std::unique_ptr<Provider>& reference() {
  static const std::unique_ptr<Provider> made = make_reference_provider({});
  return made;
}

/// A plan whose outputs are given.
class FixedPlan : public Plan {
 public:
  explicit FixedPlan(Tensors out) : out_(std::move(out)) {}
  void set(const Tensors& /*in*/) override {}
  void run() override {}
  Tensor get(std::string_view name) override { return out_.find(name)->second; }

 private:
  Tensors out_;
};

Judge judge_of(const Workload& workload, std::uint64_t seed = 1) {
  return {workload.problem, draw(workload.problem, workload.init, seed)};
}

/// What the reference makes of the problem in its own format: right but for rounding.
Tensors own_outputs(const Problem& problem, const Tensors& in) {
  const PlanPtr plan = std::get<PlanPtr>(reference()->plan(problem));
  plan->set(in);
  plan->run();
  Tensors out;
  for (const TensorSpec& spec : outputs(problem)) out[spec.name] = plan->get(spec.name);
  return out;
}

Comparison judged(const Judge& judge, Tensors out) {
  FixedPlan plan(std::move(out));
  return judge.compare(plan);
}

Workload elman(std::int64_t T, std::int64_t B, std::int64_t H, Activation act = "tanh",
               double gain = 0.95) {
  Workload workload{RecurrentProblem{.act = act, .T = T, .B = B, .H = H}, {}};
  workload.init.W = {WeightInit::Kind::orthogonal, gain, {}};
  workload.init.input = Initialisation::Input::gaussian;
  workload.init.input_scale = 0.1;
  return workload;
}

/// A slice of a tensor: one step or layer, or all of it.
std::size_t slice_of(const TensorSpec& spec, const Tensor& tensor) {
  return std::max<std::size_t>(spec.by_step ? tensor.stride() : tensor.size(), 1);
}

/// One entry of one output, off by 1e-4 of the largest entry of its slice.
TEST(Judge, CatchesOneWrongEntryOfOneOutput) {
  std::mt19937_64 random(20261130);
  int planted = 0;
  for (const Workload& workload : workloads("small")) {
    if (dtype(workload.problem) != Dtype::f32) continue;
    const Judge judge = judge_of(workload);
    ASSERT_EQ(judge.refusal(), "") << name(workload.problem);
    const Tensors right = own_outputs(workload.problem, judge.inputs());
    ASSERT_TRUE(judged(judge, right).ok) << name(workload.problem);
    for (const TensorSpec& spec : outputs(workload.problem)) {
      Tensors out = right;
      Tensor& tensor = out[spec.name];
      if (tensor.size() == 0 || spec.name == "saturated" || spec.name == "skipped") continue;
      const std::size_t slice = slice_of(spec, tensor);
      const std::size_t at = random() % tensor.size();
      const auto begin = tensor.data.begin() + static_cast<std::ptrdiff_t>(at / slice * slice);
      double largest = 0;
      std::for_each(begin, begin + static_cast<std::ptrdiff_t>(slice),
                    [&](double x) { largest = std::max(largest, std::abs(x)); });
      if (largest == 0) continue;
      double share = 1e-4;
      if (const double allowed = judge.tolerance(spec.name); allowed > share) {
        EXPECT_EQ(name(workload.problem), "recurrent/elman/tanh/f32/T16_B8_H64_recurrence")
            << "the chaotic one alone has a tolerance this wide";
        EXPECT_LT(allowed, 1e-3);
        share = 1.5 * allowed;
      }
      // Of a squared norm, twice that.
      const double change = (spec.name == "dh_norm2" ? 2 : 1) * share * largest;
      tensor.data[at] += tensor.data[at] < 0 ? -change : change;
      EXPECT_FALSE(judged(judge, out).ok) << name(workload.problem) << ' ' << spec.name;
      ++planted;
    }
  }
  EXPECT_GT(planted, 500);
}

/// Slopes from a y that was rounded to f16, as a kernel that stores states in 16 bits has them.
TEST(Judge, CatchesSlopesOfARoundedOutput) {
  for (const Activation act : std::initializer_list<Activation>{"tanh", "sigmoid"}) {
    const Workload workload{ActivationProblem{.act = act, .rows = 33, .cols = 37}, {}};
    const Judge judge = judge_of(workload);
    Tensors in = judge.inputs();
    EXPECT_TRUE(judged(judge, own_outputs(workload.problem, in)).ok);
    for (double& y : in["y"].data) y = round_to(Dtype::f16, y);
    EXPECT_FALSE(judged(judge, own_outputs(workload.problem, in)).ok) << act.name();
  }
}

/// elman, tanh or ReLU, forward and back in float64, with the errors that are planted.
struct Planted {
  bool slopes_of_f16 = false;     // f' from y rounded to f16
  std::int64_t lost_sample = -1;  // its gradient becomes 0 half way back
};

Tensors elman_outputs(const RecurrentProblem& p, const Tensors& in, const Planted& planted) {
  const auto at = [](const Tensor& t, std::int64_t i) -> const double& {
    return t.data[static_cast<std::size_t>(i)];
  };
  const auto to = [](Tensor& t, std::int64_t i) -> double& {
    return t.data[static_cast<std::size_t>(i)];
  };
  const auto [T, B, H] = std::array{p.T, p.B, p.H};
  const Tensor& W = in.find("Wh")->second;
  const Tensor& x = in.find("x")->second;
  const Tensor& dy = in.find("dy")->second;
  Tensor h({T + 1, B, H});
  std::copy(in.find("h0")->second.data.begin(), in.find("h0")->second.data.end(), h.data.begin());
  for (std::int64_t i = 0; i < T * B * H; ++i) {
    const std::int64_t sample = i / H * H;
    double a = at(x, i) + at(in.find("b")->second, i % H);
    for (std::int64_t k = 0; k < H; ++k) a += at(W, i % H * H + k) * at(h, sample + k);
    to(h, i + B * H) = p.act == "tanh" ? std::tanh(a) : std::max(a, 0.0);
  }
  Tensors out{{"y", Tensor({T, B, H})}, {"dx", Tensor({T, B, H})}, {"dh0", Tensor({B, H})},
              {"dWh", Tensor({H, H})},  {"db", Tensor({H})},       {"dh_norm2", Tensor({T + 1})}};
  std::copy(h.data.begin() + B * H, h.data.end(), out["y"].data.begin());
  Tensor dh({B, H});
  for (std::int64_t t = T - 1; t >= 0; --t) {
    Tensor da({B, H});
    for (std::int64_t i = 0; i < B * H; ++i) {
      to(dh, i) += at(dy, t * B * H + i);
      if (t == T / 2 && i / H == planted.lost_sample) to(dh, i) = 0;
      to(out["dh_norm2"], t + 1) += at(dh, i) * at(dh, i);
      double y = at(h, (t + 1) * B * H + i);
      if (planted.slopes_of_f16) y = round_to(Dtype::f16, y);
      to(da, i) = at(dh, i) * (p.act == "tanh" ? 1 - y * y : y > 0 ? 1 : 0);
      to(out["dx"], t * B * H + i) = at(da, i);
      to(out["db"], i % H) += at(da, i);
      for (std::int64_t k = 0; k < H; ++k) {
        to(out["dWh"], i % H * H + k) += at(da, i) * at(h, t * B * H + i / H * H + k);
      }
    }
    for (std::int64_t i = 0; i < B * H; ++i) {
      to(dh, i) = 0;
      for (std::int64_t k = 0; k < H; ++k) {
        to(dh, i) += at(W, k * H + i % H) * at(da, i / H * H + k);
      }
    }
  }
  for (const double g : dh.data) to(out["dh_norm2"], 0) += g * g;
  out["dh0"] = dh;
  return out;
}

Workload recurrence(Activation act, std::int64_t T, std::int64_t B, std::int64_t H) {
  Workload workload = elman(T, B, H, act, act == "relu" ? 1.0 : 0.95);
  std::get<RecurrentProblem>(workload.problem).project_input = false;
  return workload;
}

TEST(Judge, CatchesErrorsOfANet) {
  for (const Activation act : std::initializer_list<Activation>{"tanh", "relu"}) {
    const Workload workload = recurrence(act, 40, 8, 24);
    const auto& net = std::get<RecurrentProblem>(workload.problem);
    const Judge judge = judge_of(workload);
    const Comparison right = judged(judge, elman_outputs(net, judge.inputs(), {}));
    EXPECT_TRUE(right.ok) << right.describe();
    if (net.act == "tanh") {
      EXPECT_FALSE(judged(judge, elman_outputs(net, judge.inputs(), {.slopes_of_f16 = true})).ok);
    }
    const Tensor& dy = judge.inputs().find("dy")->second;
    for (std::int64_t sample = 0; sample < net.B; ++sample) {
      const auto last = static_cast<std::size_t>(((net.T - 1) * net.B + sample) * net.H);
      if (dy.data[last] == 0) continue;  // left out at a kink
      const Comparison lost =
          judged(judge, elman_outputs(net, judge.inputs(), {.lost_sample = sample}));
      EXPECT_FALSE(lost.ok) << act.name() << ' ' << sample;
      EXPECT_GT(lost.error, 100 * lost.tolerance) << act.name() << ' ' << sample;
    }
  }
}

/// One gate's gradient at one step of an LSTM, too large by a share: the backward pass is linear,
/// so what that adds to each output is a backward pass of its own.
class OneGate {
 public:
  OneGate(const RecurrentProblem& net, const Tensors& in, std::int64_t t, std::int64_t gate)
      : net_(net), in_(in) {
    RecurrentProblem recorded = net;
    recorded.record = true;
    const Tensors all = own_outputs(recorded, in);
    const std::int64_t B = net.B;
    const std::int64_t H = net.H;
    // What the gate's part of da is, and what it sends to the state before.
    Tensors later = in;
    for (const char* name : {"dy", "dc"})
      std::fill(later[name].data.begin(), later[name].data.end(), 0);
    const auto number = [](const Tensor& tensor, std::int64_t i) {
      return tensor.data[static_cast<std::size_t>(i)];
    };
    direct_dx_ = Tensor({net.T, B, H});
    direct_db_ = Tensor({4 * H});
    direct_dWh_ = Tensor({4 * H, H});
    direct_dh0_ = Tensor({B, H});
    for (std::int64_t n = 0; n < B; ++n) {
      for (std::int64_t j = 0; j < H; ++j) {
        const std::int64_t row = gate * H + j;
        const double da = number(all.find("da")->second, (t * B + n) * 4 * H + row);
        direct_dx_.data[static_cast<std::size_t>((t * B + n) * H + j)] = da;
        direct_db_.data[static_cast<std::size_t>(row)] += da;
        for (std::int64_t k = 0; k < H; ++k) {
          const double h = number(all.find("h")->second, (t * B + n) * H + k);
          direct_dWh_.data[static_cast<std::size_t>(row * H + k)] += da * h;
          const double sent = da * number(in.find("Wh")->second, row * H + k);
          const auto to = static_cast<std::size_t>(n * H + k);
          if (t > 0) {
            later["dy"].data[static_cast<std::size_t>((t - 1) * B * H) + to] += sent;
          } else {
            direct_dh0_.data[to] += sent;
          }
        }
      }
    }
    further_ = own_outputs(net, later);
  }

  /// The net's outputs with the gate's gradient times 1 + share.
  [[nodiscard]] Tensors outputs_with(double share) const {
    Tensors out = own_outputs(net_, in_);
    const auto add = [&](const char* name, const Tensor& what) {
      for (std::size_t i = 0; i < what.size(); ++i) out[name].data[i] += share * what.data[i];
    };
    for (const char* name : {"dx", "dh0", "dc0", "dWh", "db"}) {
      add(name, further_.find(name)->second);
    }
    add("dx", direct_dx_);
    add("db", direct_db_);
    add("dWh", direct_dWh_);
    add("dh0", direct_dh0_);
    return out;
  }

 private:
  RecurrentProblem net_;
  Tensors in_, further_;
  Tensor direct_dx_, direct_db_, direct_dWh_, direct_dh0_;
};

TEST(Judge, CatchesAThousandthOfOneGateAtOneStep) {
  Workload workload{
      RecurrentProblem{.cell = "lstm", .T = 12, .B = 4, .H = 16, .project_input = false}, {}};
  workload.init.forget_bias = 1;
  workload.init.loss_on = Initialisation::LossOn::both;
  const auto& net = std::get<RecurrentProblem>(workload.problem);
  const Judge judge = judge_of(workload);
  EXPECT_TRUE(judged(judge, own_outputs(net, judge.inputs())).ok);
  double hardest = 0;
  for (const std::int64_t t : {0, 5, 11}) {
    for (std::int64_t gate = 0; gate < 4; ++gate) {
      const OneGate planted(net, judge.inputs(), t, gate);
      double caught = 1;
      while (caught > 1e-8 && !judged(judge, planted.outputs_with(caught / 2)).ok) caught /= 2;
      hardest = std::max(hardest, caught);
      EXPECT_LE(caught, 1e-3) << "step " << t << " gate " << gate;
    }
  }
  RecordProperty("least_size_caught", std::to_string(hardest));
}

/// Narrow where rounding errors stay small, wide where the net magnifies them.
TEST(Judge, ToleranceFollowsTheProblemsCondition) {
  const auto widest = [](const Workload& workload) {
    const Judge judge = judge_of(workload);
    EXPECT_EQ(judge.refusal(), "") << name(workload.problem);
    double allowed = 0;
    for (const TensorSpec& spec : outputs(workload.problem)) {
      allowed = std::max(allowed, judge.tolerance(spec.name));
    }
    return allowed;
  };
  const double least = 16 * 0x1p-23;
  const double tame = widest(elman(64, 8, 32));
  EXPECT_GE(tame, least);
  EXPECT_LT(tame, 4e-5);
  const double chaotic = widest(elman(16, 8, 64, "tanh", 2.5));
  EXPECT_GT(chaotic, 4 * tame);
  EXPECT_LT(chaotic, 1e-3);
  EXPECT_EQ(widest({ActivationProblem{}, {}}), least);
}

TEST(Judge, RefusesWhatTheFormatItselfLoses) {
  const Judge judge = judge_of(elman(200, 2, 64, "tanh", 3));
  EXPECT_NE(judge.refusal().find("f32 itself loses"), std::string::npos) << judge.refusal();
  EXPECT_NE(judge.refusal().find("cannot be told apart"), std::string::npos);
}

/// An output of one entry is judged by several draws: one may be right by luck.
TEST(Judge, OneNumberIsNotJudgedByItsLuck) {
  Workload workload{
      RecurrentProblem{.cell = "additive", .act = "identity", .T = 64, .B = 8, .H = 16}, {}};
  workload.init.W = {WeightInit::Kind::constant, 0.45, {}};
  // dw is a sum of numbers of both signs: where it cancels, all its digits are rounding's.
  int cancelled = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Judge judge = judge_of(workload, seed);
    EXPECT_EQ(judge.refusal(), "");
    cancelled += judge.tolerance("dWh") > 2 * judge.tolerance("y") ? 1 : 0;
    // The terms in another order, with float's running sums: right.
    const PlanPtr plan = std::get<PlanPtr>(make_cpu_provider({})->plan(workload.problem));
    plan->set(judge.inputs());
    plan->run();
    EXPECT_TRUE(judge.compare(*plan).ok) << seed << ": " << judge.compare(*plan).describe();
  }
  EXPECT_GT(cancelled, 0);
}

/// What rounding the factors of products may move lies at a kink too.
TEST(Judge, LeavesOutMoreWhereFactorsAreRounded) {
  const Workload workload = elman(10, 16, 32, "relu", 1);
  const Tensors in = draw(workload.problem, workload.init, 1);
  const Judge fma(workload.problem, in);
  const Judge tf32(workload.problem, in, Math::tf32);
  EXPECT_LT(fma.left_out(), 4);
  EXPECT_GT(tf32.left_out(), fma.left_out());
}

TEST(Judge, SaysWhereTheFormatLeavesItsRange) {
  Workload workload = elman(12, 2, 8, "relu", 1);
  workload.init.W = {WeightInit::Kind::identity, 1e5, {}};
  EXPECT_NE(judge_of(workload).refusal().find("f32 itself leaves its range"), std::string::npos);
}

/// A sample that comes near a kink gets no loss gradient, and no other sample's changes.
TEST(Judge, LeavesOutSamplesAtAKink) {
  const Workload workload = elman(100, 16, 64, "relu", 1);
  Tensors in = draw(workload.problem, workload.init, 1);
  // Sample 3 has a pre-activation of nearly 0 at the first step: b cancels what reaches unit 5.
  const auto& net = std::get<RecurrentProblem>(workload.problem);
  const Judge before(workload.problem, in);
  RecurrentProblem one = net;
  one.T = 1;
  one.dtype = Dtype::f64;
  const PlanPtr plan = std::get<PlanPtr>(reference()->plan(one));
  Tensors first = in;
  for (const char* name : {"x", "dy"}) {
    first[name].shape[0] = 1;
    first[name].data.resize(first[name].size() / 100);
  }
  plan->set(first);
  plan->run_forward();
  const double a = plan->get("a").data[3 * 64 + 5];
  in["b"].data[5] = static_cast<float>(in["b"].data[5] - a);
  const Judge judge(workload.problem, in);
  const Tensor& dy = judge.inputs().find("dy")->second;
  const auto is_silent = [&](std::size_t sample) {
    const double* row = &dy.data[(99 * 16 + sample) * 64];
    return std::all_of(row, row + 64, [](double g) { return g == 0; });
  };
  EXPECT_TRUE(is_silent(3));
  std::int64_t silent = 0;
  for (std::size_t sample = 0; sample < 16; ++sample) silent += is_silent(sample);
  EXPECT_EQ(judge.left_out(), silent);
  EXPECT_LT(silent, 10);
  EXPECT_LT(before.left_out(), 10);
  EXPECT_EQ(judge_of(elman(100, 16, 64)).left_out(), 0) << "tanh has no kink";
}

/// Storage in 16 bits: one rounding of each result, and float's arithmetic before it.
TEST(Judge, AllowsOneRoundingOfStoredResults) {
  const double f32 = 16 * 0x1p-23;
  const auto of = [](const Problem& problem, const char* tensor) {
    return judge_of({problem, {}}).tolerance(tensor);
  };
  EXPECT_DOUBLE_EQ(of(ActivationProblem{.rows = 8, .cols = 8, .dtype = Dtype::bf16}, "dx"),
                   0x1p-7 + f32);
  EXPECT_DOUBLE_EQ(of(ClipProblem{.sizes = {64}, .dtype = Dtype::f16}, "g"), 0x1p-10 + f32);
  EXPECT_DOUBLE_EQ(of(ClipProblem{.sizes = {64}, .dtype = Dtype::f16}, "norm"), f32);
}

TEST(Judge, AddsALibrarysOwnApproximation) {
  class Approximate final : public FixedPlan {
   public:
    using FixedPlan::FixedPlan;
    [[nodiscard]] double approximation() const override { return 4e-5; }
  };
  const Workload workload = elman(5, 3, 7);
  const Judge judge = judge_of(workload);
  Tensors out = own_outputs(workload.problem, judge.inputs());
  for (double& y : out["y"].data) y *= 1 + 4e-5;
  EXPECT_FALSE(judged(judge, out).ok);
  Approximate plan(out);
  EXPECT_TRUE(judge.compare(plan).ok);
  for (double& y : out["y"].data) y *= 1 + 1e-4;
  Approximate worse(out);
  EXPECT_FALSE(judge.compare(worse).ok);
}

/// A provider may hide the norms inside its step, and nothing else.
TEST(Judge, LetsAProviderHideItsNorms) {
  const Workload workload = elman(5, 3, 7);
  const Judge judge = judge_of(workload);
  Tensors out = own_outputs(workload.problem, judge.inputs());
  out["dh_norm2"] = Tensor();
  EXPECT_TRUE(judged(judge, out).ok);
  out["y"] = Tensor();
  EXPECT_FALSE(judged(judge, out).ok);
}

/// A count may be off by elements that sit at the limit: none of a hundred, one of a million.
TEST(Judge, CountsMayDifferByFewOfMany) {
  for (const std::int64_t rows : {1, 10000}) {
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
      const Workload workload{
          ActivationProblem{.rows = rows, .cols = 100, .count_saturated = true, .dtype = dtype},
          {}};
      const Judge judge = judge_of(workload);
      Tensors out = own_outputs(workload.problem, judge.inputs());
      EXPECT_TRUE(judged(judge, out).ok);
      out["saturated"].data[0] += 1;
      EXPECT_EQ(judged(judge, out).ok, rows > 1) << name(workload.problem);
    }
  }
}

/// x with 10 bits after the point, the rest cut off: what a device may make of a factor in TF32.
double cut_to_tf32(double x) {
  if (x == 0) return 0;
  const double spacing = std::ldexp(tf32_epsilon, std::ilogb(x));
  return std::trunc(x / spacing) * spacing;
}

/// One layer, y = W h, in exact arithmetic but for its factors.
TEST(Judge, Tf32HasAToleranceOfItsOwn) {
  const Workload workload{FeedForwardProblem{.act = "identity", .L = 1, .B = 40, .N = 256}, {}};
  const Judge judge = judge_of(workload);
  Tensors in = judge.inputs();
  for (const char* name : {"W", "h0"}) {
    std::transform(in[name].data.begin(), in[name].data.end(), in[name].data.begin(), cut_to_tf32);
  }
  const Tensors cut = own_outputs(workload.problem, in);
  const Tensors exact = own_outputs(workload.problem, judge.inputs());
  const TensorSpec y = outputs(workload.problem)[0];
  const double off = distance(workload.problem, y, cut.find("y")->second, exact.find("y")->second);
  EXPECT_LT(off, judge.tolerance("y", Math::tf32));
  EXPECT_GT(off, judge.tolerance("y")) << "fma's tolerance must catch TF32";
}

}  // namespace
}  // namespace gradepth
