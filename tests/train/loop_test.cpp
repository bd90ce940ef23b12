#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "host/providers/provider.h"
#include "host/text/not_finite.h"
#include "host/train/digits.h"
#include "host/train/row.h"
#include "host/train/train.h"

namespace gradepth::train {
namespace {

const std::string shipped_digits = std::string(GRADEPTH_SOURCE_DIR) + "/bench/data/digits.csv";

TrainSpec small_spec(OneOf<train_nets> net) {
  TrainSpec spec;
  spec.net = net;
  spec.width = 16;
  spec.steps = 90;
  spec.learning_rate = 3e-3;
  spec.data = shipped_digits;
  return spec;
}

Provider& provider_called(const char* name) {
  static const Providers providers = make_providers(Context{});
  Provider* provider = find(providers, name);
  if (provider == nullptr) throw std::runtime_error(std::string("no provider ") + name);
  return *provider;
}

/// A plan that throws, refuses, or gives gradients that are not finite.
class BadPlan final : public Plan {
 public:
  BadPlan(PlanPtr inner, bool throws) : inner_(std::move(inner)), throws_(throws) {}
  void set(const Tensors& in) override { inner_->set(in); }
  void run() override { inner_->run(); }
  void run_forward() override { inner_->run_forward(); }
  void run_backward() override {
    if (throws_) throw std::runtime_error("the library failed");
    inner_->run_backward();
    ++runs_;
  }
  Tensor get(std::string_view name) override {
    Tensor t = inner_->get(name);
    // Every third update meets an overflow.
    if (name == "dWh" && runs_ % 3 == 0) t.data[0] = infinity;
    return t;
  }

 private:
  PlanPtr inner_;
  bool throws_;
  int runs_ = 0;
};

class BadProvider final : public Provider {
 public:
  enum class Fault : std::uint8_t { refuses, throws, overflows };
  explicit BadProvider(Fault fault) : fault_(fault) {}
  [[nodiscard]] std::string_view name() const override { return "bad"; }
  [[nodiscard]] std::string version() const override { return "0"; }
  Planned plan(const Problem& problem) override {
    if (fault_ == Fault::refuses) return Unsupported{"only on Sundays"};
    Planned inner = provider_called("reference").plan(problem);
    return std::make_unique<BadPlan>(std::move(std::get<PlanPtr>(inner)), fault_ == Fault::throws);
  }

