#include "host/providers/provider.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "bench/speed/speed.h"
#include "bench/workloads.h"
#include "host/problem/judge.h"
#include "kernels/activation/activation.h"

/// Every provider on every small workload against the float64 reference.
namespace gradepth {
namespace {

class ProviderTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    provider_ = find(providers_, GetParam());
    ASSERT_NE(provider_, nullptr);
  }
  Providers providers_ = make_providers({});
  Provider* provider_ = nullptr;
};

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// What a library's activations, nets and clips can do.
struct Library {
  std::initializer_list<std::string_view> activations;  // elementwise, and in nets
  std::initializer_list<std::string_view> cell_activations;
  std::initializer_list<std::string_view> clips;
  bool has_bare_recurrence;  // of its recurrent layers without an input product
};
const Library onednn{{"identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu",
                      "gelu_tanh", "silu", "softplus", "hard_tanh", "mish", "hard_swish"},
                     {"tanh", "relu", "sigmoid"},
                     {},
                     false};
const Library cudnn{
    {"sigmoid", "tanh", "relu", "elu", "silu"}, {"tanh", "relu"}, {"norm", "value"}, true};

bool library_has(const Library& library, const Problem& problem) {
  if (dtype(problem) != Dtype::f32 || asks_for_input_slopes(problem)) return false;
  if (const auto* p = std::get_if<ActivationProblem>(&problem)) {
    return is_one_of(p->act.name(), library.activations) && !p->count_saturated;
  }
  if (const auto* p = std::get_if<ClipProblem>(&problem)) {
    return is_one_of(p->mode.name(), library.clips) && !p->sgd;
  }
  if (const auto* p = std::get_if<RecurrentProblem>(&problem)) {
    return is_one_of(p->cell.name(), {"elman", "lstm", "gru"}) &&
           is_one_of(p->act.name(), library.cell_activations) && p->share && !p->record &&
           p->clip_value == 0 && (p->project_input || library.has_bare_recurrence);
  }
  const auto& p = std::get<FeedForwardProblem>(problem);
  return is_one_of(p.act.name(), library.activations) && p.clip_value == 0;
}

/// What each provider must be able to do, by hand from its description
/// (host/providers/cudnn/README.md): an ability that vanishes is a fault, and one that appears is
/// to be written down here.
bool must_have(std::string_view provider, const Problem& problem) {
  const bool net = problem.index() >= 2;
  if (provider == "reference") return true;
  if (provider == "cpu") return dtype(problem) == Dtype::f32;
  if (provider == "simt" || provider == "cuda") {
    return dtype(problem) == Dtype::f32 ? !net || !asks_for_input_slopes(problem) : !net;
  }
  return library_has(provider == "onednn" ? onednn : cudnn, problem);
}

TEST_P(ProviderTest, IsRightOnEverySmallWorkloadThatItMustHave) {
  for (const std::uint64_t seed : {1U, 2U}) {
    for (const Workload& workload : workloads("small")) {
      const Row row = check_workload(workload, {provider_}, seed).at(0);
      const bool wanted = must_have(GetParam(), workload.problem);
      EXPECT_EQ(row["status"], wanted ? "ok" : "unsupported") << row.dump();
      EXPECT_EQ(row["reason"].get<std::string>().empty(), wanted) << row.dump();
    }
  }
}

TEST_P(ProviderTest, GivesTheSameBitsWhenRunAgain) {
  for (const Workload& workload : workloads("brief")) {
    Planned planned = provider_->plan(workload.problem);
    if (std::holds_alternative<Unsupported>(planned)) continue;
    Plan& plan = *std::get<PlanPtr>(planned);
    plan.set(draw(workload.problem, workload.init, 3));
    plan.run();
    plan.wait();
    std::map<std::string, Tensor> first;
    for (const TensorSpec& spec : outputs(workload.problem)) first[spec.name] = plan.get(spec.name);
    plan.restore();
    plan.run();
    plan.wait();
    for (const TensorSpec& spec : outputs(workload.problem)) {
      EXPECT_EQ(plan.get(spec.name).data, first[spec.name].data)
          << name(workload.problem) << ' ' << spec.name;
    }
  }
}

