#pragma once
/// CUDA's small vector types, with CUDA's sizes and alignments, inside our namespace.
/// They are not in the global namespace, so that one program can link this and the CUDA build.
#ifdef GRADEPTH_SIMT_METER
#include "kernels/simt/metered_types.h"
#endif

namespace gradepth::inline simt {

struct uint3 {
  unsigned x = 0, y = 0, z = 0;
};

/// Sizes of a grid or block; what is not given is 1.
struct dim3 {
  unsigned x, y, z;
  // Implicit, as in CUDA: launch(kernel, blocks, threads, ...) takes plain numbers.
  // NOLINTNEXTLINE(google-explicit-constructor)
  constexpr dim3(unsigned width = 1, unsigned height = 1, unsigned depth = 1)
      : x(width), y(height), z(depth) {}
};

struct float3 {
  float x, y, z;
};

#ifndef GRADEPTH_SIMT_METER
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) int2 {
  int x, y;
};
struct alignas(16) int4 {
  int x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) double2 {
  double x, y;
};
#endif

constexpr float2 make_float2(float x, float y) { return {x, y}; }
constexpr float3 make_float3(float x, float y, float z) { return {x, y, z}; }
constexpr float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
constexpr int2 make_int2(int x, int y) { return {x, y}; }
constexpr int4 make_int4(int x, int y, int z, int w) { return {x, y, z, w}; }
constexpr uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }
constexpr uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }
constexpr uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
constexpr double2 make_double2(double x, double y) { return {x, y}; }

}  // namespace gradepth::inline simt
