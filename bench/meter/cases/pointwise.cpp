// The pointwise map between two products with W, for chains that go step by step.
#include "kernels/chain/pointwise.h"
#include "bench/meter/cases/case.h"
#include "kernels/activation/activation.h"

namespace gradepth {
namespace {

constexpr std::int64_t B = 32;
constexpr std::int64_t H = 512;
constexpr std::int64_t n = B * H;
constexpr double tolerance = 16 * 0x1p-24;

void run_pointwise_forward(Run& run) {
  const Array a = run.normal("a", n);
  const Array x = run.normal("x", n);
  const Array b = run.normal("b", H);
  const Array h = run.array("h", n);
  const std::vector<double> product(a.data(), a.data() + n);
  pointwise_kernels("tanh").forward(
      {.rows = B, .units = H, .a = a.data(), .x = x.data(), .b = b.data(), .h = h.data()},
      run.stream());
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double expected = product[i] + static_cast<double>(x[i]) + static_cast<double>(b[i % H]);
    run.compare("a", i, a[i], expected, tolerance * (1 + std::abs(expected)));
    run.compare("h", i, h[i], std::tanh(expected), tolerance * (1 + std::abs(expected)));
  }
}

void run_pointwise_backward(Run& run) {
  const Array through = run.normal("through", n);
  const Array past = run.normal("past", n);
  const Array y = run.array("y", n);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = std::tanh(through[i]);
  const Array da = run.array("da", n);
  const Array partials = run.array<double>("partials", step_quantities * step_blocks(n));
  pointwise_kernels("tanh").backward({.n = n,
                                      .through = through.data(),
                                      .past = past.data(),
                                      .y = y.data(),
                                      .da = da.data(),
                                      .partials = partials.data()},
                                     run.stream());
  for (std::size_t i = 0; i < da.size(); ++i) {
    const double dh = static_cast<double>(through[i]) + static_cast<double>(past[i]);
    const double expected = dh * Tanh::slope_from_output(static_cast<double>(y[i]));
    run.compare("da", i, da[i], expected, tolerance * (1 + std::abs(dh)));
  }
}

}  // namespace

void add_pointwise_cases(std::vector<Case>& cases) {
  cases.push_back({.name = "map/forward/tanh/f32/B32_H512",
                   .dtype = "f32",
                   .unit = "element",
                   .units = n,
                   .floor_bytes = 16.0 * n + 4.0 * H,
                   .floor_formula = "W h, x in; a, h out; b in once",
                   .run = run_pointwise_forward});
  cases.push_back({.name = "map/backward/tanh/f32/B32_H512",
                   .dtype = "f32",
                   .unit = "element",
                   .units = n,
                   .floor_bytes = 16.0 * n,
                   .floor_formula = "W' da, dy, y in; da out",
                   .run = run_pointwise_backward});
}

}  // namespace gradepth
