// CUDA's words for indices, types, arithmetic and atomics.
#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <tuple>

#include "tests/simt/support.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

using testing::Memory;

struct Indices {
  uint3 thread, block;
  dim3 block_size, grid_size;
};

__global__ void write_indices(Indices* out) {
  const auto grid = cooperative_groups::this_grid();
  out[grid.thread_rank()] = {threadIdx, blockIdx, blockDim, gridDim};
}

TEST(Words, IndicesCoverAThreeDimensionalLaunch) {
  const dim3 grid(3, 2, 2);
  const dim3 block(4, 3, 2);
  Memory<Indices> out(12 * 24);
  for (std::uint64_t seed = 0; seed < 3; ++seed) {
    launch(write_indices, grid, block, 0, Stream{.seed = seed}, out.data());
    for (std::size_t i = 0; i < out.size(); ++i) {
      const Indices& at = out[i];
      const unsigned thread = (at.thread.z * 3 + at.thread.y) * 4 + at.thread.x;
      const unsigned where = (at.block.z * 2 + at.block.y) * 3 + at.block.x;
      EXPECT_EQ(i, std::size_t{where} * 24 + thread);
      EXPECT_LT(at.thread.x, 4U);
      EXPECT_LT(at.thread.y, 3U);
      EXPECT_LT(at.block.x, 3U);
      EXPECT_LT(at.block.y, 2U);
      EXPECT_EQ(std::tuple(at.block_size.x, at.block_size.y, at.block_size.z), std::tuple(4, 3, 2));
      EXPECT_EQ(std::tuple(at.grid_size.x, at.grid_size.y, at.grid_size.z), std::tuple(3, 2, 2));
    }
  }
}

template <class T>
constexpr bool has_layout(std::size_t size, std::size_t alignment) {
  return sizeof(T) == size && alignof(T) == alignment;
}

TEST(Words, VectorTypesHaveCudasSizesAndAlignments) {
  static_assert(has_layout<float2>(8, 8));
  static_assert(has_layout<float3>(12, 4));
  static_assert(has_layout<float4>(16, 16));
  static_assert(has_layout<int2>(8, 8));
  static_assert(has_layout<int4>(16, 16));
  static_assert(has_layout<double2>(16, 16));
  static_assert(make_float4(1, 2, 3, 4).w == 4.0F && make_double2(1, 2).y == 2.0);
  static_assert(dim3(7).y == 1 && dim3(7).z == 1);
}

__global__ void early_return(int* out, unsigned live) {
  if (threadIdx.x >= live) return;
  __syncthreads();
  out[threadIdx.x] = static_cast<int>(__shfl_xor_sync(0xffffffffU, threadIdx.x, 1));
}

TEST(Words, ThreadsThatLeftAreNotWaitedFor) {
  EXPECT_EQ(testing::wrong_seeds([](const Stream& stream) {
              Memory<int> out(64, -1);
              launch(early_return, 1, 64, 0, stream, out.data(), 40U);
              for (unsigned i = 0; i < 64; ++i) {
                if (out[i] != (i < 40 ? static_cast<int>(i ^ 1U) : -1)) return false;
              }
              return true;
            }),
            0U);
}

struct Atomics {
  int sum, least, most, exchanged, last;
  unsigned wrapped, bits;
  float fsum;
  double dsum;
  unsigned long long wide;
};

__global__ void all_atomics(Atomics* to, unsigned* claimed) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&to->sum, i);
  atomicSub(&to->sum, 1);
  atomicMin(&to->least, i - 100);
  atomicMax(&to->most, i + 100);
  const int before = atomicExch(&to->exchanged, i);
  if (before == -1) atomicAdd(&to->last, 1);  // only the first finds the initial value
  atomicInc(&to->wrapped, 9);                 // counts 0 ... 9
  atomicOr(&to->bits, 1U << (i % 32));
  atomicAdd(&to->fsum, 0.5F);
  atomicAdd(&to->dsum, 0.25);
  atomicAdd(&to->wide, 1ULL << 33U);
  // Compare-and-swap: every slot is claimed by exactly one thread.
  for (unsigned slot = 0; atomicCAS(&claimed[slot], 0U, 1U) != 0; ++slot) {
  }
}

TEST(Words, AtomicsOnEveryType) {
  for (const unsigned workers : {1U, 2U}) {
    Atomics to{0, 0, 0, -1, 0, 0, 0, 0, 0, 0};
    Memory<unsigned> claimed(129);
    launch(all_atomics, 4, 32, 0, Stream{.seed = 5, .workers = workers}, &to, claimed.data());
    EXPECT_EQ(to.sum, 127 * 128 / 2 - 128);
    EXPECT_EQ(to.least, -100);
    EXPECT_EQ(to.most, 227);
    EXPECT_EQ(to.last, 1);
    EXPECT_EQ(to.wrapped, 128U % 10U);
    EXPECT_EQ(to.bits, 0xffffffffU);
    EXPECT_EQ(to.fsum, 64.0F);
    EXPECT_EQ(to.dsum, 32.0);
    EXPECT_EQ(to.wide, 128ULL << 33U);
    for (unsigned i = 0; i < 128; ++i) EXPECT_EQ(claimed[i], 1U);
    EXPECT_EQ(claimed[128], 0U);
  }
}

__global__ void device_math(float* out, const float* in) {
  const float x = __ldg(in + threadIdx.x);
  out[threadIdx.x] = rsqrtf(x) + __saturatef(x) + __int_as_float(__float_as_int(x)) +
                     static_cast<float>(__popc(0xf0U) + __clz(1) + __ffs(8) + __ffs(0));
}

TEST(Words, DeviceFunctions) {
  Memory<float> in{0.25F, 4.0F};
  Memory<float> out(2);
  launch(device_math, 1, 2, 0, Stream{}, out.data(), in.data());
  EXPECT_EQ(out[0], 2.0F + 0.25F + 0.25F + 4 + 31 + 4);
  EXPECT_EQ(out[1], 0.5F + 1.0F + 4.0F + 4 + 31 + 4);
}

template <class T>
__global__ void scale(T* out, T factor, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) out[i] *= factor;
}

TEST(Words, ArgumentsConvertToTheKernelsParameters) {
  Memory<double> data(40, 2.0);
  launch(scale<double>, 2, 32, 0, Stream{}, data.data(), 3, std::size_t{40});  // int, size_t given
  for (const double value : data) EXPECT_EQ(value, 6.0);
  zero_async(data.data(), data.size() * sizeof(double), Stream{});
  for (const double value : data) EXPECT_EQ(value, 0.0);
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM
