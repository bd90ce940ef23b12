// Out-of-bounds accesses of kernels, found by AddressSanitizer and UndefinedBehaviorSanitizer.
// Only builds with these sanitizers have these tests.
#include "kernels/simt/sanitizers.h"
#ifdef GRADEPTH_SIMT_ASAN

#include <gtest/gtest.h>

#include "tests/simt/support.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

using testing::Memory;

class AsanDeathTest : public ::testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

/// The last thread of the last block has no element: the guard is missing.
template <bool kMended>
__global__ void write_all(float* out, unsigned n) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (!kMended || i < n) out[i] = 1;
}

TEST_F(AsanDeathTest, GlobalOutOfBounds) {
  Memory<float> out(63);
  EXPECT_DEATH(launch(write_all<false>, 2, 32, 0, Stream{}, out.data(), 63U),
               "heap-buffer-overflow");
  launch(write_all<true>, 2, 32, 0, Stream{}, out.data(), 63U);
}

/// The launch gives one float too few.
__global__ void use_dynamic(float* out) {
  float* const s = dynamic_shared<float>();
  s[threadIdx.x] = 1;
  __syncthreads();
  out[threadIdx.x] = s[threadIdx.x];
}

TEST_F(AsanDeathTest, DynamicSharedOutOfBounds) {
  Memory<float> out(32);
  const Stream stream;
  // A larger launch before leaves more memory behind: it must not hide the bug.
  launch(use_dynamic, 1, 32, 4096, stream, out.data());
  EXPECT_DEATH(launch(use_dynamic, 1, 32, 31 * sizeof(float), stream, out.data()),
               "use-after-poison");
  launch(use_dynamic, 1, 32, 32 * sizeof(float), stream, out.data());
}

template <bool kMended>
__global__ void shift_static(float* out) {
  __shared__ float s[33];
  const unsigned i = threadIdx.x;
  s[i + (kMended ? 1 : 2)] = 1;
  __syncthreads();
  out[i] = s[i + 1];
}

TEST_F(AsanDeathTest, StaticSharedOutOfBounds) {
  Memory<float> out(32);
  EXPECT_DEATH(launch(shift_static<false>, 1, 32, 0, Stream{}, out.data()),
               "index 33 out of bounds for type 'float");
  launch(shift_static<true>, 1, 32, 0, Stream{}, out.data());
}

/// A local array of a thread: the sanitizer must know the fiber's stack.
template <bool kMended>
__global__ void local_array(int* out, const int* index) {
  int a[4] = {0, 1, 2, 3};
  __syncthreads();  // leaves the fiber and comes back
  int* const p = a;
  out[threadIdx.x] = p[index[threadIdx.x] - (kMended ? 1 : 0)];
}

TEST_F(AsanDeathTest, LocalArrayOutOfBounds) {
  Memory<int> out(2);
  const Memory<int> index{4, 4};
  EXPECT_DEATH(launch(local_array<false>, 1, 2, 0, Stream{}, out.data(), index.data()),
               "stack-buffer-overflow|insufficient space");
  launch(local_array<true>, 1, 2, 0, Stream{}, out.data(), index.data());
  EXPECT_EQ(out[1], 3);
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM

#endif
