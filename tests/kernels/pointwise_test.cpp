// One map of a chain, forward and backward with its statistics, against plain float64 loops.
#include "kernels/chain/pointwise.h"

#include "kernels/activation/activation.h"
#include "kernels/linear/reduce.h"
#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

// The activations' 16 operations (activation_pass_test.cpp) and a few around them.
double tolerance(double x) { return 24 * unit * (1 + std::abs(x)); }

struct Size {
  std::int64_t rows, units, pixels;
};
constexpr Size sizes[] = {{1, 1, 1}, {3, 7, 1}, {1, 200, 1}, {33, 33, 1}, {2, 3, 64}};

TEST(PointwiseForward, IsTheFormula) {
  for (const auto& [rows, units, pixels] : sizes) {
    const std::int64_t n = rows * units * pixels;
    const std::vector<float> Wh = normal(n, 1);
    const std::vector<float> x = normal(n, 2);
    const std::vector<float> b = normal(units, 3);
    const std::vector<float> skip = normal(n, 4);
    for (const bool input : {false, true}) {
      for (const bool residual : {false, true}) {
        for_each_tested_activation([&, rows = rows, units = units, pixels = pixels](auto act) {
          using Act = decltype(act);
          const Memory a_memory(Wh, 1);
          const Memory x_memory(x);
          const Memory b_memory(b);
          const Memory skip_memory(skip);
          const Memory<> h_memory(n, 3);
          pointwise_kernels(Act::name).forward({.rows = rows,
                                                .units = units,
                                                .pixels = pixels,
                                                .a = a_memory.data(),
                                                .x = input ? x_memory.data() : nullptr,
                                                .b = b_memory.data(),
                                                .skip = residual ? skip_memory.data() : nullptr,
                                                .scale = 0.5,
                                                .h = h_memory.data()},
                                               {});
          const std::vector<float> a = a_memory.read();
          const std::vector<float> h = h_memory.read();
          for (std::size_t i = 0; i < h.size(); ++i) {
            const double expected_a = static_cast<double>(Wh[i]) + (input ? x[i] : 0.F) +
                                      b[i / length(pixels) % length(units)];
            const double expected_h =
                0.5 * Act::value(static_cast<double>(a[i])) + (residual ? skip[i] : 0.F);
            expect_near(a[i], expected_a, 12 * unit, "a", i);  // sums below 6, two roundings
            expect_near(h[i], expected_h, tolerance(a[i]), Act::name.data(), i);
          }
        });
      }
    }
  }
}

/// What the backward kernel gives, and the sums of the step.
struct Step {
  std::vector<float> dh, passed, da;
  std::vector<double> sums;
};

Step run_backward(Activation act, PointwiseBackward map, const StreamRef& stream = {}) {
  const Memory<> dh(map.n);
  const Memory<> passed(map.n);
  const Memory<> da(map.n);
  const Memory<double> partials(step_quantities * step_blocks(map.n));
  const Memory<double> sums(step_quantities);
  map.dh = dh.data();
  map.passed = passed.data();
  map.da = da.data();
  map.partials = partials.data();
  pointwise_kernels(act).backward(map, stream);
  sum_rows(step_quantities, step_blocks(map.n), partials.data(), sums.data(), stream);
  (void)partials.read();  // checks the guards
  return {dh.read(), passed.read(), da.read(), sums.read()};
}

TEST(PointwiseBackward, IsTheFormulaAndMeasuresBeforeTheClip) {
  for (const std::int64_t n : {1, 7, 33, 200, 1025, 3000}) {
    if (thread_sanitizer && n > 1025) continue;
    const std::vector<float> through = normal(n, 1);
    const std::vector<float> past = normal(n, 2);
    const std::vector<float> a = normal(n, 3);
    for_each_tested_activation([&](auto act) {
      using Act = decltype(act);
      if (n > 1000 && Act::name != "tanh" && Act::name != "gelu") return;
      std::vector<float> y(a.size());
      std::transform(a.begin(), a.end(), y.begin(), [](float v) { return Act::value(v); });
      const Memory through_memory(through);
      const Memory past_memory(past, 1);
      const Memory a_memory(a);
      const Memory y_memory(y);
      for (const float clip : {0.F, 0.7F}) {
        for (const bool keeps_y : {false, true}) {
          const Step step = run_backward(Act::name, {.n = n,
                                                     .through = through_memory.data(),
                                                     .past = past_memory.data(),
                                                     .clip_value = clip,
                                                     .scale = 0.5,
                                                     .a = a_memory.data(),
                                                     .y = keeps_y ? y_memory.data() : nullptr});
          double dh2 = 0;
          double da2 = 0;
          for (std::size_t i = 0; i < a.size(); ++i) {
            const double dh = step.dh[i];
            const double limit = clip > 0 ? clip : 1e30;
            const double clipped = std::fmax(-limit, std::fmin(limit, dh));
            expect_near(dh, static_cast<double>(through[i]) + past[i], 8 * unit, "dh", i);
            expect_near(step.passed[i], clipped, 0, "passed", i);
            constexpr bool of_output = has_slope_from_output<Act>;
            const double slope =
                slope_of_kept<Act, of_output>(static_cast<double>(of_output ? y[i] : a[i]));
            expect_near(step.da[i], 0.5 * clipped * slope,
                        tolerance(a[i]) * (1 + std::abs(clipped)), Act::name.data(), i);
            dh2 += dh * dh;
            da2 += static_cast<double>(step.da[i]) * step.da[i];
          }
          EXPECT_NEAR(step.sums[step_dh2], dh2, 1e-12 * dh2);
          EXPECT_NEAR(step.sums[step_da2], da2, 1e-12 * da2);
          EXPECT_EQ(step.sums[step_nonfinite], 0);
        }
      }
    });
  }
}

TEST(PointwiseBackward, CountsWhatIsNotFiniteAndNeverClipsNaNAway) {
  std::vector<float> past = normal(1500, 1);
  past[3] = nan;
  past[1400] = infinity;
  const Memory past_memory(past);
  const Memory a_memory(normal(1500, 2));
  const Step step = run_backward(
      "gelu", {.n = 1500, .past = past_memory.data(), .clip_value = 0.5, .a = a_memory.data()});
  EXPECT_EQ(step.sums[step_nonfinite], 2);
  EXPECT_TRUE(std::isnan(step.sums[step_dh2]));
  EXPECT_TRUE(std::isnan(step.passed[3]));
  EXPECT_TRUE(std::isnan(step.da[3]));
  EXPECT_EQ(step.passed[1400], 0.5F);
}

TEST(PointwiseBackward, SquaresBeyondTheFormatDoNotOverflow) {
  const Memory past_memory(std::vector<float>{3e38F, 1e-44F});
  const Memory a_memory(std::vector<float>{0, 0});
  const Step step =
      run_backward("identity", {.n = 2, .past = past_memory.data(), .a = a_memory.data()});
  EXPECT_NEAR(step.sums[step_dh2] / 9e76, 1, 1e-6);
  EXPECT_EQ(step.sums[step_nonfinite], 0);
}

TEST(PointwiseBackward, HasTheSameBitsOnEverySchedule) {
  constexpr std::int64_t n = 2500;
  const Memory past_memory(normal(n, 1));
  const Memory y_memory(normal(n, 2));
  on_all_schedules([&](const StreamRef& stream) {
    return run_backward("tanh", {.n = n, .past = past_memory.data(), .y = y_memory.data()}, stream)
        .sums;
  });
}

}  // namespace
}  // namespace gradepth
