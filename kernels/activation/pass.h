#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/half.h"
#include "kernels/platform.h"

/// Every activation of kernels/activation/functions.h, forward and backward, over arrays in device
/// memory.
///
/// T is float, float16 or bfloat16: how numbers are stored. Arithmetic is float, and each result is
/// rounded to T once. Arrays that start on 16-byte addresses are read and written 16 bytes at a
/// time.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// Below this, |f'| lets next to nothing through: the unit is saturated.
inline constexpr float saturation_slope = 0.01F;

/// dx = dy · f' over a matrix, and what comes with it in the same pass over memory.
template <class T>
struct ActivationBackward {
  std::int64_t rows = 1;
  std::int64_t cols = 0;
  /// [rows, cols]. The slope comes from y = f(x) where `slope` asks for it and the activation
  /// has one of y, else from x: the other one is not read and may be null. dx may be dy.
  const T* x = nullptr;
  const T* y = nullptr;
  const T* dy = nullptr;
  T* dx = nullptr;
  /// [cols] or null: Σ_r dx[r, c] of what is stored in dx, added up in float64.
  T* db = nullptr;
  /// [1] or null: the number of elements with |f'| < saturation_slope.
  double* saturated = nullptr;
  /// [activation_workspace(...)], null if that is 0.
  double* workspace = nullptr;
  SlopeFrom slope = SlopeFrom::output;
};

/// Doubles that ActivationBackward<T> needs as its workspace.
template <class T>
std::int64_t activation_workspace(std::int64_t rows, std::int64_t cols, bool bias_gradient,
                                  bool count_saturated);

/// The passes of an activation: looked up once, when a plan is made.
template <class T>
struct ActivationKernels {
  /// y = f(x).   x, y [n]; y may be x.
  void (*forward)(std::int64_t n, const T* x, T* y, const StreamRef& stream);
  void (*backward)(const ActivationBackward<T>& pass, const StreamRef& stream);
};
template <class T>
ActivationKernels<T> activation_kernels(Activation act);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
