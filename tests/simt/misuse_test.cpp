// What CUDA forbids ends in one Error that names the block, the seed and the places.
// Bug and mended kernel are one template, so that they differ in the bug alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/simt/support.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Memory;

template <bool kMended>
__global__ void branches(int* out) {
  if constexpr (kMended) {
    __syncthreads();
    out[threadIdx.x] = threadIdx.x < 16 ? 1 : 2;
  } else if (threadIdx.x < 16) {
    __syncthreads();
    out[threadIdx.x] = 1;
  } else {
    __syncthreads();
    out[threadIdx.x] = 2;
  }
}

TEST(Misuse, DivergentBarrier) {
  Memory<int> out(32);
  EXPECT_THAT(error_of([&] { launch(branches<false>, 1, 32, 0, Stream{.seed = 7}, out.data()); }),
              ContainsRegex("block 0 \\(seed 7\\): divergent __syncthreads: "
                            "misuse_test.cpp:[0-9]+ and misuse_test.cpp:[0-9]+"));
  EXPECT_EQ(error_of([&] { launch(branches<true>, 1, 32, 0, Stream{.seed = 7}, out.data()); }), "");
  EXPECT_EQ(out[15], 1);
  EXPECT_EQ(out[16], 2);
}

template <bool kMended>
__global__ void partial_barrier(int* out) {
  if (kMended || threadIdx.x < 16) __syncthreads();
  out[threadIdx.x] = __shfl_xor_sync(0xffffffffU, static_cast<int>(threadIdx.x), 1);
}

TEST(Misuse, PartialBarrierIsReportedAsDeadlock) {
  Memory<int> out(32);
  const auto run = [&](auto kernel) {
    return error_of([&] { launch(kernel, 1, 32, 0, Stream{.seed = 3}, out.data()); });
  };
  EXPECT_THAT(run(partial_barrier<false>),
              AllOf(HasSubstr("block 0 (seed 3): deadlock"),
                    ContainsRegex("from thread 0 on: waits in __syncthreads at misuse_test.cpp"),
                    ContainsRegex("from thread 16 on: waits in a shuffle at misuse_test.cpp:[0-9]+ "
                                  "for the lanes 0xffffffff")));
  EXPECT_EQ(run(partial_barrier<true>), "");
}

template <bool kMended>
__global__ void shuffle_in_branch(float* out) {
  auto value = static_cast<float>(threadIdx.x);
  if constexpr (kMended) {
    const float below = __shfl_down_sync(0xffffffffU, value, 1);
    if (threadIdx.x < 20) value = below;
  } else {
    if (threadIdx.x < 20) value = __shfl_down_sync(0xffffffffU, value, 1);
  }
  __syncthreads();
  out[threadIdx.x] = value;
}

TEST(Misuse, ShuffleWithAbsentLanes) {
  Memory<float> out(32);
  const auto run = [&](auto kernel) {
    return error_of([&] { launch(kernel, 1, 32, 0, Stream{.seed = 1}, out.data()); });
  };
  EXPECT_THAT(run(shuffle_in_branch<false>),
              AllOf(HasSubstr("deadlock"), ContainsRegex("from thread 0 on: waits in a shuffle"),
                    ContainsRegex("from thread 20 on: waits in __syncthreads")));
  EXPECT_EQ(run(shuffle_in_branch<true>), "");
  EXPECT_EQ(out[19], 20.0F);
  EXPECT_EQ(out[20], 20.0F);
}

/// Half of the warp shuffles, half votes: each waits for all lanes.
template <bool kMended>
__global__ void different_operations(unsigned* out) {
  const unsigned all = 0xffffffffU;
  if constexpr (kMended) {
    out[threadIdx.x] = __ballot_sync(all, 1);
  } else {
    out[threadIdx.x] = threadIdx.x % 2 == 0 ? __ballot_sync(all, 1) : __shfl_sync(all, 1U, 0);
  }
}

TEST(Misuse, LanesInDifferentOperations) {
  Memory<unsigned> out(32);
  const auto run = [&](auto kernel) {
    return error_of([&] { launch(kernel, 1, 32, 0, Stream{}, out.data()); });
  };
  EXPECT_THAT(run(different_operations<false>),
              AllOf(HasSubstr("deadlock"), HasSubstr("waits in a vote"),
                    HasSubstr("waits in a shuffle"), HasSubstr("...")));
  EXPECT_EQ(run(different_operations<true>), "");
}

template <bool kMended>
__global__ void own_mask() {
  __syncwarp(kMended ? 0xffffffffU : 0x0000ffffU);
}

TEST(Misuse, LaneThatIsNotInItsOwnMask) {
  EXPECT_THAT(error_of([] { launch(own_mask<false>, 1, 32, 0, Stream{}); }),
              ContainsRegex("__syncwarp at misuse_test.cpp:[0-9]+: lane 16 is not in its own mask "
                            "0x0000ffff"));
  EXPECT_EQ(error_of([] { launch(own_mask<true>, 1, 32, 0, Stream{}); }), "");
}