/// Halves of a step, with a loss gradient that only the forward half's output decides.
TEST_P(ProviderTest, HalvesMakeAWholeStep) {
  const Workload workload{RecurrentProblem{.T = 4, .B = 3, .H = 5}, {}};
  Planned planned = provider_->plan(workload.problem);
  if (std::holds_alternative<Unsupported>(planned)) {
    FAIL() << "every provider has elman: " << std::get<Unsupported>(planned).reason;
  }
  Plan& plan = *std::get<PlanPtr>(planned);
  Tensors in = draw(workload.problem, workload.init, 1);
  plan.set(in);
  plan.run_forward();
  plan.wait();
  const Tensor y = plan.get("y");
  plan.set({{"dy", y}});
  plan.run_backward();
  plan.wait();
  in["dy"] = y;
  const Comparison comparison = Judge(workload.problem, in).compare(plan);
  EXPECT_TRUE(comparison.ok) << comparison.describe();
}

TEST_P(ProviderTest, RefusesWrongInputs) {
  const Problem problem = RecurrentProblem{.T = 2, .B = 1, .H = 3};
  const PlanPtr plan = std::get<PlanPtr>(provider_->plan(problem));
  Tensors in = draw(problem, {}, 1);
  Tensors missing = in;
  missing.erase("Wh");
  EXPECT_THROW(plan->set(missing), std::invalid_argument);
  Tensors unknown = in;
  unknown["Q"] = Tensor({1});
  EXPECT_THROW(plan->set(unknown), std::invalid_argument);
  in["Wh"] = Tensor({2, 2});
  EXPECT_THROW(plan->set(in), std::invalid_argument);
}

TEST_P(ProviderTest, KeepsNanAndInfinityWhereTheFormulaDoes) {
  constexpr double inf = INFINITY;
  const double values[] = {NAN, inf, -inf, 0.0, -0.0, 1e-40, 3e38, -1e4, 100, -100, 30, -30};
  for_each_activation([&](auto act) {
    ActivationProblem problem{.act = act.name, .rows = 1, .cols = std::size(values)};
    problem.pass = ActivationPass::forward;
    Planned planned = provider_->plan(problem);
    if (std::holds_alternative<Unsupported>(planned)) return;
    Plan& plan = *std::get<PlanPtr>(planned);
    plan.set({{"x", Tensor({1, std::size(values)}, {std::begin(values), std::end(values)})}});
    plan.run();
    plan.wait();
    const Tensor y = plan.get("y");
    for (std::size_t i = 0; i < std::size(values); ++i) {
      const double x = round_to(Dtype::f32, values[i]);
      const double want = act.value(x);
      std::string where(act.name);  // in three steps: g++ 12 warns of the sum's bounds
      where += " at ";
      where += std::to_string(x);
      // oneDNN 2.6 answers NaN with 0 (relu) or a bound (hard_tanh): its own behaviour.
      const bool swallows =
          GetParam() == "onednn" && (act.name == "relu" || act.name == "hard_tanh");
      if (std::isnan(x) && swallows) {
        EXPECT_FALSE(std::isnan(y.data[i])) << where << ": mended? then drop this exception";
      } else if (std::isnan(x)) {
        EXPECT_TRUE(std::isnan(y.data[i])) << where;
      } else if (std::isfinite(x)) {
        EXPECT_TRUE(std::isfinite(y.data[i])) << where;
        // The functions are good to a few units in the last place of the result or, where the
        // result is a difference of numbers near 1, of 1.
        EXPECT_NEAR(y.data[i], want, 16 * 0x1p-23 * std::max(1.0, std::abs(want))) << where;
      }
    }
  });
}

std::vector<std::string> present() {
  std::vector<std::string> names;
  for (const auto& provider : make_providers({}).present) names.emplace_back(provider->name());
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, ProviderTest, testing::ValuesIn(present()),
                         [](const auto& test) { return test.param; });

TEST(Registry, NamesWhatIsMissingAndWhy) {
  const Providers providers = make_providers({});
  std::set<std::string> names;
  for (const auto& provider : providers.present) {
    names.emplace(provider->name());
    EXPECT_FALSE(provider->version().empty());
  }
  for (const Missing& missing : providers.missing) {
    names.emplace(missing.name);
    EXPECT_FALSE(missing.reason.empty()) << missing.name;
  }
  for (const char* wanted : {"reference", "cpu", "onednn", "simt", "cuda", "cudnn"}) {
    EXPECT_TRUE(names.contains(wanted)) << wanted;
  }
  EXPECT_EQ(find(providers, "nope"), nullptr);
}

}  // namespace
}  // namespace gradepth
