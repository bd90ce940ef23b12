// Launches: limits, many sizes, several at a time, reuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "kernels/simt/engine/fiber.h"
#include "tests/simt/support.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::Memory;

__global__ void nothing() {}

TEST(Launch, RefusesSizesBeyondCudasLimits) {
  const Stream stream;
  const auto refusal = [&](dim3 grid, dim3 block, std::size_t shared) {
    return error_of([&] { launch(nothing, grid, block, shared, stream); });
  };
  EXPECT_EQ(refusal(1, 1024, 227 * 1024), "");
  EXPECT_THAT(refusal(1, 1025, 0), HasSubstr("block (1025, 1, 1)"));
  EXPECT_THAT(refusal(1, 0, 0), HasSubstr("block (0, 1, 1)"));
  EXPECT_THAT(refusal(1, dim3(1, 1, 65), 0), HasSubstr("z at most 64"));
  EXPECT_THAT(refusal(0, 32, 0), HasSubstr("grid (0, 1, 1)"));
  EXPECT_THAT(refusal(dim3(1, 65536), 32, 0), HasSubstr("grid (1, 65536, 1)"));
  EXPECT_THAT(refusal(1, 32, 227 * 1024 + 1), HasSubstr("dynamic shared memory: at most 232448"));
}

/// Every thread counts itself once, through a barrier.
__global__ void count_threads(unsigned* count) {
  __syncthreads();
  atomicAdd(count, 1U);
}

TEST(Launch, RunsEveryThreadOnce) {
  Stream stream;
  for (const unsigned blocks : {1U, 2U, 9U}) {
    for (const unsigned threads : {1U, 31U, 33U, 256U, 1024U}) {
      for (const unsigned workers : {1U, 3U}) {
        stream.seed = blocks + threads;
        stream.workers = workers;
        unsigned count = 0;
        launch(count_threads, blocks, threads, 0, stream, &count);
        EXPECT_EQ(count, blocks * threads);
      }
    }
  }
}

TEST(Launch, SeveralThreadsMayShareAStream) {
  const Stream stream{.seed = 1, .workers = 2};
  Memory<unsigned> counts(4);
  std::vector<std::thread> threads;
  for (unsigned& count : counts) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) launch(count_threads, 3, 64, 0, stream, &count);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const unsigned count : counts) EXPECT_EQ(count, 20U * 3 * 64);
}

/// Deep recursion on a fiber's stack; what it reads after the call keeps it from being a loop.
__device__ int depth_sum(int depth) {
  volatile int pad[64];
  pad[depth % 64] = depth;
  const int below = depth == 0 ? 0 : depth_sum(depth - 1);
  return below + pad[depth % 64];
}

__global__ void recurse(int* out, int depth) { out[threadIdx.x] = depth_sum(depth); }

TEST(Launch, StacksAreDeepEnoughForDeviceCode) {
  Memory<int> out(2);
  launch(recurse, 1, 2, 0, Stream{}, out.data(), 100);  // 25 kB of frames; CUDA's default is 1 kB
  EXPECT_EQ(out[1], 5050);
}

TEST(LaunchDeathTest, AGuardPageLiesBelowEveryStack) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const detail::Stack stack;
  *stack.bottom() = std::byte{1};
  EXPECT_DEATH(*(stack.bottom() - 1) = std::byte{1}, "");
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM
