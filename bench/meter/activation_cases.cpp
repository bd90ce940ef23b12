// Activations over arrays, forward and backward.
#include <type_traits>

#include "bench/meter/case.h"
#include "kernels/activation.h"
#include "kernels/activation_pass.h"

namespace gradepth {
namespace {

constexpr double unit = 0x1p-24;  // relative error of one fp32 operation

template <class T>
constexpr std::string_view dtype_name = std::is_same_v<T, float>     ? "f32"
                                        : std::is_same_v<T, float16> ? "f16"
                                                                     : "bf16";

/// A value and slope in fp32 are some roundings and one function of the library away from the
/// truth, relative to the largest of the numbers on the way; then the result is rounded to T.
template <class T>
constexpr double activation_tolerance = 16 * unit + (std::is_same_v<T, float>     ? 0
                                                     : std::is_same_v<T, float16> ? 0x1p-11
                                                                                  : 0x1p-8);

template <class T>
double number(T x) {
  return static_cast<float>(x);
}

template <class Act, class T>
void run_forward(Run& run, std::int64_t n) {
  const Array x = run.normal<T>("x", n);
  const Array y = run.array<T>("y", n);
  activation_forward<T>(Act::name, n, x.data(), y.data(), run.stream());
  for (std::size_t i = 0; i < x.size(); ++i) {
    run.compare("y", i, number(y[i]), Act::value(number(x[i])), 4 * activation_tolerance<T>);
  }
}

/// A backward pass, with all that can be fused into it or alone.
template <class Act, class T>
void run_backward(Run& run, std::int64_t rows, std::int64_t cols, bool fused) {
  const std::int64_t n = rows * cols;
  const Array x = run.normal<T>("x", n);
  const Array y = run.array<T>("y", n);
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = rounded_to<T>(Act::value(number(x[i])));
  const Array dy = run.normal<T>("dy", n);
  const Array dx = run.array<T>("dx", n);
  const Array db = run.array<T>("db", cols);
  const Array saturated = run.array<double>("saturated", 1);
  const Array workspace =
      run.array<double>("workspace", activation_workspace<T>(rows, cols, fused, fused));
  activation_backward<T>(Act::name,
                         {.rows = rows,
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
    const double slope =
        Act::from_output ? Act::slope(0.0, number(y[i])) : Act::slope(number(x[i]), 0.0);
    count += std::abs(slope) < 0.01;
    run.compare("dx", i, number(dx[i]), number(dy[i]) * slope,
                activation_tolerance<T> * (1 + 2 * std::abs(number(dy[i]))));
  }
  if (!fused) return;
  run.compare("saturated", 0, saturated[0], count, 0);
  for (std::size_t c = 0; c < db.size(); ++c) {
    double sum = 0;
    for (std::size_t i = c; i < dx.size(); i += db.size()) sum += number(dx[i]);
    run.compare("db", c, number(db[c]), sum, activation_tolerance<T> * (1 + std::abs(sum)));
  }
}

std::string name_of(std::string_view pass, std::string_view act, std::string_view dtype,
                    const std::string& size) {
  return "activation/" + std::string(pass) + "/" + std::string(act) + "/" + std::string(dtype) +
         "/" + size;
}

template <class Act, class T>
void add_backward(std::vector<Case>& cases) {
  constexpr std::int64_t n = 65536;
  cases.push_back({.name = name_of("backward", Act::name, dtype_name<T>, "n65536"),
                   .dtype = dtype_name<T>,
                   .unit = "element",
                   .units = n,
                   .floor_bytes = 3.0 * sizeof(T) * n,
                   .floor_formula = Act::from_output ? "dy, y in; dx out" : "dy, x in; dx out",
                   .run = [](Run& run) { run_backward<Act, T>(run, 1, n, false); }});
}

template <class T>
void add_fused(std::vector<Case>& cases) {
  constexpr std::int64_t rows = 2048;
  constexpr std::int64_t cols = 128;
  cases.push_back({.name = name_of("bias_saturated", "tanh", dtype_name<T>, "2048x128"),
                   .dtype = dtype_name<T>,
                   .unit = "element",
                   .units = rows * cols,
                   .floor_bytes = sizeof(T) * (3.0 * rows * cols + cols),
                   .floor_formula = "dy, y in; dx out; db out once",
                   .run = [](Run& run) { run_backward<Tanh, T>(run, rows, cols, true); }});
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
                   .run = [](Run& run) { run_forward<Tanh, float>(run, n); }});
  add_backward<Tanh, float>(cases);
  add_backward<Gelu, float>(cases);
  add_backward<Tanh, float16>(cases);
  add_backward<Tanh, bfloat16>(cases);
  add_fused<float>(cases);
  add_fused<bfloat16>(cases);
}

}  // namespace gradepth