 private:
  Fault fault_;
};

class Nets : public testing::TestWithParam<OneOf<train_nets>> {};

// The loss of a guess is ln 10. A net that learned nothing, or whose gradient has the wrong sign,
// stays at it or above. 90 updates are two epochs.
TEST_P(Nets, ShortTrainingBeatsTheGuess) {
  const TrainSpec spec = small_spec(GetParam());
  const TrainResult r = train(spec, provider_called("reference"));
  ASSERT_EQ(r.status, Status::ok) << r.reason;
  ASSERT_EQ(r.loss.size(), 90U);
  EXPECT_EQ(r.skipped, 0);
  EXPECT_NEAR(r.baseline_loss, std::log(10.0), 1e-15);
  double last = 0;
  for (std::size_t i = 80; i < 90; ++i) last += r.loss[i] / 10;
  EXPECT_LT(last, std::log(10.0) - 0.1);
  EXPECT_GT(r.epochs.back().accuracy, 0.15);
}

TEST_P(Nets, SameSeedSameRunOtherSeedOtherRun) {
  TrainSpec spec = small_spec(GetParam());
  spec.steps = 5;
  Provider& reference = provider_called("reference");
  const TrainResult a = train(spec, reference);
  EXPECT_EQ(a.loss, train(spec, reference).loss);
  spec.seed = 2;
  EXPECT_NE(a.loss, train(spec, reference).loss);
}

// Float32 on two providers: the first losses agree to rounding, before differences grow.
TEST_P(Nets, CpuFollowsTheReference) {
  TrainSpec spec = small_spec(GetParam());
  spec.steps = 3;
  const TrainResult a = train(spec, provider_called("reference"));
  const TrainResult b = train(spec, provider_called("cpu"));
  ASSERT_EQ(b.status, Status::ok) << b.reason;
  // The first loss is a forward pass of 64 steps: 64 · 16 roundings of ε/2 = 6e-8 at worst.
  EXPECT_NEAR(a.loss[0], b.loss[0], 1e-4 * a.loss[0]);
  // The norm is behind 64 steps back; the IRNN's gradient is a hundred times larger.
  EXPECT_NEAR(a.gradient_norm[0], b.gradient_norm[0], 1e-3 * a.gradient_norm[0]);
}

INSTANTIATE_TEST_SUITE_P(Train, Nets,
                         testing::ValuesIn(std::initializer_list<OneOf<train_nets>>{
                             "elman-tanh", "irnn", "lstm"}));

TEST(Train, ClipsWhatExceedsTheNorm) {
  TrainSpec spec = small_spec("irnn");
  spec.steps = 10;
  spec.clip.norm = 1e-3;
  EXPECT_EQ(train(spec, provider_called("reference")).clipped, 10);
  spec.clip.norm = 0;
  EXPECT_EQ(train(spec, provider_called("reference")).clipped, 0);
}

// 0 is a step size and a scale like any other, not "the net's own".
TEST(Train, ZeroMeansZero) {
  TrainSpec spec = small_spec("lstm");
  spec.steps = 3;
  spec.learning_rate = 0;
  spec.input_scale = 0;
  const TrainResult r = train(spec, provider_called("reference"));
  ASSERT_EQ(r.status, Status::ok) << r.reason;
  const auto row = to_row(r);
  EXPECT_EQ(row.at("learning_rate"), 0);
  EXPECT_EQ(row.at("input_scale"), 0);
  // No input reaches the state, which stays 0: the head's bias of 0 is a uniform guess for ever.
  for (const double loss : r.loss) EXPECT_NEAR(loss, std::log(10.0), 1e-6);
}

TEST(Train, DefaultsAreOfTheNet) {
  const auto of = [](OneOf<train_nets> net, Method method) {
    TrainSpec spec;
    spec.net = net;
    spec.optimiser = method;
    spec = with_defaults(spec);
    return std::pair(*spec.learning_rate, *spec.input_scale);
  };
  EXPECT_EQ(of("elman-tanh", Method::adam), std::pair(2e-3, 0.3));
  EXPECT_EQ(of("irnn", Method::adam), std::pair(1e-3, 1.0));
  EXPECT_EQ(of("lstm", Method::adam), std::pair(1e-2, 1.0));
  EXPECT_EQ(of("elman-tanh", Method::sgd), std::pair(0.1, 0.3));
  EXPECT_EQ(of("irnn", Method::sgd), std::pair(1e-3, 1.0));
  EXPECT_EQ(of("lstm", Method::sgd), std::pair(0.1, 1.0));
}

TEST(Train, SkipsAndCountsUpdatesThatAreNotFinite) {
  BadProvider bad(BadProvider::Fault::overflows);
  TrainSpec spec = small_spec("elman-tanh");
  spec.steps = 9;
  const TrainResult r = train(spec, bad);
  EXPECT_EQ(r.status, Status::ok) << r.reason;
  EXPECT_EQ(r.skipped, 3);
  for (const double loss : r.loss) EXPECT_TRUE(std::isfinite(loss));
  const auto row = to_row(r);
  EXPECT_EQ(row.at("skipped_updates"), 3);
  EXPECT_TRUE(row.at("gradient_norm").at("max").is_number());
}

TEST(Train, RefusalAndFailureAreRowsWithTheirReason) {
  BadProvider refuses(BadProvider::Fault::refuses);
  const auto unsupported = to_row(train(small_spec("lstm"), refuses));
  EXPECT_EQ(unsupported.at("status"), "unsupported");
  EXPECT_EQ(unsupported.at("reason"), "only on Sundays");
  EXPECT_FALSE(unsupported.contains("seconds"));
  BadProvider throws(BadProvider::Fault::throws);
  const auto error = to_row(train(small_spec("lstm"), throws));
  EXPECT_EQ(error.at("status"), "error");
  EXPECT_EQ(error.at("reason"), "the library failed");
}

TEST(Train, RowHasTheKeysOfTheContract) {
  TrainSpec spec = small_spec("irnn");
  spec.steps = 60;
  const auto row = to_row(train(spec, provider_called("reference")));
  EXPECT_EQ(row.at("kind"), "train");
  EXPECT_EQ(row.at("name"), "train/digits/irnn/f32/T64_B32_H16_seed1/reference");
  EXPECT_EQ(row.at("steps"), 60);
  EXPECT_EQ(row.at("loss_curve").at("step").size(), row.at("loss_curve").at("loss").size());
  EXPECT_EQ(row.at("loss_curve").at("step").back(), 60);
  EXPECT_EQ(row.at("accuracy").at("step"), (std::vector<int>{44, 60}));
  EXPECT_EQ(row.at("test_accuracy"), row.at("accuracy").at("value").back());
}

TEST(Train, BadSpecsAreRefusedInOneLine) {
  const auto refused = [](auto change) {
    TrainSpec spec = small_spec("lstm");
    change(spec);
    EXPECT_THROW(train(spec, provider_called("reference")), std::invalid_argument);
  };
  refused([](TrainSpec& s) { s.width = 0; });
  refused([](TrainSpec& s) { s.batch = 0; });
  refused([](TrainSpec& s) { s.batch = 1438; });
  refused([](TrainSpec& s) { s.epochs = 0; });
  refused([](TrainSpec& s) { s.steps = -1; });
  refused([](TrainSpec& s) { s.steps = 0; });
  refused([](TrainSpec& s) { s.learning_rate = -1; });
  refused([](TrainSpec& s) { s.clip.norm = nan; });
  refused([](TrainSpec& s) { s.data = "/nowhere.csv"; });
}

}  // namespace
}  // namespace gradepth::train