__global__ void sync_grid() { cooperative_groups::this_grid().sync(); }

TEST(Misuse, GridSyncOutsideACooperativeLaunch) {
  EXPECT_THAT(error_of([] { launch(sync_grid, 2, 32, 0, Stream{}); }),
              ContainsRegex("grid.sync at misuse_test.cpp:[0-9]+ outside a cooperative launch"));
  EXPECT_EQ(error_of([] { launch_cooperative(sync_grid, 2, 32, 0, Stream{}); }), "");
}

template <bool kMended>
__global__ void block_leaves() {
  if (!kMended && blockIdx.x == 1) return;
  cooperative_groups::this_grid().sync();
}

TEST(Misuse, GridSyncAfterABlockHasLeft) {
  EXPECT_THAT(
      error_of([] { launch_cooperative(block_leaves<false>, 3, 32, 0, Stream{.seed = 2}); }),
      ContainsRegex("seed 2.*grid.sync: another block has left the kernel; this one waits at "
                    "misuse_test.cpp:[0-9]+"));
  EXPECT_EQ(error_of([] { launch_cooperative(block_leaves<true>, 3, 32, 0, Stream{.seed = 2}); }),
            "");
}

template <bool kMended>
__global__ void thread_leaves() {
  if (!kMended && threadIdx.x == 5) return;
  cooperative_groups::this_grid().sync();
}

TEST(Misuse, GridSyncAfterAThreadHasLeft) {
  EXPECT_THAT(error_of([] { launch_cooperative(thread_leaves<false>, 2, 32, 0, Stream{}); }),
              AllOf(HasSubstr("deadlock"), HasSubstr("from thread 5 on: has left the kernel"),
                    HasSubstr("waits in grid.sync")));
  EXPECT_EQ(error_of([] { launch_cooperative(thread_leaves<true>, 2, 32, 0, Stream{}); }), "");
}

template <bool kMended>
__global__ void divergent_grid_sync() {
  const auto grid = cooperative_groups::this_grid();
  if (kMended || threadIdx.x < 7) {  // NOLINT(bugprone-branch-clone): that is what is wrong
    grid.sync();
  } else {
    grid.sync();
  }
}

TEST(Misuse, DivergentGridSync) {
  EXPECT_THAT(error_of([] { launch_cooperative(divergent_grid_sync<false>, 1, 32, 0, Stream{}); }),
              HasSubstr("divergent grid.sync"));
  EXPECT_EQ(error_of([] { launch_cooperative(divergent_grid_sync<true>, 1, 32, 0, Stream{}); }),
            "");
}

/// One block fails while others wait for it at the grid barrier: the cause is reported.
__global__ void one_block_traps() {
  if (blockIdx.x == 2 && threadIdx.x == 3) __trap();
  cooperative_groups::this_grid().sync();
}

TEST(Misuse, TheCauseIsReportedAndNotItsConsequence) {
  EXPECT_THAT(error_of([] { launch_cooperative(one_block_traps, 4, 32, 0, Stream{}); }),
              ContainsRegex("block 2 \\(seed 0\\): __trap at misuse_test.cpp:[0-9]+"));
}

/// One block fails while the others spin for it.
__global__ void spin_for_failed_block(const unsigned* flag) {
  if (blockIdx.x == 1) __trap();
  if (threadIdx.x == 0) spin_until([=] { return load_acquire(flag) != 0; });
}

TEST(Misuse, ABlockThatSpinsForAFailedOneStops) {
  const unsigned flag = 0;
  EXPECT_THAT(
      error_of([&] { launch_cooperative(spin_for_failed_block, 2, 32, 0, Stream{}, &flag); }),
      HasSubstr("block 1 (seed 0): __trap"));
}

__global__ void throws() {
  if (threadIdx.x == 9) throw std::logic_error("no such tile");
  __syncthreads();
}

TEST(Misuse, AnExceptionInAKernelIsAnError) {
  EXPECT_THAT(error_of([] { launch(throws, 1, 32, 0, Stream{}); }),
              HasSubstr("block 0 (seed 0): thread 9 threw: no such tile"));
}

TEST(Misuse, TheExecutorWorksAfterAnError) {
  Stream stream;
  Memory<int> out(32);
  for (stream.seed = 0; stream.seed < 4; ++stream.seed) {
    EXPECT_NE(error_of([&] { launch(branches<false>, 2, 32, 0, stream, out.data()); }), "");
    EXPECT_EQ(error_of([&] { launch(branches<true>, 2, 32, 0, stream, out.data()); }), "");
  }
}

TEST(Misuse, ADeviceFunctionOutsideAKernel) {
  EXPECT_THAT(error_of([] { __syncthreads(); }), HasSubstr("outside a kernel"));
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM
