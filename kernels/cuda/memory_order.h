#pragma once
/// Memory that blocks of one launch exchange. The executor's side is kernels/simt/memory_order.h.
///
/// Data exchanged between running blocks is read with ld.relaxed.gpu: coherent at the device's
/// scope (served by L2, never by a stale line of L1) and, being asm volatile, never moved over a
/// barrier. Never read it through `const T* __restrict__` or __ldg: ld.global.nc is not made
/// coherent by any barrier. (PTX ISA, "Memory Consistency Model".)
#include <cuda_runtime.h>

#ifdef __CUDACC__

namespace gradepth::inline cuda {

/// Reads what another running block has written and a barrier has ordered.
__device__ inline float load_exchanged(const float* p) {
  float value;
  asm volatile("ld.relaxed.gpu.global.f32 %0, [%1];" : "=f"(value) : "l"(p) : "memory");
  return value;
}
__device__ inline double load_exchanged(const double* p) {
  double value;
  asm volatile("ld.relaxed.gpu.global.f64 %0, [%1];" : "=d"(value) : "l"(p) : "memory");
  return value;
}
__device__ inline float4 load_exchanged(const float4* p) {
  float4 v;
  asm volatile("ld.relaxed.gpu.global.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w)
               : "l"(p)
               : "memory");
  return v;
}

/// Adds to *p; all that was written before is visible to who reads the sum with load_acquire.
__device__ inline void add_release(unsigned* p, unsigned value) {
  asm volatile("red.release.gpu.global.add.u32 [%0], %1;" ::"l"(p), "r"(value) : "memory");
}

/// Reads *p; all that was written before the value was released is visible afterwards.
__device__ inline unsigned load_acquire(const unsigned* p) {
  unsigned value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(p) : "memory");
  return value;
}

/// A hint: brings a line into L2, to hide the latency of what is needed after the next barrier.
__device__ inline void prefetch_l2(const void* p) {
  asm volatile("prefetch.global.L2 [%0];" ::"l"(p));
}

/// Waits until ready() is true because another block has written something.
template <class Ready>
__device__ void spin_until(Ready ready) {
  while (!ready()) {
  }
}

}  // namespace gradepth::inline cuda

#endif  // __CUDACC__
