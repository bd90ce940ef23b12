#pragma once
/// CUDA's vector types for builds with the meter: copied as a whole, see whole.h.
#include "kernels/simt/whole.h"

namespace gradepth::inline simt {

template <class T>
struct alignas(2 * sizeof(T)) Vector2 {
  T x, y;
  Vector2() = default;
  constexpr Vector2(T first, T second) : x(first), y(second) {}
  Vector2(const Vector2& from) { copy_whole(this, &from); }
  Vector2& operator=(const Vector2& from) {
    copy_whole(this, &from);
    return *this;
  }
};

template <class T>
struct alignas(4 * sizeof(T)) Vector4 {
  T x, y, z, w;
  Vector4() = default;
  constexpr Vector4(T first, T second, T third, T fourth)
      : x(first), y(second), z(third), w(fourth) {}
  Vector4(const Vector4& from) { copy_whole(this, &from); }
  Vector4& operator=(const Vector4& from) {
    copy_whole(this, &from);
    return *this;
  }
};

using float2 = Vector2<float>;
using float4 = Vector4<float>;
using int2 = Vector2<int>;
using int4 = Vector4<int>;
using uint2 = Vector2<unsigned>;
using uint4 = Vector4<unsigned>;
using double2 = Vector2<double>;

}  // namespace gradepth::inline simt
