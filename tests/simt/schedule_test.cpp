// A missing barrier gives a wrong result on random schedules, and the mended kernel never does.
// Bug and mended kernel are one template, so that they differ in the barrier alone.
#include <gtest/gtest.h>

#include "tests/simt/support.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

using testing::Memory;
using testing::shows_on_many_seeds;
using testing::wrong_seeds;

/// out[i] = in[i - 1], through shared memory: a barrier between writing and reading. In the order
/// of the threads the bug does not show: only a random schedule finds it.
template <bool kMended>
__global__ void shift(int* out, const int* in) {
  __shared__ int s[64];
  const unsigned i = threadIdx.x;
  s[i] = in[i];
  if constexpr (kMended) __syncthreads();
  out[i] = i > 0 ? s[i - 1] : 0;
}

template <bool kMended>
bool shift_is_right(const Stream& stream) {
  Memory<int> in(64);
  Memory<int> out(64);
  for (unsigned i = 0; i < 64; ++i) in[i] = static_cast<int>(i) + 1;
  launch(shift<kMended>, 1, 64, 0, stream, out.data(), in.data());
  for (unsigned i = 0; i < 64; ++i) {
    if (out[i] != static_cast<int>(i)) return false;
  }
  return true;
}

TEST(Schedule, MissingSyncthreadsAfterWriting) {
  EXPECT_TRUE(shows_on_many_seeds(shift_is_right<false>));
  EXPECT_EQ(wrong_seeds(shift_is_right<true>), 0U);
  EXPECT_TRUE(tsan::kEnabled || shift_is_right<false>(Stream{.seed = 0}))
      << "seed 0 keeps the order of the threads";
}

/// out[i] = Σ_t in[t, i + 1], a tile in shared memory at a time: in: [T, 64]. A barrier before the
/// tile is overwritten.
template <bool kMended>
__global__ void sum_tiles(int* out, const int* in, int tiles) {
  __shared__ int s[64];
  const unsigned i = threadIdx.x;
  int sum = 0;
  for (int t = 0; t < tiles; ++t) {
    s[i] = in[static_cast<unsigned>(t) * 64 + i];
    __syncthreads();
    sum += s[(i + 1) % 64];
    if constexpr (kMended) __syncthreads();
  }
  out[i] = sum;
}

template <bool kMended>
bool sum_tiles_is_right(const Stream& stream) {
  constexpr int kTiles = 4;
  Memory<int> in(std::size_t{kTiles} * 64);
  Memory<int> out(64);
  for (std::size_t t = 0; t < kTiles; ++t) {
    for (std::size_t i = 0; i < 64; ++i) in[t * 64 + i] = 1 << (8 * t);
  }
  launch(sum_tiles<kMended>, 1, 64, 0, stream, out.data(), in.data(), kTiles);
  for (const int sum : out) {
    if (sum != 0x01010101) return false;
  }
  return true;
}

TEST(Schedule, MissingSyncthreadsBeforeOverwriting) {
  EXPECT_TRUE(shows_on_many_seeds(sum_tiles_is_right<false>));
  EXPECT_EQ(wrong_seeds(sum_tiles_is_right<true>), 0U);
}

/// out[i] = in[i ^ 1] through shared memory, within a warp.
template <bool kMended>
__global__ void swap_neighbours(int* out, const int* in) {
  __shared__ int s[64];
  const unsigned i = threadIdx.x;
  s[i] = in[i];
  if constexpr (kMended) __syncwarp();
  out[i] = s[i ^ 1U];
}

template <bool kMended>
bool swap_is_right(const Stream& stream) {
  Memory<int> in(64);
  Memory<int> out(64);
  for (unsigned i = 0; i < 64; ++i) in[i] = static_cast<int>(i);
  launch(swap_neighbours<kMended>, 1, 64, 0, stream, out.data(), in.data());
  for (unsigned i = 0; i < 64; ++i) {
    if (out[i] != static_cast<int>(i ^ 1U)) return false;
  }
  return true;
}

TEST(Schedule, MissingSyncwarp) {
  EXPECT_TRUE(shows_on_many_seeds(swap_is_right<false>));
  EXPECT_EQ(wrong_seeds(swap_is_right<true>), 0U);
}

/// out[i] = i after all blocks have written: needs the whole grid to wait.
template <bool kMended>
__global__ void pass_on(int* out, int* exchange, unsigned n) {
  const auto grid = cooperative_groups::this_grid();
  const auto i = static_cast<unsigned>(grid.thread_rank());
  exchange[i] = static_cast<int>(i);
  if constexpr (kMended) grid.sync();
  out[i] = exchange[(i + blockDim.x) % n];
}

template <bool kMended>
bool pass_on_is_right(const Stream& stream) {
  Memory<int> exchange(128, -1);
  Memory<int> out(128, -1);
  launch_cooperative(pass_on<kMended>, 4, 32, 0, stream, out.data(), exchange.data(), 128U);
  for (unsigned i = 0; i < 128; ++i) {
    if (out[i] != static_cast<int>((i + 32) % 128)) return false;
  }
  return true;
}

TEST(Schedule, MissingGridSync) {
  EXPECT_TRUE(shows_on_many_seeds(pass_on_is_right<false>));
  EXPECT_EQ(wrong_seeds(pass_on_is_right<true>), 0U);
}

/// Block b reads what block b - 1 wrote, in one launch: no order is promised.
__global__ void chain(int* values) {
  if (threadIdx.x == 0) values[blockIdx.x + 1] = values[blockIdx.x] + 1;
}

TEST(Schedule, BlocksThatRelyOnTheirOrder) {
  EXPECT_TRUE(shows_on_many_seeds([](const Stream& stream) {
    Memory<int> values(17, 0);
    launch(chain, 16, 32, 0, stream, values.data());
    return values.back() == 16;
  }));
}

/// Writes down the order in which threads pass a barrier.
__global__ void write_order(unsigned* order, unsigned* count) {
  __syncthreads();
  order[atomicAdd(count, 1U)] = threadIdx.x;
}

Memory<unsigned> order_of(const Stream& stream) {
  Memory<unsigned> order(64);
  unsigned count = 0;
  launch(write_order, 1, 64, 0, stream, order.data(), &count);
  return order;
}

TEST(Schedule, TheSameSeedGivesTheSameOrder) {
  EXPECT_EQ(order_of(Stream{.seed = 4}), order_of(Stream{.seed = 4}));
  EXPECT_NE(order_of(Stream{.seed = 4}), order_of(Stream{.seed = 5}));
  const Memory<unsigned> in_order = order_of(Stream{.seed = 0});
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(in_order[i], i);
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM
