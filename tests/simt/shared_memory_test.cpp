// Shared memory: one per block, uninitialised (NaN bytes), static and dynamic.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/simt/support.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

using testing::Memory;

/// Thread 31 forgets its element.
template <bool kMended>
__global__ void forget_one(float* out) {
  __shared__ float s[32];
  const unsigned i = threadIdx.x;
  if (kMended || i < 31) s[i] = 1;
  __syncthreads();
  out[blockIdx.x * 32 + i] = s[i];
}

TEST(SharedMemory, AnUninitialisedReadOfStaticMemoryGivesNaN) {
  Memory<float> out(96);
  // The mended kernel first: what it leaves behind must not hide the bug.
  launch(forget_one<true>, 3, 32, 0, Stream{}, out.data());
  for (const float value : out) EXPECT_EQ(value, 1.0F);
  launch(forget_one<false>, 3, 32, 0, Stream{}, out.data());
  for (unsigned i = 0; i < 96; ++i) EXPECT_EQ(std::isnan(out[i]), i % 32 == 31) << i;
}

/// Block 0 writes, block 1 does not: it must not find the other's numbers.
template <bool kMended>
__global__ void only_the_first_block_writes(float* out) {
  auto* const s = dynamic_shared<float>();
  if (kMended || blockIdx.x == 0) s[threadIdx.x] = 1;
  __syncthreads();
  out[blockIdx.x * 32 + threadIdx.x] = s[threadIdx.x];
}

TEST(SharedMemory, AnUninitialisedReadOfDynamicMemoryGivesNaN) {
  Memory<float> out(64);
  launch(only_the_first_block_writes<true>, 2, 32, 128, Stream{}, out.data());
  for (const float value : out) EXPECT_EQ(value, 1.0F);
  launch(only_the_first_block_writes<false>, 2, 32, 128, Stream{}, out.data());
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(std::isnan(out[i]), i >= 32) << i;
}

template <class T>
__device__ T* scratch() {
  __shared__ T s[4];
  return s;
}

struct Reader {
  __device__ float read() const {
    __shared__ float s;
    return s;
  }
};

/// Shared variables of a function template, of a member function and of a lambda.
__global__ void in_templates(double* out) {
  const auto lambda = [] {
    __shared__ float s;
    return s;
  };
  out[0] = scratch<double>()[3];
  out[1] = scratch<float>()[3];
  out[2] = Reader{}.read();
  out[3] = lambda();
}

TEST(SharedMemory, EverySharedVariableIsFound) {
  Memory<double> out(4, 0.0);
  launch(in_templates, 1, 1, 0, Stream{}, out.data());
  for (const double value : out) EXPECT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM

/// Thread_local variables as a library might have them: not __shared__, not in our namespace.
namespace somebody_else {
namespace {

thread_local int global_counter = 5;

int count() {
  static thread_local int counter = 0;
  return ++counter + global_counter;
}

}  // namespace
}  // namespace somebody_else

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

__global__ void call_somebody(int* out) { out[blockIdx.x] = somebody_else::count(); }

TEST(SharedMemory, ThreadLocalsOfOthersAreLeftAlone) {
  Memory<int> out(3);
  launch(call_somebody, 3, 1, 0, Stream{}, out.data());
  EXPECT_EQ(out, (Memory<int>{6, 7, 8}));
}

/// Dynamic memory is the block's own, aligned, and keeps what its threads write.
__global__ void reverse(int* out, const int* in) {
  int* const s = dynamic_shared<int>();
  const unsigned i = threadIdx.x;
  const unsigned last = blockDim.x - 1;
  s[i] = in[blockIdx.x * blockDim.x + i];
  __syncthreads();
  out[blockIdx.x * blockDim.x + i] = s[last - i];
}

__global__ void address_of_dynamic(std::uintptr_t* out) {
  *out = reinterpret_cast<std::uintptr_t>(dynamic_shared<float4>());
}

TEST(SharedMemory, BlocksOnSeveralWorkersHaveTheirOwn) {
  constexpr unsigned kBlocks = 16;
  constexpr unsigned kThreads = 64;
  Memory<int> in(std::size_t{kBlocks} * kThreads);
  for (unsigned i = 0; i < in.size(); ++i) in[i] = static_cast<int>(i);
  for (const unsigned workers : {1U, 2U, 5U}) {
    Memory<int> out(in.size());
    launch(reverse, kBlocks, kThreads, kThreads * sizeof(int),
           Stream{.seed = 8, .workers = workers}, out.data(), in.data());
    for (unsigned i = 0; i < in.size(); ++i) {
      const unsigned first = i / kThreads * kThreads;
      EXPECT_EQ(out[i], static_cast<int>(first + kThreads - 1 - i % kThreads));
    }
  }
}

TEST(SharedMemory, DynamicMemoryIsAligned) {
  std::uintptr_t address = 1;
  for (const std::size_t bytes : {std::size_t{16}, std::size_t{1000}, std::size_t{100000}}) {
    launch(address_of_dynamic, 1, 1, bytes, Stream{}, &address);
    EXPECT_EQ(address % 16, 0U);
  }
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM
