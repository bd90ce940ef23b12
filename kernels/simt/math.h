#pragma once
/// Device functions that are not in <cmath>, and those of <cmath> that CUDA has without std::.
#include <algorithm>
#include <bit>
#include <cmath>

// CUDA's names are reserved ones. NOLINTBEGIN(bugprone-reserved-identifier)

namespace gradepth::inline simt {

using std::abs, std::fabs, std::min, std::max;
using std::ceil, std::exp, std::expm1, std::floor, std::fma, std::fmax, std::fmin, std::log,
    std::log1p, std::pow, std::sqrt, std::erf, std::tanh, std::cosh, std::sinh, std::sin, std::cos;
using std::isfinite, std::isinf, std::isnan, std::signbit;

inline float rsqrtf(float x) { return 1.0F / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __fdividef(float x, float y) { return x / y; }
inline float __saturatef(float x) { return x > 0 ? std::min(x, 1.0F) : 0.0F; }  // NaN gives 0

inline int __popc(unsigned x) { return std::popcount(x); }
inline int __popcll(unsigned long long x) { return std::popcount(x); }
inline int __clz(int x) { return std::countl_zero(static_cast<unsigned>(x)); }
inline int __clzll(long long x) { return std::countl_zero(static_cast<unsigned long long>(x)); }
/// The place of the lowest set bit, counted from 1; 0 without one.
inline int __ffs(int x) { return x == 0 ? 0 : std::countr_zero(static_cast<unsigned>(x)) + 1; }

inline int __float_as_int(float x) { return std::bit_cast<int>(x); }
inline unsigned __float_as_uint(float x) { return std::bit_cast<unsigned>(x); }
inline float __int_as_float(int x) { return std::bit_cast<float>(x); }
inline float __uint_as_float(unsigned x) { return std::bit_cast<float>(x); }
inline long long __double_as_longlong(double x) { return std::bit_cast<long long>(x); }
inline double __longlong_as_double(long long x) { return std::bit_cast<double>(x); }

/// A load through the read-only cache; here a load.
template <class T>
T __ldg(const T* p) {
  return *p;
}

}  // namespace gradepth::inline simt

// NOLINTEND(bugprone-reserved-identifier)
