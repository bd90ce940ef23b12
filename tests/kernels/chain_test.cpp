// Whole chains on the provider simt, forward and back, against float64 BPTT written here.
#include <algorithm>
#include <functional>

#include "host/problem/problem.h"
#include "host/providers/factories.h"
#include "kernels/activation/activation.h"
#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

/// Normal draws, W with standard deviation 1 / √fan_in, rounded to float.
Tensors draw(const Problem& problem) {
  Tensors tensors;
  unsigned seed = 1;
  for (const TensorSpec& spec : inputs(problem)) {
    const bool weight = spec.name[0] == 'W';
    const double scale = weight ? 1 / std::sqrt(static_cast<double>(spec.shape.back())) : 1;
    Tensor tensor(spec.shape);
    const std::vector<float> numbers = normal(static_cast<std::int64_t>(tensor.size()), seed++);
    std::transform(numbers.begin(), numbers.end(), tensor.data.begin(),
                   [&](float x) { return static_cast<float>(scale * x); });
    tensors.emplace(spec.name, std::move(tensor));
  }
  return tensors;
}

Tensors run(const Problem& problem, const Tensors& in, std::uint64_t schedule = 0) {
  const auto provider = make_simt_provider({.threads = 2, .schedule = schedule});
  Planned planned = provider->plan(problem);
  const PlanPtr plan = std::move(std::get<PlanPtr>(planned));
  plan->set(in);
  plan->run();
  plan->wait();
  Tensors out;
  for (const TensorSpec& spec : outputs(problem)) out.emplace(spec.name, plan->get(spec.name));
  return out;
}

/// A chain in float64: state t + 1 = map t of state t. Products are written out; `W` is [n, n].
struct Float64Chain {
  std::int64_t T, B, n;
  double clip_value = 0;
  double skip = 0;   // 1: residual
  double scale = 1;  // of f
  bool preact = false;
  using Function = double(std::int64_t, std::int64_t, std::int64_t);
  std::function<double(double)> value{}, slope{};          // f and f' of its argument
  std::function<Function> W{};                             // (t, row, column)
  std::function<Function> input{};                         // x + b, (t, b, unit)
  std::function<double(std::int64_t, std::int64_t)> dy{};  // (state, element)

  std::vector<std::vector<double>> h{}, a{}, u{}, dh{}, da{}, dW{}, db{};

  [[nodiscard]] std::size_t at(std::int64_t b, std::int64_t j) const { return length(b * n + j); }

  void forward(const std::vector<double>& h0) {
    h = {h0};
    for (std::int64_t t = 0; t < T; ++t) {
      const std::vector<double>& from = h.back();
      std::vector<double> operand = from;
      if (preact) std::transform(from.begin(), from.end(), operand.begin(), value);
      std::vector<double> pre(from.size());
      std::vector<double> to(from.size());
      for (std::int64_t b = 0; b < B; ++b) {
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = input(t, b, j);
          for (std::int64_t k = 0; k < n; ++k) sum += W(t, j, k) * operand[at(b, k)];
          pre[at(b, j)] = sum;
          to[at(b, j)] = skip * from[at(b, j)] + (preact ? sum : scale * value(sum));
        }
      }
      u.push_back(operand);
      a.push_back(pre);
      h.push_back(to);
    }
  }

  void backward() {
    dh.assign(length(T + 1), std::vector<double>(h[0].size()));
    da.assign(length(T), std::vector<double>(h[0].size()));
    dW.assign(length(T), std::vector<double>(length(n * n)));
    db.assign(length(T), std::vector<double>(length(n)));
    for (std::size_t i = 0; i < h[0].size(); ++i)
      dh.back()[i] = dy(T, static_cast<std::int64_t>(i));
    for (std::int64_t t = T - 1; t >= 0; --t) {
      const double limit = clip_value > 0 ? clip_value : 1e300;
      for (std::int64_t b = 0; b < B; ++b) {
        for (std::int64_t j = 0; j < n; ++j) {
          const double d = std::clamp(dh[length(t + 1)][at(b, j)], -limit, limit);
          const double g = preact ? d : scale * d * slope(a[length(t)][at(b, j)]);
          da[length(t)][at(b, j)] = g;
          db[length(t)][length(j)] += g;
          dh[length(t)][at(b, j)] += skip * d;
          for (std::int64_t k = 0; k < n; ++k) {
            const double through_f = preact ? slope(h[length(t)][at(b, k)]) : 1;
            dh[length(t)][at(b, k)] += W(t, j, k) * g * through_f;
            dW[length(t)][length(j * n + k)] += g * u[length(t)][at(b, k)];
          }
        }
      }
      if (t == 0) continue;
      for (std::size_t i = 0; i < h[0].size(); ++i) {
        dh[length(t)][i] += dy(t, static_cast<std::int64_t>(i));
      }
    }
  }
};

