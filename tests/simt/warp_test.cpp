// Shuffles of all kinds, votes, and operations of a part of a warp.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "tests/simt/support.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

using testing::Memory;

enum class Kind { kIndex, kUp, kDown, kXor };

__global__ void shuffle(Kind kind, unsigned argument, int width, int* out) {
  const int value = 1000 + static_cast<int>(threadIdx.x);
  int got = 0;
  switch (kind) {
    case Kind::kIndex:
      got = __shfl_sync(0xffffffffU, value, static_cast<int>(argument), width);
      break;
    case Kind::kUp:
      got = __shfl_up_sync(0xffffffffU, value, argument, width);
      break;
    case Kind::kDown:
      got = __shfl_down_sync(0xffffffffU, value, argument, width);
      break;
    case Kind::kXor:
      got = __shfl_xor_sync(0xffffffffU, value, static_cast<int>(argument), width);
      break;
  }
  out[threadIdx.x] = got;
}

/// The lane that is read, as the PTX manual's pseudo-code of shfl computes it.
unsigned source_by_ptx(Kind kind, unsigned lane, unsigned b, unsigned width) {
  const unsigned segment = 32 - width;  // bits 8 ... 12 of c: the mask of a segment
  const unsigned highest = (lane & segment) | (31U & ~segment);
  const unsigned lowest = lane & segment;
  switch (kind) {
    case Kind::kIndex:
      return lowest | (b & ~segment & 31U);
    case Kind::kUp:
      return lane >= lowest + b ? lane - b : lane;
    case Kind::kDown:
      return lane + b <= highest ? lane + b : lane;
    case Kind::kXor:
      return (lane ^ b) <= highest ? lane ^ b : lane;
  }
  return 0;
}

class Shuffle : public ::testing::TestWithParam<Kind> {};

TEST_P(Shuffle, ReadsTheLaneThatPtxSays) {
  const Kind kind = GetParam();
  const Stream stream{.seed = 11};
  Memory<int> out(64);
  for (const unsigned width : {1U, 2U, 4U, 8U, 16U, 32U}) {
    for (unsigned argument = 0; argument < 32; ++argument) {
      launch(shuffle, 1, 64, 0, stream, kind, argument, width, out.data());
      for (unsigned i = 0; i < 64; ++i) {
        const unsigned source = i / 32 * 32 + source_by_ptx(kind, i % 32, argument, width);
        ASSERT_EQ(out[i], 1000 + static_cast<int>(source))
            << "thread " << i << ", argument " << argument << ", width " << width;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, Shuffle,
                         ::testing::Values(Kind::kIndex, Kind::kUp, Kind::kDown, Kind::kXor));

template <class T>
__global__ void rotate(T* out, const T* in) {
  const int next = static_cast<int>(threadIdx.x + 1) % 32;
  out[threadIdx.x] = __shfl_sync(0xffffffffU, in[threadIdx.x], next);
}

template <class T>
void expect_rotation() {
  Memory<T> in(32);
  Memory<T> out(32);
  for (unsigned i = 0; i < 32; ++i) in[i] = static_cast<T>(i) + T{1};
  launch(rotate<T>, 1, 32, 0, Stream{.seed = 3}, out.data(), in.data());
  for (unsigned i = 0; i < 32; ++i) EXPECT_EQ(out[i], in[(i + 1) % 32]);
}

TEST(Warp, ShufflesTypesOfOneToEightBytes) {
  expect_rotation<char>();
  expect_rotation<short>();
  expect_rotation<float>();
  expect_rotation<double>();
  expect_rotation<unsigned long long>();
}

__global__ void votes(const int* in, unsigned* ballot, int* any, int* all) {
  const unsigned i = threadIdx.x;
  ballot[i] = __ballot_sync(0xffffffffU, in[i] > 0);
  any[i] = __any_sync(0xffffffffU, in[i] > 1);
  all[i] = __all_sync(0xffffffffU, in[i] >= 0);
}

TEST(Warp, Votes) {
  Memory<int> in(64, 0);
  for (const unsigned i : {3U, 31U}) in[i] = 1;
  in[40] = 2;
  in[41] = -1;
  Memory<unsigned> ballot(64);
  Memory<int> any(64);
  Memory<int> all(64);
  launch(votes, 1, 64, 0, Stream{.seed = 2}, in.data(), ballot.data(), any.data(), all.data());
  for (unsigned i = 0; i < 64; ++i) {
    EXPECT_EQ(ballot[i], i < 32 ? 0x80000008U : 0x00000100U);
    EXPECT_EQ(any[i] != 0, i >= 32);
    EXPECT_EQ(all[i] != 0, i < 32);
  }
}

__global__ void halves(int* out) {
  const int i = static_cast<int>(threadIdx.x);
  int got = 0;
  if (i % 32 < 16) {
    got = __shfl_xor_sync(0x0000ffffU, i, 1);
  } else {
    got = __shfl_xor_sync(0xffff0000U, i, 2);
    __syncwarp(0xffff0000U);
  }
  out[i] = got;
}

TEST(Warp, TwoHalvesOfAWarpInDifferentBranches) {
  EXPECT_EQ(testing::wrong_seeds([](const Stream& stream) {
              Memory<int> out(64);
              launch(halves, 1, 64, 0, stream, out.data());
              for (unsigned i = 0; i < 64; ++i) {
                if (out[i] != static_cast<int>(i ^ (i % 32 < 16 ? 1U : 2U))) return false;
              }
              return true;
            }),
            0U);
}

__global__ void read_beyond(float* out) {
  out[threadIdx.x] = __shfl_down_sync(0xffffffffU, 1.0F, 4);
}

TEST(Warp, ALaneThatDoesNotExistGivesNaN) {
  Memory<float> out(20);
  launch(read_beyond, 1, 20, 0, Stream{}, out.data());  // a warp with 20 lanes
  for (unsigned i = 0; i < 20; ++i) EXPECT_EQ(std::isnan(out[i]), i >= 16) << i;
}

__global__ void warp_sum(float* out, const float* in) {
  float sum = in[threadIdx.x];
  for (int distance = 16; distance > 0; distance /= 2) {
    sum += __shfl_xor_sync(0xffffffffU, sum, distance);
  }
  out[threadIdx.x] = sum;
}

TEST(Warp, ButterflyGivesEveryLaneTheSum) {
  Memory<float> in(96);
  for (unsigned i = 0; i < 96; ++i) in[i] = static_cast<float>(i);
  Memory<float> out(96);
  launch(warp_sum, 1, 96, 0, Stream{.seed = 9}, out.data(), in.data());
  for (unsigned i = 0; i < 96; ++i) {
    const auto first = static_cast<float>(i - i % 32);
    EXPECT_EQ(out[i], 32 * first + 31 * 16);
  }
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM
