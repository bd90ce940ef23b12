// Activations forward and backward, and the bias gradient, against plain float64 loops.
#include "kernels/activation_pass.h"

#include "kernels/activation.h"
#include "kernels/reduce.h"
#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

// Each formula has fewer than 16 operations, on intermediates of about 1 + |x| at most.
constexpr double operations = 16;

double tolerance(double x, double factor = 1) {
  return operations * unit * (1 + (std::isfinite(x) ? std::abs(x) : 0)) * std::abs(factor);
}

/// Normal draws, with the places in front where formulas break.
std::vector<float> arguments(std::int64_t n, unsigned seed) {
  std::vector<float> x = normal(n, seed);
  const float hard[] = {0, -0.F, 3, -3, 1, -1, 88, -88, 1e-30F, -1e-40F, nan, infinity, -infinity};
  for (std::size_t i = 0; i < std::min(x.size(), std::size(hard)); ++i) x[i] = hard[i];
  return x;
}

template <class Act>
std::vector<float> outputs_of(const std::vector<float>& x) {
  std::vector<float> y(x.size());
  std::transform(x.begin(), x.end(), y.begin(),
                 [](float v) { return static_cast<float>(Act::value(static_cast<double>(v))); });
  return y;
}

/// dy · f' as the kernel may know it: from y alone, or from x alone.
template <class Act>
double expected_dx(float x, float y, float dy) {
  const double slope = Act::from_output ? Act::slope(0.0, static_cast<double>(y))
                                        : Act::slope(static_cast<double>(x), 0.0);
  return static_cast<double>(dy) * slope;
}

TEST(ActivationForward, IsTheFormulaForEverySizeAndAlignment) {
  for_each_tested_activation([](auto act) {
    using Act = decltype(act);
    for (const std::int64_t n : {0, 1, 3, 4, 7, 33, 200, 1027}) {
      for (const std::int64_t offset : {0, 1}) {
        const std::vector<float> x = arguments(n, 1);
        const Memory in(x, offset);
        const Memory<> out(n);
        activation_forward(Act::name, n, in.data(), out.data(), {});
        const std::vector<float> y = out.read();
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double expected = Act::value(static_cast<double>(x[i]));
          // Beyond the largest float a float64 formula may still be finite.
          if (std::isinf(y[i]) && std::abs(expected) > 3e38) continue;
          expect_near(y[i], expected, tolerance(x[i]), Act::name.data(), i);
        }
      }
    }
  });
}

TEST(ActivationForward, MayWorkInPlace) {
  const std::vector<float> x = normal(33, 2);
  const Memory memory(x);
  activation_forward("tanh", 33, memory.data(), memory.data(), {});
  const std::vector<float> y = memory.read();
  for (std::size_t i = 0; i < x.size(); ++i) {
    expect_near(y[i], std::tanh(static_cast<double>(x[i])), tolerance(x[i]), "y", i);
  }
}

TEST(ActivationBackward, IsTheFormulaForEverySizeAndAlignment) {
  for_each_tested_activation([](auto act) {
    using Act = decltype(act);
    for (const std::int64_t n : {0, 1, 3, 4, 7, 33, 200, 1027}) {
      for (const std::int64_t offset : {0, 1}) {
        const std::vector<float> x = arguments(n, 1);
        const std::vector<float> y = outputs_of<Act>(x);
        const std::vector<float> dy = normal(n, 2);
        const Memory x_memory(x, offset);
        const Memory y_memory(y, offset);
        const Memory dy_memory(dy);
        const Memory<> out(n);
        // The one of x and y that is not needed is not read.
        activation_backward(Act::name, n, Act::from_output ? nullptr : x_memory.data(),
                            Act::from_output ? y_memory.data() : nullptr, dy_memory.data(),
                            out.data(), {});
        const std::vector<float> dx = out.read();
        for (std::size_t i = 0; i < x.size(); ++i) {
          const double at = Act::from_output ? y[i] : x[i];
          expect_near(dx[i], expected_dx<Act>(x[i], y[i], dy[i]), tolerance(at, dy[i]),
                      Act::name.data(), i);
        }
      }
    }
  });
}

struct BiasCase {
  std::int64_t rows, cols, offset;
};

TEST(ActivationBackwardBias, SumsTheColumnsOfWhatItWrites) {
  // 200 columns in packs, 7 and 33 one by one, 300 rows in several parts.
  for (const auto& [rows, cols, offset] :
       {BiasCase{1, 1, 0}, BiasCase{7, 33, 0}, BiasCase{33, 7, 0}, BiasCase{33, 200, 0},
        BiasCase{33, 200, 1}, BiasCase{300, 132, 0}, BiasCase{0, 5, 0}}) {
    const std::int64_t n = rows * cols;
    const std::vector<float> x = normal(n, 3);
    const std::vector<float> dy = normal(n, 4);
    for_each_tested_activation([&, rows = rows, cols = cols, offset = offset](auto act) {
      using Act = decltype(act);
      if (n > 1000 && Act::name != "tanh" && Act::name != "gelu") return;
      const std::vector<float> y = outputs_of<Act>(x);
      const Memory x_memory(x, offset);
      const Memory y_memory(y, offset);
      const Memory dy_memory(dy, offset);
      const Memory<> dx_memory(n, offset);
      const Memory<> db_memory(cols);
      const Memory<double> partials(column_sum_parts(rows) * cols);
      activation_backward_bias(Act::name, rows, cols, x_memory.data(), y_memory.data(),
                               dy_memory.data(), dx_memory.data(), db_memory.data(),
                               partials.data(), {});
      const std::vector<float> dx = dx_memory.read();
      const std::vector<float> db = db_memory.read();
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double at = Act::from_output ? y[i] : x[i];
        expect_near(dx[i], expected_dx<Act>(x[i], y[i], dy[i]), tolerance(at, dy[i]),
                    Act::name.data(), i);
      }
      for (std::size_t c = 0; c < db.size(); ++c) {
        double sum = 0;
        double magnitude = 0;
        for (std::size_t i = c; i < dx.size(); i += db.size()) {
          sum += dx[i];
          magnitude += std::abs(dx[i]);
        }
        // Sums in float64, rounded once.
        const double rounding = unit * std::abs(sum) + 1e-13 * magnitude;
        expect_near(db[c], sum, rounding, "db", c);
      }
    });
  }
}

TEST(ActivationBackwardBias, HasTheSameBitsOnEverySchedule) {
  constexpr std::int64_t rows = 150;
  constexpr std::int64_t cols = 36;
  const Memory y(normal(rows * cols, 5));
  const Memory dy(normal(rows * cols, 6));
  on_all_schedules([&](const StreamRef& stream) {
    const Memory<> dx(rows * cols);
    const Memory<> db(cols);
    const Memory<double> partials(column_sum_parts(rows) * cols);
    activation_backward_bias("tanh", rows, cols, nullptr, y.data(), dy.data(), dx.data(), db.data(),
                             partials.data(), stream);
    std::vector<float> all = dx.read();
    for (const float sum : db.read()) all.push_back(sum);
    return all;
  });
}

TEST(ActivationPass, RefusesAnUnknownName) {
  const Memory<> memory(4);
  EXPECT_THROW(activation_forward("bogus", 4, memory.data(), memory.data(), {}),
               std::invalid_argument);
}

}  // namespace
}  // namespace gradepth
