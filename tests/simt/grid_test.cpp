// Blocks that work together: grid.sync, the last block, barriers between groups of blocks.
#include <gtest/gtest.h>

#include "tests/simt/support.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

using testing::Memory;
using testing::wrong_seeds;

/// T steps of h ← h rotated by one block, plus 1, with two buffers: [2, n].
__global__ void rotate_steps(int* h, unsigned n, unsigned steps) {
  const auto grid = cooperative_groups::this_grid();
  const auto i = static_cast<unsigned>(grid.thread_rank());
  for (unsigned t = 0; t < steps; ++t) {
    const int* const from = h + t % 2 * n;
    int* const to = h + (t + 1) % 2 * n;
    to[i] = load_exchanged(&from[(i + blockDim.x) % n]) + 1;
    grid.sync();
  }
}

TEST(Grid, SyncOrdersAllBlocksAtEveryStep) {
  EXPECT_EQ(wrong_seeds([](const Stream& stream) {
              constexpr unsigned kThreads = 128;
              constexpr unsigned kSteps = 9;
              Memory<int> h(std::size_t{2} * kThreads);
              for (unsigned i = 0; i < kThreads; ++i) h[i] = static_cast<int>(i);
              launch_cooperative(rotate_steps, 4, 32, 0, stream, h.data(), kThreads, kSteps);
              for (unsigned i = 0; i < kThreads; ++i) {
                const unsigned start = (i + kSteps * 32) % kThreads;
                if (h[kSteps % 2 * kThreads + i] != static_cast<int>(start + kSteps)) return false;
              }
              return true;
            }),
            0U);
}

__global__ void describe_grid(int* valid, unsigned long long* size) {
  const auto grid = cooperative_groups::this_grid();
  const auto block = cooperative_groups::this_thread_block();
  block.sync();
  if (grid.thread_rank() == 0) {
    *valid = grid.is_valid() ? 1 : 0;
    *size = grid.size() * 1000 + block.size();
  }
}

TEST(Grid, KnowsItsSizeAndWhetherItCanSync) {
  int valid = -1;
  unsigned long long size = 0;
  launch(describe_grid, dim3(2, 2), dim3(4, 3), 0, Stream{}, &valid, &size);
  EXPECT_EQ(valid, 0);
  EXPECT_EQ(size, 48012U);
  launch_cooperative(describe_grid, dim3(2, 2), dim3(4, 3), 0, Stream{}, &valid, &size);
  EXPECT_EQ(valid, 1);
}

/// Sums `in` [blocks·threads]: the block that finishes last adds the partial sums of all.
__global__ void sum_in_one_launch(int* sum, int* partial, unsigned* finished, const int* in) {
  __shared__ int s[64];
  __shared__ bool last;
  const unsigned i = threadIdx.x;
  s[i] = in[blockIdx.x * blockDim.x + i];
  __syncthreads();
  if (i == 0) {
    int mine = 0;
    for (unsigned j = 0; j < blockDim.x; ++j) mine += s[j];
    partial[blockIdx.x] = mine;
    __threadfence();
    last = atomicInc(finished, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && i == 0) {
    int all = 0;
    for (unsigned b = 0; b < gridDim.x; ++b) all += partial[b];
    *sum = all;
  }
}

TEST(Grid, TheLastBlockSeesAllOthers) {
  Memory<int> in(8 * 64);
  int expected = 0;
  for (unsigned i = 0; i < in.size(); ++i) expected += in[i] = static_cast<int>(i % 7);
  for (const bool own_threads : {false, true}) {
    unsigned finished = 0;  // wraps around: one launch leaves it ready for the next
    EXPECT_EQ(wrong_seeds([&](Stream stream) {
                stream.thread_per_block = own_threads;
                Memory<int> partial(8, -1);
                int sum = -1;
                launch(sum_in_one_launch, 8, 64, 0, stream, &sum, partial.data(), &finished,
                       in.data());
                return sum == expected && finished == 0;
              }),
              0U);
  }
}

/// A barrier among the blocks with the same blockIdx.y only. arrived: one counter per group.
struct GroupBarrier {
  unsigned* arrived;
  unsigned target = 0;

  __device__ void wait() {
    __syncthreads();
    target += gridDim.x;
    if (threadIdx.x == 0) {
      unsigned* const mine = arrived + blockIdx.y;
      add_release(mine, 1);
      spin_until([=, this] { return load_acquire(mine) >= target; });
    }
    __syncthreads();
  }
};

/// As rotate_steps, each group on its own: h: [groups, 2, n].
__global__ void rotate_groups(int* h, unsigned* arrived, unsigned steps) {
  const unsigned n = gridDim.x * blockDim.x;
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  int* const own = h + std::size_t{blockIdx.y} * 2 * n;
  GroupBarrier barrier{arrived};
  for (unsigned t = 0; t < steps; ++t) {
    own[(t + 1) % 2 * n + i] = load_exchanged(&own[t % 2 * n + (i + blockDim.x) % n]) + 1;
    barrier.wait();
  }
}

TEST(Grid, GroupsOfBlocksWaitForEachOther) {
  constexpr unsigned kGroups = 2;
  constexpr unsigned kThreads = 3 * 32;
  constexpr unsigned kSteps = 7;
  EXPECT_EQ(wrong_seeds([](const Stream& stream) {
              Memory<int> h(std::size_t{kGroups} * 2 * kThreads);
              Memory<unsigned> arrived(kGroups);
              for (unsigned g = 0; g < kGroups; ++g) {
                for (unsigned i = 0; i < kThreads; ++i) {
                  h[std::size_t{g} * 2 * kThreads + i] = static_cast<int>(1000 * g + i);
                }
              }
              launch_cooperative(rotate_groups, dim3(3, kGroups), 32, 0, stream, h.data(),
                                 arrived.data(), kSteps);
              for (unsigned g = 0; g < kGroups; ++g) {
                for (unsigned i = 0; i < kThreads; ++i) {
                  const unsigned start = 1000 * g + (i + kSteps * 32) % kThreads;
                  const unsigned at = (g * 2 + kSteps % 2) * kThreads + i;
                  if (h[at] != static_cast<int>(start + kSteps)) return false;
                }
              }
              return true;
            }),
            0U);
}

/// A thread waits for another thread of its own block, without a barrier.
__global__ void wait_for_thread(unsigned* flag, int* out) {
  if (threadIdx.x == 0) {
    spin_until([=] { return load_acquire(flag) != 0; });
    *out = 1;
  } else if (threadIdx.x == 33) {
    add_release(flag, 1);
  }
}

TEST(Grid, AThreadMaySpinForAnotherOfItsBlock) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    unsigned flag = 0;
    int out = 0;
    launch(wait_for_thread, 1, 64, 0, Stream{.seed = seed}, &flag, &out);
    EXPECT_EQ(out, 1);
  }
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM
