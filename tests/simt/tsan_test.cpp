// Data races between CUDA threads, found by ThreadSanitizer: only barriers, fences and releases
// order threads, whatever the schedule was. Only builds with that sanitizer have these tests.
//
// Every planted bug runs in a process of its own, which ends with ThreadSanitizer's exit code; the
// mended kernel runs in the test's process, which a false report would fail.
#ifdef GRADEPTH_SIMT_TSAN

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/simt/support.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

using testing::Memory;

constexpr int kExitCodeOfTsan = 66;

class TsanDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

template <class Run>
void run_and_exit(Run run) {
  run();
  std::exit(0);
}

#define EXPECT_RACE(statement)                                                              \
  EXPECT_EXIT(run_and_exit([&] { statement; }), ::testing::ExitedWithCode(kExitCodeOfTsan), \
              "ThreadSanitizer: data race")

template <bool kMended>
__global__ void add_up(int* sum) {
  if constexpr (kMended) {
    atomicAdd(sum, 1);
  } else {
    *sum += 1;
  }
}

TEST_F(TsanDeathTest, PlainAddWithinABlock) {
  int sum = 0;
  EXPECT_RACE(launch(add_up<false>, 1, 32, 0, Stream{}, &sum));
  launch(add_up<true>, 1, 32, 0, Stream{}, &sum);
  EXPECT_EQ(sum, 32);
}

TEST_F(TsanDeathTest, PlainAddBetweenBlocks) {
  int sum = 0;
  const Stream stream{.thread_per_block = true};
  EXPECT_RACE(launch(add_up<false>, 2, 1, 0, stream, &sum));
  launch(add_up<true>, 2, 1, 0, stream, &sum);
  EXPECT_EQ(sum, 2);
}

/// Neighbouring blocks overlap in one element.
template <bool kMended>
__global__ void overlap(unsigned* out) {
  out[blockIdx.x * (kMended ? 32 : 31) + threadIdx.x] = blockIdx.x;
}

TEST_F(TsanDeathTest, BlocksThatOverlap) {
  Memory<unsigned> out(64);
  const Stream stream{.seed = 1, .thread_per_block = true};
  EXPECT_RACE(launch(overlap<false>, 2, 32, 0, stream, out.data()));
  launch(overlap<true>, 2, 32, 0, stream, out.data());
}

/// In the order of the threads the result is right: the race is found all the same.
template <bool kMended>
__global__ void shift(int* out) {
  __shared__ int s[64];
  s[threadIdx.x] = 1;
  if constexpr (kMended) __syncthreads();
  out[threadIdx.x] = threadIdx.x > 0 ? s[threadIdx.x - 1] : 0;
}

TEST_F(TsanDeathTest, MissingSyncthreads) {
  Memory<int> out(64);
  EXPECT_RACE(launch(shift<false>, 1, 64, 0, Stream{}, out.data()));
  launch(shift<true>, 1, 64, 0, Stream{}, out.data());
}

/// A shuffle brings lanes together, but orders no memory.
template <bool kMended>
__global__ void shuffle_is_no_barrier(int* out) {
  __shared__ int s[32];
  s[threadIdx.x] = 1;
  out[threadIdx.x] = __shfl_xor_sync(0xffffffffU, 1, 1);
  if constexpr (kMended) __syncwarp();
  out[threadIdx.x] += s[threadIdx.x ^ 1U];
}

TEST_F(TsanDeathTest, MissingSyncwarp) {
  Memory<int> out(32);
  EXPECT_RACE(launch(shuffle_is_no_barrier<false>, 1, 32, 0, Stream{}, out.data()));
  launch(shuffle_is_no_barrier<true>, 1, 32, 0, Stream{}, out.data());
}

/// __syncwarp orders a warp, not its block.
template <bool kMended>
__global__ void across_warps(int* out) {
  __shared__ int s[64];
  s[threadIdx.x] = 1;
  if constexpr (kMended) {
    __syncthreads();
  } else {
    __syncwarp();
  }
  out[threadIdx.x] = s[threadIdx.x ^ 32U];
}

TEST_F(TsanDeathTest, SyncwarpInPlaceOfSyncthreads) {
  Memory<int> out(64);
  EXPECT_RACE(launch(across_warps<false>, 1, 64, 0, Stream{}, out.data()));
  launch(across_warps<true>, 1, 64, 0, Stream{}, out.data());
}

template <bool kMended>
__global__ void pass_on(int* out, int* exchange, unsigned n) {
  const auto grid = cooperative_groups::this_grid();
  const auto i = static_cast<unsigned>(grid.thread_rank());
  exchange[i] = static_cast<int>(i);
  if constexpr (kMended) {
    grid.sync();
  } else {
    __syncthreads();
  }
  out[i] = exchange[(i + blockDim.x) % n];
}

TEST_F(TsanDeathTest, SyncthreadsInPlaceOfGridSync) {
  Memory<int> exchange(64);
  Memory<int> out(64);
  EXPECT_RACE(
      launch_cooperative(pass_on<false>, 2, 32, 0, Stream{}, out.data(), exchange.data(), 64U));
  launch_cooperative(pass_on<true>, 2, 32, 0, Stream{}, out.data(), exchange.data(), 64U);
}

/// The last block reads what the others wrote: an atomic counts, but only a fence publishes.
template <bool kMended>
__global__ void last_block(int* sum, int* partial, unsigned* finished) {
  partial[blockIdx.x] = 1;
  if constexpr (kMended) __threadfence();
  if (atomicAdd(finished, 1U) == gridDim.x - 1) {
    for (unsigned b = 0; b < gridDim.x; ++b) *sum += partial[b];
  }
}

TEST_F(TsanDeathTest, MissingThreadfence) {
  Memory<int> partial(4);
  unsigned finished = 0;
  int sum = 0;
  const Stream stream{.thread_per_block = true};
  EXPECT_RACE(launch(last_block<false>, 4, 1, 0, stream, &sum, partial.data(), &finished));
  launch(last_block<true>, 4, 1, 0, stream, &sum, partial.data(), &finished);
  EXPECT_EQ(sum, 4);
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM

#endif
