// Activations forward and backward, with bias gradient and saturation count, against plain float64
// loops, for each storage type.
#include "kernels/activation/pass.h"

#include "kernels/activation/activation.h"
#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

// Each formula has fewer than 16 operations in float, on intermediates of about 1 + |x| at most.
constexpr double operations = 16;

/// Half the distance from 1 to the next number: what rounding a result to T adds, relative to it.
template <class T>
constexpr double unit_of = std::is_same_v<T, float>     ? 0
                           : std::is_same_v<T, float16> ? 0x1p-11
                                                        : 0x1p-8;
/// Below its normal numbers a format rounds by half of this.
template <class T>
constexpr double least_spacing = std::is_same_v<T, float16> ? 0x1p-24 : 0x1p-133;

template <class T>
double tolerance(double x, double result, double factor = 1) {
  return operations * unit * (1 + (std::isfinite(x) ? std::abs(x) : 0)) * std::abs(factor) +
         (std::isfinite(result) ? unit_of<T> * std::abs(result) : 0) + least_spacing<T>;
}

template <class T>
std::vector<float> widened(const std::vector<T>& numbers) {
  std::vector<float> out(numbers.size());
  std::transform(numbers.begin(), numbers.end(), out.begin(),
                 [](T x) { return static_cast<float>(x); });
  return out;
}

/// Normal draws, with the places in front where formulas break; as T holds them.
template <class T>
std::vector<float> arguments(std::int64_t n, unsigned seed) {
  std::vector<float> x = normal(n, seed);
  const float hard[] = {0, -0.F, 3, -3, 1, -1, 88, -88, 1e-30F, -1e-40F, nan, infinity, -infinity};
  for (std::size_t i = 0; i < std::min(x.size(), std::size(hard)); ++i) x[i] = hard[i];
  return widened(stored<T>(x));
}

template <class T, class Act>
std::vector<float> outputs_of(const std::vector<float>& x) {
  std::vector<T> y(x.size());
  std::transform(x.begin(), x.end(), y.begin(),
                 [](float v) { return rounded_to<T>(Act::value(static_cast<double>(v))); });
  return widened(y);
}

/// f' as the kernel may know it: from y alone, or from x alone.
template <class Act>
double expected_slope(float x, float y) {
  constexpr bool of_output = has_slope_from_output<Act>;
  return slope_of_kept<Act, of_output>(static_cast<double>(of_output ? y : x));
}

/// The largest finite number of T.
template <class T>
constexpr double largest = std::is_same_v<T, float16> ? 65504.0 : 3e38;

template <class T>
class ActivationPass : public ::testing::Test {};
TYPED_TEST_SUITE(ActivationPass, StoredTypes);

TYPED_TEST(ActivationPass, ForwardIsTheFormulaForEverySizeAndAlignment) {
  using T = TypeParam;
  for_each_tested_activation([](auto act) {
    using Act = decltype(act);
    for (const std::int64_t n : {0, 1, 3, 4, 7, 8, 33, 200, 1027}) {
      if (thread_sanitizer && n > 33) continue;  // slow there
      for (const std::int64_t offset : {0, 1}) {
        const std::vector<float> x = arguments<T>(n, 1);
        const Memory in(stored<T>(x), offset);
        const Memory<T> out(n);
        activation_kernels<T>(Act::name).forward(n, in.data(), out.data(), {});
        const std::vector<float> y = widened(out.read());
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double expected = Act::value(static_cast<double>(x[i]));
          // Beyond the largest number a float64 formula may still be finite.
          if (std::isinf(y[i]) && std::abs(expected) > largest<T>) continue;
          expect_near(y[i], expected, tolerance<T>(x[i], expected), Act::name.data(), i);
        }
      }
    }
  });
}

TEST(ActivationPass, ForwardMayWorkInPlace) {
  const std::vector<float> x = normal(33, 2);
  const Memory memory(x);
  activation_kernels<float>("tanh").forward(33, memory.data(), memory.data(), {});
  const std::vector<float> y = memory.read();
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = std::tanh(static_cast<double>(x[i]));
    expect_near(y[i], expected, tolerance<float>(x[i], expected), "y", i);
  }
}

TYPED_TEST(ActivationPass, BackwardIsTheFormulaForEverySizeAndAlignment) {
  using T = TypeParam;
  for_each_tested_activation([](auto act) {
    using Act = decltype(act);
    for (const std::int64_t n : {0, 1, 3, 4, 7, 8, 33, 200, 1027}) {
      if (thread_sanitizer && n > 33) continue;  // slow there
      for (const std::int64_t offset : {0, 1}) {
        const std::vector<float> x = arguments<T>(n, 1);
        const std::vector<float> y = outputs_of<T, Act>(x);
        const std::vector<float> dy = widened(stored<T>(normal(n, 2)));
        const Memory x_memory(stored<T>(x), offset);
        const Memory y_memory(stored<T>(y), offset);
        const Memory dy_memory(stored<T>(dy));
        const Memory<T> out(n);
        // The one of x and y that is not needed is not read.
        constexpr bool of_output = has_slope_from_output<Act>;
        activation_kernels<T>(Act::name).backward({.cols = n,
                                                   .x = of_output ? nullptr : x_memory.data(),
                                                   .y = of_output ? y_memory.data() : nullptr,
                                                   .dy = dy_memory.data(),
                                                   .dx = out.data()},
                                                  {});
        const std::vector<float> dx = widened(out.read());
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double at = has_slope_from_output<Act> ? y[i] : x[i];
          const double expected = dy[i] * expected_slope<Act>(x[i], y[i]);
          expect_near(dx[i], expected, tolerance<T>(at, expected, dy[i]), Act::name.data(), i);
        }
      }
    }
  });
}

struct Shape {
  std::int64_t rows, cols, offset;
};
// 200 columns in packs, 7 and 33 one by one, 1030 rows in several parts.
constexpr Shape shapes[] = {{1, 1, 0},     {1, 7, 0},    {7, 33, 0},   {33, 7, 0},  {3, 8, 0},
                            {33, 200, 0},  {33, 200, 1}, {200, 33, 0}, {64, 64, 0}, {1030, 5, 0},
                            {1030, 40, 0}, {0, 5, 0},    {5, 0, 0}};

/// What a backward pass over a matrix gives.
template <class T>
struct Result {
  std::vector<T> dx, db;
  double saturated;
};

template <class T>
Result<T> run_backward(Activation act, const Shape& shape, const std::vector<float>& x,
                       const std::vector<float>& y, const std::vector<float>& dy,
                       bool bias_gradient = true, const StreamRef& stream = {}) {
  const auto& [rows, cols, offset] = shape;
  const Memory x_memory(stored<T>(x), offset);
  const Memory y_memory(stored<T>(y), offset);
  const Memory dx(stored<T>(dy), offset);  // in place
  const Memory<T> db(bias_gradient ? cols : 0);
  const Memory<double> saturated(1);
  const Memory<double> workspace(activation_workspace<T>(rows, cols, bias_gradient, true));
  activation_kernels<T>(act).backward({.rows = rows,
                                       .cols = cols,
                                       .x = x_memory.data(),
                                       .y = y_memory.data(),
                                       .dy = dx.data(),
                                       .dx = dx.data(),
                                       .db = bias_gradient ? db.data() : nullptr,
                                       .saturated = saturated.data(),
                                       .workspace = workspace.data()},
                                      stream);
  (void)workspace.read();  // checks the guards
  return {dx.read(), db.read(), saturated.read()[0]};
}

template <class T>
void expect_column_sums(const std::vector<float>& dx, const std::vector<T>& db) {
  for (std::size_t c = 0; c < db.size(); ++c) {
    double sum = 0;
    double magnitude = 0;
    for (std::size_t i = c; i < dx.size(); i += db.size()) {
      sum += dx[i];
      magnitude += std::abs(dx[i]);
    }
    // Sums in float64, rounded once.
    const double rounding = (unit + unit_of<T>)*std::abs(sum) + 1e-13 * magnitude;
    expect_near(static_cast<float>(db[c]), sum, rounding + least_spacing<T>, "db", c);
  }
}

TYPED_TEST(ActivationPass, BackwardSumsColumnsAndCountsSaturatedElements) {
  using T = TypeParam;
  for (const Shape& shape : shapes) {
    const std::int64_t n = shape.rows * shape.cols;
    if (thread_sanitizer && n > 7000) continue;
    std::vector<float> x = normal(n, 3);
    for (float& v : x) v *= 3;  // some saturated, most not
    x = widened(stored<T>(x));
    const std::vector<float> dy = widened(stored<T>(normal(n, 4)));
    for_each_tested_activation([&](auto act) {
      using Act = decltype(act);
      if (n > 300 && Act::name != "tanh" && Act::name != "gelu") return;
      const std::vector<float> y = outputs_of<T, Act>(x);
      double count = 0;
      double uncertain = 0;  // so near the limit that float may see it on the other side
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double slope = std::abs(expected_slope<Act>(x[i], y[i]));
        count += slope < 0.01;
        uncertain += Act::kinks.size() == 0 && std::abs(slope - 0.01) < 1e-5;
      }
      for (const bool bias_gradient : {false, true}) {
        const Result<T> result = run_backward<T>(Act::name, shape, x, y, dy, bias_gradient);
        expect_near(result.saturated, count, uncertain, Act::name.data(), 0);
        const std::vector<float> dx = widened(result.dx);
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double at = has_slope_from_output<Act> ? y[i] : x[i];
          const double expected = dy[i] * expected_slope<Act>(x[i], y[i]);
          expect_near(dx[i], expected, tolerance<T>(at, expected, dy[i]), Act::name.data(), i);
        }
        if (bias_gradient) expect_column_sums(dx, result.db);
      }
    });
  }
}

TYPED_TEST(ActivationPass, BackwardCountsNoNaN) {
  const std::vector<float> y = {nan, 1, 0, nan};
  const std::vector<float> dy(4, 1);
  const auto result = run_backward<TypeParam>("tanh", {2, 2, 0}, y, y, dy);
  EXPECT_EQ(result.saturated, 1);
  EXPECT_TRUE(std::isnan(static_cast<float>(result.db[0])));
  EXPECT_TRUE(std::isnan(static_cast<float>(result.db[1])));
}

TYPED_TEST(ActivationPass, BackwardHasTheSameBitsOnEverySchedule) {
  constexpr Shape shape{600, 36, 0};
  const std::int64_t n = shape.rows * shape.cols;
  const std::vector<float> y = normal(n, 5);
  const std::vector<float> dy = normal(n, 6);
  on_all_schedules([&](const StreamRef& stream) {
    const auto result = run_backward<TypeParam>("tanh", shape, y, y, dy, true, stream);
    std::vector<TypeParam> all = result.dx;
    all.insert(all.end(), result.db.begin(), result.db.end());
    all.push_back(rounded_to<TypeParam>(result.saturated));
    return all;
  });
}

TEST(ActivationPass, PartialSumsOfTheBiasStaySmall) {
  for (const std::int64_t rows : {64, 300, 2048, 5000, 1 << 20}) {
    for (const std::int64_t cols : {8, 33, 1024, 100000}) {
      const auto matrix = static_cast<double>(rows * cols);
      const auto moved = [&](std::int64_t doubles) { return 16 * static_cast<double>(doubles); };
      EXPECT_LE(moved(activation_workspace<float>(rows, cols, true, false)), 0.006 * 12 * matrix);
      EXPECT_LE(moved(activation_workspace<float16>(rows, cols, true, false)), 0.006 * 6 * matrix);
    }
  }
}

}  // namespace
}  // namespace gradepth
