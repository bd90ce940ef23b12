// Activations over arrays, forward and backward.
#include "kernels/activation/activation.h"
#include "bench/meter/cases/case.h"
#include "bench/meter/numbers.h"
#include "kernels/activation/pass.h"

namespace gradepth {
namespace {

/// What may lie between a stored result and the truth: some roundings and one function of the
/// library in fp32, relative to the largest number on the way, and the rounding to T, which for
/// float16 is never finer than half its smallest number.
template <class T>
double tolerance(double expected, double largest) {
  return 16 * 0x1p-24 * largest + 1.01 * roundoff<T>() * std::abs(expected) + 0x1p-25;
}

template <class Act, class T>
void run_forward(Run& run, std::int64_t n) {
  const Array x = run.normal<T>("x", n);
  const Array y = run.array<T>("y", n);
  activation_kernels<T>(Act::name).forward(n, x.data(), y.data(), run.stream());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double expected = Act::value(as_double(x[i]));
    run.compare("y", i, as_double(y[i]), expected, tolerance<T>(expected, 1));
  }
}

/// dx = dy f'; `fused` with db [cols] and the count of saturated elements.
template <class Act, class T>
void run_backward(Run& run, std::int64_t rows, std::int64_t cols, bool fused) {
  const std::int64_t n = rows * cols;
  const Array x = run.normal<T>("x", n);
  const Array y = run.array<T>("y", n);
  for (std::size_t i = 0; i < x.size(); ++i) {
    y[i] = rounded_to<T>(Act::value(static_cast<float>(x[i])));
  }
  const Array dy = run.normal<T>("dy", n);
  const Array dx = run.array<T>("dx", n);
  const Array db = run.array<T>("db", fused ? cols : 0);
  const Array saturated = run.array<double>("saturated", 1);
  const Array workspace =
      run.array<double>("workspace", activation_workspace<T>(rows, cols, fused, fused));
  activation_kernels<T>(Act::name).backward({.rows = rows,
                                             .cols = cols,
                                             .x = x.data(),
                                             .y = y.data(),
                                             .dy = dy.data(),
                                             .dx = dx.data(),
                                             .db = fused ? db.data() : nullptr,
                                             .saturated = fused ? saturated.data() : nullptr,
                                             .workspace = workspace.data()},
                                            run.stream());
  double count = 0;
  for (std::size_t i = 0; i < dx.size(); ++i) {
    const double slope = slope_of_kept<Act, has_slope_from_output<Act>>(
        as_double(has_slope_from_output<Act> ? y[i] : x[i]));
    count += std::abs(slope) < static_cast<double>(saturation_slope) ? 1 : 0;
    const double expected = as_double(dy[i]) * slope;
    run.compare("dx", i, as_double(dx[i]), expected,
                tolerance<T>(expected, 1 + std::abs(as_double(dy[i]))));
  }
  if (fused) run.compare("saturated", 0, saturated[0], count, 0);
  for (std::size_t c = 0; c < db.size(); ++c) {
    double sum = 0;
    for (std::size_t i = c; i < dx.size(); i += db.size()) sum += as_double(dx[i]);
    run.compare("db", c, as_double(db[c]), sum, tolerance<T>(sum, std::abs(sum)));
  }
}

std::string name_of(std::string_view pass, Activation act, std::string_view dtype,
                    std::string_view size) {
  std::string name = "activation";
  for (const std::string_view part : {pass, act.name(), dtype, size}) name.append("/").append(part);
  return name;
}

constexpr std::int64_t n = 65536;

template <class T>
void add_forward(std::vector<Case>& cases) {
  cases.push_back({.name = name_of("forward", "tanh", dtype_name<T>(), "n65536"),
                   .dtype = dtype_name<T>(),
                   .unit = "element",
                   .units = n,
                   .floor_bytes = 2.0 * sizeof(T) * n,
                   .floor_formula = "x in; y out",
                   .run = [](Run& run) { run_forward<Tanh, T>(run, n); }});
}

template <class Act, class T>
void add_backward(std::vector<Case>& cases) {
  cases.push_back(
      {.name = name_of("backward", Act::name, dtype_name<T>(), "n65536"),
       .dtype = dtype_name<T>(),
       .unit = "element",
       .units = n,
       .floor_bytes = 3.0 * sizeof(T) * n,
       .floor_formula = has_slope_from_output<Act> ? "dy, y in; dx out" : "dy, x in; dx out",
       .run = [](Run& run) { run_backward<Act, T>(run, 1, n, false); }});
}

template <class T>
void add_fused(std::vector<Case>& cases) {
  constexpr std::int64_t rows = 2048;
  constexpr std::int64_t cols = 256;
  cases.push_back({.name = name_of("bias_saturated", "tanh", dtype_name<T>(), "2048x256"),
                   .dtype = dtype_name<T>(),
                   .unit = "element",
                   .units = rows * cols,
                   .floor_bytes = sizeof(T) * (3.0 * rows * cols + cols),
                   .floor_formula = "dy, y in; dx out; db once",
                   .run = [](Run& run) { run_backward<Tanh, T>(run, rows, cols, true); }});
}

}  // namespace

void add_activation_cases(std::vector<Case>& cases) {
  add_forward<float>(cases);
  add_forward<float16>(cases);
  add_forward<bfloat16>(cases);
  add_backward<Tanh, float>(cases);
  add_backward<Tanh, float16>(cases);
  add_backward<Tanh, bfloat16>(cases);
  add_backward<Gelu, float>(cases);
  add_backward<Gelu, float16>(cases);
  add_fused<float>(cases);
  add_fused<float16>(cases);
  add_fused<bfloat16>(cases);
}

}  // namespace gradepth
