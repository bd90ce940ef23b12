#include "bench/timing/plan_timing.h"

#include <gtest/gtest.h>

namespace gradepth {
namespace {

/// A machine whose host and device have clocks of their own, both by hand.
struct FakeMachine {
  double host = 0;
  double device = 0;
  int most_runs = 0;  // in one sample
  int held = 0;       // samples for which the device waited
  Watch watch() {
    return {.clock = [this] { return host; }};
  }
};

/// Its steps take 3 ms of the device: 1 forward, 1.5 and 0.5 backward.
class FakePlan final : public Plan {
 public:
  FakePlan(FakeMachine& machine, bool parts) : machine_(machine), parts_(parts) {}
  void set(const Tensors& /*in*/) override {}
  void run() override {
    run_forward();
    run_backward();
  }
  void run_forward() override { spend(1e-3); }
  void run_backward_data() override { spend(1.5e-3); }
  void run_backward_weights() override { spend(0.5e-3); }
  [[nodiscard]] bool has_parts() const override { return parts_; }
  void wait() override { machine_.host += 10e-3; }
  Tensor get(std::string_view /*name*/) override { return {}; }

 private:
  void spend(double seconds) {
    machine_.device += seconds;
    machine_.host += seconds / 10;  // to queue the work
  }
  FakeMachine& machine_;
  bool parts_;
};

class FakeTimer final : public DeviceTimer {
 public:
  explicit FakeTimer(FakeMachine& machine) : machine_(machine) {}
  DeviceTime hot(const std::function<void()>& run, int runs, bool hold) override {
    machine_.most_runs = std::max(machine_.most_runs, runs);
    machine_.held += hold ? 1 : 0;
    const double begin = machine_.device;
    for (int i = 0; i < runs; ++i) run();
    return {machine_.device - begin, clock};
  }
  DeviceTime cold(const std::function<void()>& run, bool /*hold*/) override {
    const double begin = machine_.device;
    run();
    return {machine_.device - begin + 1e-3, clock};
  }
  void profile(const std::function<void()>& run) override { run(); }
  [[nodiscard]] DeviceRates peak() const override { return {1e12, 1e13}; }

  double clock = 1;

 private:
  FakeMachine& machine_;
};

const RecurrentProblem chain{.T = 10};
const MeasureOptions quick{.min_seconds = 0};

TEST(PlanTiming, OfADeviceIsByItsOwnClock) {
  FakeMachine machine;
  FakePlan plan(machine, true);
  FakeTimer timer(machine);
  const PlanTiming t = time_plans(chain, {{"a/b", &plan, &timer}}, quick, machine.watch()).at(0);
  EXPECT_NEAR(t.step.median, 3e-3, 1e-12);
  EXPECT_NEAR(t.cold->median, 4e-3, 1e-12);
  EXPECT_NEAR(t.wall->median, 10.3e-3, 1e-12);
  EXPECT_NEAR(t.parts->forward.median, 1e-3, 1e-12);
  EXPECT_NEAR(t.parts->backward_data.median, 1.5e-3, 1e-12);
  EXPECT_NEAR(t.parts->backward_weights.median, 0.5e-3, 1e-12);
  EXPECT_GT(machine.held, 0);
}

TEST(PlanTiming, OfTheHostHasNoDeviceTimes) {
  FakeMachine machine;
  FakePlan plan(machine, false);
  const PlanTiming t = time_plans(chain, {{"a/b", &plan, nullptr}}, quick, machine.watch()).at(0);
  EXPECT_NEAR(t.step.median, 10.3e-3, 1e-12);
  EXPECT_FALSE(t.cold || t.wall || t.parts);
}

TEST(PlanTiming, ALongChainIsNeverHeld) {
  FakeMachine machine;
  FakePlan plan(machine, false);
  FakeTimer timer(machine);
  time_plans(RecurrentProblem{.T = 1000}, {{"a/b", &plan, &timer}}, quick, machine.watch());
  EXPECT_EQ(machine.held, 0);
  EXPECT_EQ(machine.most_runs, 1);
}

TEST(PlanTiming, AThrottledDeviceGivesNoTime) {
  FakeMachine machine;
  FakePlan plan(machine, false);
  FakeTimer timer(machine);
  timer.clock = 0.5;
  const PlanTiming t =
      time_plans(chain, {{"a/b", &plan, &timer}}, {.max_seconds = 0.1}, machine.watch()).at(0);
  EXPECT_EQ(t.step.samples, 0);
  EXPECT_GT(t.step.throttled, 0);
}

}  // namespace
}  // namespace gradepth
