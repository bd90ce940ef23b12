#pragma once

#include <cmath>
#include <type_traits>

#include "kernels/clip/clip.h"
#include "kernels/clip/value.h"
#include "kernels/pack.cuh"

/// What a warp does with the elements of a chunk.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// The number of neighbouring elements that one call handles.
template <int W>
using Width = std::integral_constant<int, W>;

/// Elements between the 16-byte address before p and p itself.
template <class T>
__device__ std::uint32_t elements_after_pack(const T* p) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(p) % pack_bytes / sizeof(T));
}

/// Calls f(Width<W>{}, at) for every element of a chunk, the warp's lanes side by side: first what
/// lies before a 16-byte address of g, one by one, then packs, then the rest.
template <class T, class F>
__device__ void for_each_pack(const ClipChunk<T>& chunk, F f) {
  constexpr std::uint32_t W = pack_width<T>;
  const std::uint32_t lane = threadIdx.x % 32;
  const std::uint32_t before = (W - elements_after_pack(chunk.g)) % W;
  const std::uint32_t head = before < chunk.size ? before : chunk.size;
  const std::uint32_t body = (chunk.size - head) / W * W;
  if (lane < head) f(Width<1>{}, lane);
  for (std::uint32_t at = lane * W; at < body; at += 32 * W) {
    f(Width<static_cast<int>(W)>{}, head + at);
  }
  const std::uint32_t tail = head + body + lane;
  if (tail < chunk.size) f(Width<1>{}, tail);
}

/// W elements from p on, at once where the address allows it: w and v may lie otherwise than g.
template <int W, class T>
__device__ Pack<W, T> load_anywhere(const T* p) {
  if (W == 1 || elements_after_pack(p) == 0) return load<W>(p, 0);
  Pack<W, T> pack;
  unrolled<W>([&](int k) { pack.v[k] = p[k]; });
  return pack;
}
template <int W, class T>
__device__ void store_anywhere(T* p, const Pack<W, T>& pack) {
  if (W == 1 || elements_after_pack(p) == 0) {
    store<W>(p, 0, pack);
  } else {
    unrolled<W>([&](int k) { p[k] = pack.v[k]; });
  }
}

/// sum += Σ x²
template <int W, class T>
__device__ void add_squares(double& sum, const Pack<W, T>& pack) {
  unrolled<W>([&](int k) {
    const auto x = static_cast<double>(static_cast<float>(pack.v[k]));
    sum += x * x;
  });
}

/// The two ways to clip an element. A product is taken in float64: the scale may be smaller than
/// any normal float.
struct ScaledBy {
  double scale;
  __device__ double operator()(float g) const { return g * scale; }
};
struct LimitedTo {
  float limit;
  __device__ double operator()(float g) const { return clipped(g, limit); }
};

/// Clips g, which lies `at` elements from the chunk's start, and writes what comes of it.
template <int W, class T, class Clip>
__device__ void update_pack(const ClipChunk<T>& chunk, const ClipState<T>& state, std::uint32_t at,
                            Pack<W, T> g, Clip clip, const ClipUpdate& update) {
  if (!update.sgd) {
    unrolled<W>([&](int k) { g.v[k] = rounded_to<T>(clip(static_cast<float>(g.v[k]))); });
    store<W>(chunk.g + at, 0, g);
    return;
  }
  Pack<W, T> v = load_anywhere<W>(state.v + at);
  Pack<W, T> w = load_anywhere<W>(state.w + at);
  unrolled<W>([&](int k) {
    const double next =
        update.momentum * static_cast<float>(v.v[k]) + clip(static_cast<float>(g.v[k]));
    v.v[k] = rounded_to<T>(next);
    w.v[k] = rounded_to<T>(static_cast<float>(w.v[k]) - update.learning_rate * next);
  });
  store_anywhere<W>(state.v + at, v);
  store_anywhere<W>(state.w + at, w);
}

template <class T, class Clip>
__device__ void update_chunk(const ClipChunk<T>& chunk, const ClipState<T>& state, Clip clip,
                             const ClipUpdate& update) {
  for_each_pack(chunk, [&]<int W>(Width<W>, std::uint32_t at) {
    update_pack(chunk, state, at, load<W>(chunk.g + at, 0), clip, update);
  });
}

/// The scale for a norm that must not exceed `limit`.
__device__ inline ClipNorm limited(double norm, double limit) {
  return {norm, isfinite(norm) && norm > limit ? limit / norm : 1.0};
}

/// Whether the tensors of a norm stay as they are.
__device__ inline bool stays(const ClipNorm& norm, const ClipUpdate& update) {
  return !isfinite(norm.norm) || (!update.sgd && norm.scale == 1.0);
}

/// Notes a norm; the report counts it if it is not finite.
__device__ inline void record(const ClipNorm& norm, std::int64_t i, const ClipWorkspace& to) {
  to.norms[i] = norm;
  if (isfinite(norm.norm)) return;
  atomicAdd(&to.report->skipped, 1ULL);
  atomicAdd(&to.report->skipped_total, 1ULL);
}

/// This thread's warp in a one-dimensional grid, and the number of warps.
__device__ inline std::int64_t grid_warp() {
  return (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) / 32;
}
__device__ inline std::int64_t grid_warps() {
  return static_cast<std::int64_t>(gridDim.x) * blockDim.x / 32;
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
