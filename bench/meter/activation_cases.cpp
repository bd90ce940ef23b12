// Activations over arrays, forward and backward.
#include "bench/meter/case.h"
#include "kernels/activation.h"
#include "kernels/activation_pass.h"
#include "kernels/reduce.h"

namespace gradepth {
namespace {

constexpr double unit = 0x1p-24;  // relative error of one fp32 operation

/// A value and slope in fp32 are some roundings and one function of the library away from the
/// truth, relative to the largest of the numbers on the way.
constexpr double activation_tolerance = 16 * unit;

template <class Act>
void run_forward(Run& run, std::int64_t n) {
  const Array x = run.normal("x", n);
  const Array y = run.array("y", n);
  activation_forward(Act::name, n, x.data(), y.data(), run.stream());
  for (std::size_t i = 0; i < x.size(); ++i) {
    run.compare("y", i, y[i], Act::value(static_cast<double>(x[i])), activation_tolerance);
  }
}

/// f' in float64 from what the kernel was given.
template <class Act>
double slope(const Array<float>& x, const Array<float>& y, std::size_t i) {
  return Act::from_output ? Act::slope(0.0, static_cast<double>(y[i]))
                          : Act::slope(static_cast<double>(x[i]), 0.0);
}

/// x and y = f(x), of which the kernel reads one.
template <class Act>
std::pair<Array<float>, Array<float>> inputs(Run& run, std::int64_t n) {
  Array x = run.normal("x", n);
  Array y = run.array("y", n);
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = Act::value(x[i]);
  return {std::move(x), std::move(y)};
}

template <class Act>
void compare_dx(Run& run, const Array<float>& x, const Array<float>& y, const Array<float>& dy,
                const Array<float>& dx) {
  for (std::size_t i = 0; i < dx.size(); ++i) {
    const double expected = dy[i] * slope<Act>(x, y, i);
    run.compare("dx", i, dx[i], expected, activation_tolerance * (1 + std::abs(dy[i])));
  }
}

template <class Act>
void run_backward(Run& run, std::int64_t n) {
  const auto [x, y] = inputs<Act>(run, n);
  const Array dy = run.normal("dy", n);
  const Array dx = run.array("dx", n);
  activation_backward(Act::name, n, x.data(), y.data(), dy.data(), dx.data(), run.stream());
  compare_dx<Act>(run, x, y, dy, dx);
}

template <class Act>
void run_backward_bias(Run& run, std::int64_t rows, std::int64_t cols) {
  const auto [x, y] = inputs<Act>(run, rows * cols);
  const Array dy = run.normal("dy", rows * cols);
  const Array dx = run.array("dx", rows * cols);
  const Array db = run.array("db", cols);
  const Array partials = run.array<double>("workspace", column_sum_parts(rows) * cols);
  activation_backward_bias(Act::name, rows, cols, x.data(), y.data(), dy.data(), dx.data(),
                           db.data(), partials.data(), run.stream());
  compare_dx<Act>(run, x, y, dy, dx);
  for (std::size_t c = 0; c < db.size(); ++c) {
    double sum = 0;
    for (std::size_t i = c; i < dx.size(); i += db.size()) sum += dx[i];
    run.compare("db", c, db[c], sum, unit * (1 + std::abs(sum)));
  }
}

std::string name_of(std::string_view pass, std::string_view act, std::string_view dtype,
                    const std::string& size) {
  return "activation/" + std::string(pass) + "/" + std::string(act) + "/" + std::string(dtype) +
         "/" + size;
}

template <class Act>
void add_backward(std::vector<Case>& cases) {
  constexpr std::int64_t n = 65536;
  cases.push_back(
      {.name = name_of("backward", Act::name, "f32", "n65536"),
       .dtype = "f32",
       .unit = "element",
       .units = n,
       .floor_bytes = 12.0 * n,
       .floor_formula = Act::from_output ? "dy, y in; dx out" : "dy, x in; dx out",
       .run = [](Run& run) { run_backward<Act>(run, n); }});
}

}  // namespace

void add_activation_cases(std::vector<Case>& cases) {
  constexpr std::int64_t n = 65536;
  cases.push_back({.name = name_of("forward", "tanh", "f32", "n65536"),
                   .dtype = "f32",
                   .unit = "element",
                   .units = n,
                   .floor_bytes = 8.0 * n,
                   .floor_formula = "x in; y out",
                   .run = [](Run& run) { run_forward<Tanh>(run, n); }});
  add_backward<Tanh>(cases);
  add_backward<Gelu>(cases);
  constexpr std::int64_t rows = 2048;
  constexpr std::int64_t cols = 128;
  cases.push_back({.name = name_of("bias", "tanh", "f32", "2048x128"),
                   .dtype = "f32",
                   .unit = "element",
                   .units = rows * cols,
                   .floor_bytes = 12.0 * rows * cols + 4.0 * cols,
                   .floor_formula = "dy, y in; dx out; db out once",
                   .run = [](Run& run) { run_backward_bias<Tanh>(run, rows, cols); }});
}

}  // namespace gradepth