template <class Act>
void set_activation(Float64Chain& chain) {
  chain.value = [](double x) { return Act::value(x); };
  chain.slope = [](double x) { return Act::slope(x); };
}

std::vector<double> joined(const std::vector<std::vector<double>>& parts) {
  std::vector<double> all;
  for (const auto& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

std::vector<double> summed(const std::vector<std::vector<double>>& parts) {
  std::vector<double> sum(parts[0].size());
  for (const auto& part : parts) {
    std::transform(sum.begin(), sum.end(), part.begin(), sum.begin(), std::plus<>());
  }
  return sum;
}

/// Largest difference relative to the largest number. A chain of T maps with n terms each, of gain
/// about 1, loses about T √n roundings; 16 of that covers kinks and the larger gains here.
void expect_close(const Tensors& out, const char* name, const std::vector<double>& expected,
                  std::int64_t T, std::int64_t n) {
  const std::vector<double>& actual = out.find(name)->second.data;
  ASSERT_EQ(actual.size(), expected.size()) << name;
  double largest = 0;
  for (const double x : expected) largest = std::max(largest, std::abs(x));
  const double roundings = 16 * static_cast<double>(T + 1) * std::sqrt(static_cast<double>(n + 1));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expect_near(actual[i], expected[i], roundings * unit * largest, name, i);
  }
}

void expect_norms(const Tensors& out, const Float64Chain& chain) {
  std::vector<double> norms;
  for (const auto& dh : chain.dh) {
    double sum = 0;
    for (const double x : dh) sum += x * x;
    norms.push_back(sum);
  }
  const std::vector<double>& actual = out.find("dh_norm2")->second.data;
  for (std::size_t t = 0; t < norms.size(); ++t) {
    const double roundings =
        32 * static_cast<double>(chain.T + 1) * std::sqrt(static_cast<double>(chain.n + 1));
    expect_near(actual[t], norms[t], roundings * unit * norms[t], "dh_norm2", t);
  }
}

template <class Act>
void expect_elman(RecurrentProblem p) {
  SCOPED_TRACE(name(p));
  p.act = Act::name;
  p.record = true;
  const Tensors in = draw(p);
  const auto number = [&](const char* tensor, std::int64_t i) {
    return in.find(tensor)->second.data[length(i)];
  };
  const std::int64_t I = p.I > 0 ? p.I : p.H;
  Float64Chain chain{p.T, p.B, p.H, p.clip_value};
  set_activation<Act>(chain);
  chain.W = [&](std::int64_t t, std::int64_t j, std::int64_t k) {
    return number("Wh", ((p.share ? 0 : t) * p.H + j) * p.H + k);
  };
  chain.input = [&](std::int64_t t, std::int64_t b, std::int64_t j) {
    double sum = number("b", (p.share ? 0 : t) * p.H + j);
    if (!p.project_input) return sum + number("x", (t * p.B + b) * p.H + j);
    for (std::int64_t k = 0; k < I; ++k) {
      sum += number("Wx", j * I + k) * number("x", (t * p.B + b) * I + k);
    }
    return sum;
  };
  chain.dy = [&](std::int64_t s, std::int64_t i) { return number("dy", (s - 1) * p.B * p.H + i); };
  chain.forward(in.find("h0")->second.data);
  chain.backward();

  const Tensors out = run(p, in);
  expect_close(out, "h", joined(chain.h), p.T, p.H + I);
  expect_close(out, "dh", joined(chain.dh), p.T, p.H + I);
  expect_close(out, "dh0", chain.dh[0], p.T, p.H + I);
  expect_close(out, "da", joined(chain.da), p.T, p.H + I);
  const std::int64_t terms = p.T * p.B * p.H;
  expect_close(out, "dWh", p.share ? summed(chain.dW) : joined(chain.dW), p.T, terms);
  expect_close(out, "db", p.share ? summed(chain.db) : joined(chain.db), p.T, terms);
  expect_norms(out, chain);
  if (!p.project_input) {
    expect_close(out, "dx", joined(chain.da), p.T, p.H);
    return;
  }
  std::vector<double> dx(length(p.T * p.B * I));
  std::vector<double> dWx(length(p.H * I));
  const std::vector<double> da = joined(chain.da);
  for (std::int64_t row = 0; row < p.T * p.B; ++row) {
    for (std::int64_t j = 0; j < p.H; ++j) {
      for (std::int64_t k = 0; k < I; ++k) {
        dx[length(row * I + k)] += da[length(row * p.H + j)] * number("Wx", j * I + k);
        dWx[length(j * I + k)] += da[length(row * p.H + j)] * number("x", row * I + k);
      }
    }
  }
  expect_close(out, "dx", dx, p.T, p.H + I);
  expect_close(out, "dWx", dWx, p.T, terms);
}

TEST(Elman, IsBackPropagationThroughTime) {
  for (const bool project : {true, false}) {
    if (thread_sanitizer && !project) continue;  // the same launches
    expect_elman<Tanh>({.T = 1, .B = 1, .H = 1, .project_input = project});
    expect_elman<Tanh>({.T = 7, .B = 3, .H = 33, .project_input = project, .I = project ? 5 : 0});
    expect_elman<Relu>({.T = 5, .B = 3, .H = 7, .project_input = project});
    expect_elman<Gelu>({.T = 5, .B = 9, .H = 33, .project_input = project});
    expect_elman<Tanh>({.T = 6, .B = 3, .H = 7, .project_input = project, .clip_value = 0.5});
  }
}

TEST(Elman, TakesAFreshWAtEveryStep) {
  expect_elman<Tanh>({.T = 1, .B = 1, .H = 7, .project_input = false, .share = false});
  expect_elman<Sigmoid>({.T = 5, .B = 3, .H = 33, .project_input = false, .share = false});
}

TEST(Elman, HasTheSameBitsOnEverySchedule) {
  const RecurrentProblem p{.T = 4, .B = 3, .H = 40};
  const Tensors in = draw(p);
  const Tensors expected = run(p, in);
  for (std::uint64_t schedule = 1; schedule <= 4; ++schedule) {
    for (const auto& [name, tensor] : run(p, in, schedule)) {
      EXPECT_TRUE(same_bits(tensor.data, expected.find(name)->second.data)) << name;
    }
  }
}

template <class Act>
void expect_feed_forward(FeedForwardProblem p) {
  p.act = Act::name;
  p.record = true;
  SCOPED_TRACE(name(p));
  const Tensors in = draw(p);
  const auto number = [&](const char* tensor, std::int64_t i) {
    return in.find(tensor)->second.data[length(i)];
  };
  const bool cnn = p.net == LayerNet::cnn;
  const std::int64_t pixels = cnn ? 64 : 1;
  Float64Chain chain{p.L, p.B, p.N * pixels, p.clip_value};
  set_activation<Act>(chain);
  chain.skip = p.net == LayerNet::residual ? 1 : 0;
  chain.preact = p.net == LayerNet::residual && p.residual == Residual::preact;
  if (p.net == LayerNet::residual && p.residual == Residual::scaled) chain.scale = p.residual_scale;
  // A convolution is a matrix product with most entries 0: those of one tap's two pixels are W's.
  chain.W = [&](std::int64_t l, std::int64_t j, std::int64_t k) {
    const std::int64_t copy = p.share ? 0 : l;
    if (!cnn) return number("W", (copy * p.N + j) * p.N + k);
    const std::int64_t u = (k % 64 / 8 - j % 64 / 8 + 9) % 8;
    const std::int64_t v = (k % 8 - j % 8 + 9) % 8;
    if (u > 2 || v > 2) return 0.0;
    return number("W", (((copy * p.N + j / 64) * p.N + k / 64) * 3 + u) * 3 + v);
  };
  chain.input = [&](std::int64_t l, std::int64_t /*b*/, std::int64_t j) {
    return number("b", (p.share ? 0 : l) * p.N + j / pixels);
  };
  chain.dy = [&](std::int64_t s, std::int64_t i) { return s == p.L ? number("dy", i) : 0.0; };
  chain.forward(in.find("h0")->second.data);
  chain.backward();

  const Tensors out = run(p, in);
  const std::int64_t terms = cnn ? 9 * p.N : p.N;
  expect_close(out, "h", joined(chain.h), p.L, terms);
  expect_close(out, "y", chain.h.back(), p.L, terms);
  expect_close(out, "dh", joined(chain.dh), p.L, terms);
  expect_close(out, "dh0", chain.dh[0], p.L, terms);
  expect_close(out, "da", joined(chain.da), p.L, terms);
  expect_norms(out, chain);
  std::vector<double> db(length(p.copies() * p.N));
  for (std::int64_t l = 0; l < p.L; ++l) {
    for (std::int64_t j = 0; j < chain.n; ++j) {
      db[length((p.share ? 0 : l) * p.N + j / pixels)] += chain.db[length(l)][length(j)];
    }
  }
  const std::int64_t rows = p.L / p.copies() * p.B;
  expect_close(out, "db", db, p.L, rows * terms * pixels);
  if (!cnn) {
    expect_close(out, "dW", p.share ? summed(chain.dW) : joined(chain.dW), p.L, rows * terms);
    return;
  }
  std::vector<double> dW(out.find("dW")->second.size());
  for (std::int64_t l = 0; l < p.L; ++l) {
    for (std::int64_t j = 0; j < chain.n; ++j) {
      for (std::int64_t k = 0; k < chain.n; ++k) {
        const std::int64_t u = (k % 64 / 8 - j % 64 / 8 + 9) % 8;
        const std::int64_t v = (k % 8 - j % 8 + 9) % 8;
        if (u > 2 || v > 2) continue;
        dW[length(((((p.share ? 0 : l) * p.N + j / 64) * p.N + k / 64) * 3 + u) * 3 + v)] +=
            chain.dW[length(l)][length(j * chain.n + k)];
      }
    }
  }
  expect_close(out, "dW", dW, p.L, rows * 64);
}

TEST(FeedForward, MlpIsBackPropagation) {
  expect_feed_forward<Tanh>({.L = 1, .B = 1, .N = 1});
  expect_feed_forward<Gelu>({.L = 5, .B = 3, .N = 33});
  expect_feed_forward<Relu>({.L = 5, .B = 9, .N = 7, .clip_value = 0.5});
  expect_feed_forward<Tanh>({.L = 1, .B = 2, .N = 7, .share = true});
  expect_feed_forward<Gelu>({.L = 5, .B = 3, .N = 33, .share = true});
}

TEST(FeedForward, ResidualIsBackPropagation) {
  for (const Residual kind : {Residual::plain, Residual::preact, Residual::scaled}) {
    for (const double clip : {0.0, 0.5}) {
      const FeedForwardProblem p{.net = LayerNet::residual,
                                 .L = 4,
                                 .B = 3,
                                 .N = 7,
                                 .residual = kind,
                                 .residual_scale = 0.3,
                                 .clip_value = clip};
      expect_feed_forward<Tanh>(p);
      expect_feed_forward<Silu>(p);
      FeedForwardProblem tied = p;
      tied.share = true;
      expect_feed_forward<Silu>(tied);
    }
  }
}

TEST(FeedForward, CnnIsBackPropagation) {
  expect_feed_forward<Tanh>({.net = LayerNet::cnn, .L = 1, .B = 1, .N = 1});
  expect_feed_forward<Softplus>({.net = LayerNet::cnn, .L = 2, .B = 2, .N = 3});
  expect_feed_forward<Softplus>({.net = LayerNet::cnn, .L = 3, .B = 2, .N = 3, .share = true});
}

TEST(Additive, HasTheDerivativeOfItsClosedForm) {
  // df_L / df_0 of the sum is w (1 + w)^(L-1); of two-term with w = 1, the Fibonacci numbers.
  for (const AdditiveForm form : {AdditiveForm::sum, AdditiveForm::two_term}) {
    constexpr std::int64_t T = 10;
    const double w = form == AdditiveForm::sum ? 0.25 : 1.0;
    const RecurrentProblem p{.cell = "additive",
                             .act = "identity",
                             .T = T,
                             .B = 1,
                             .H = 3,
                             .project_input = false,
                             .form = form};
    Tensors in;
    in["Wh"] = Tensor({1}, {w});
    in["h0"] = Tensor({1, 3}, {1, 1, 1});
    in["dy"] = Tensor({T, 1, 3});
    std::fill(in["dy"].data.end() - 3, in["dy"].data.end(), 1.0);
    const Tensors out = run(p, in);
    const double expected = w < 1 ? w * std::pow(1 + w, T - 1) : 89;  // F_11
    EXPECT_NEAR(out.find("dh0")->second.data[0] / expected, 1, 32 * unit);
    EXPECT_NEAR(out.find("dh_norm2")->second.data[0] / (3 * expected * expected), 1, 64 * unit);
  }
}

TEST(SimtProvider, RefusesWithAReason) {
  const auto provider = make_simt_provider({});
  const auto refusal = [&](const Problem& problem) {
    return std::get<Unsupported>(provider->plan(problem)).reason;
  };
  EXPECT_EQ(refusal(ActivationProblem{.dtype = Dtype::f64}),
            "the kernels are f32, f16 and bf16, not f64");
  EXPECT_EQ(refusal(FeedForwardProblem{.dtype = Dtype::bf16}),
            "the kernels are f32 only, not bf16");
}

TEST(SimtProvider, ClipCanBeRestored) {
  const auto provider = make_simt_provider({});
  Planned planned = provider->plan(ClipProblem{.sizes = {2, 0, 1}, .threshold = 1});
  Plan& plan = *std::get<PlanPtr>(planned);
  plan.set({{"g", Tensor({3}, {3, 0, 4})}});
  for (int repeat = 0; repeat < 2; ++repeat) {
    plan.run();
    EXPECT_EQ(plan.get("norm").data[0], 5);
    EXPECT_EQ(plan.get("skipped").data[0], 0);
    EXPECT_NEAR(plan.get("g").data[2], 0.8, unit);
    plan.restore();
    EXPECT_EQ(plan.get("g").data[2], 4);
  }
}

TEST(SimtProvider, KeepsAClipOnChipWhereItFits) {
  const auto provider = make_simt_provider({});
  const auto detail = [&](const ClipProblem& p) {
    Planned planned = provider->plan(p);
    return std::get<PlanPtr>(planned)->detail();
  };
  EXPECT_EQ(detail({.sizes = {700, 700, 700, 700}}), "on chip, 4 blocks");
  EXPECT_EQ(detail({.sizes = {5000}, .route = ClipRoute::two_launches}), "two launches");
  EXPECT_EQ(detail({.sizes = {1'000'000}}), "two launches");
  EXPECT_EQ(std::get<Unsupported>(
                provider->plan(ClipProblem{.sizes = {1'000'000}, .route = ClipRoute::on_chip}))
                .reason,
            "the list does not fit into the shared memory of all multiprocessors");
}

TEST(SimtProvider, RefusesWrongTensors) {
  const auto provider = make_simt_provider({});
  Planned planned = provider->plan(ClipProblem{.sizes = {3}});
  Plan& plan = *std::get<PlanPtr>(planned);
  EXPECT_THROW(plan.set({}), std::invalid_argument);
  EXPECT_THROW(plan.set({{"g", Tensor({2})}}), std::invalid_argument);
  EXPECT_THROW((void)plan.get("bogus"), std::invalid_argument);
}

}  // namespace
}  // namespace gradepth
