// The executor's device memory: NaN at first, and guarded.
#include <gmock/gmock.h>

#include "kernels/platform.h"
#include "tests/kernels/support.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

__global__ void write_at(float* data, int i) { data[i] = 1; }

TEST(Buffer, StartsAsNaN) {
  const Buffer<float> floats(5);
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(std::isnan(floats.data()[i]));
  const Buffer<double> doubles(1);
  EXPECT_TRUE(std::isnan(*doubles.data()));
  EXPECT_NO_THROW(Buffer<float>(0).check());
}

TEST(BufferDeathTest, FindsWritesOutside) {
  const auto check_after_write_at = [](int i) {
    const Buffer<float> buffer(5);
    launch(write_at, dim3(1), dim3(1), 0, {}, buffer.data(), i);
    buffer.check();
  };
  EXPECT_NO_THROW(check_after_write_at(0));
  EXPECT_NO_THROW(check_after_write_at(4));
  if (testing::address_sanitizer) {  // it ends the program at the write
    EXPECT_DEATH(check_after_write_at(5), "heap-buffer-overflow");
    EXPECT_DEATH(check_after_write_at(-1), "heap-buffer-overflow");
    return;
  }
  EXPECT_THAT(
      [&] { check_after_write_at(5); },
      ::testing::ThrowsMessage<std::runtime_error>("a kernel wrote behind a buffer of 5 elements"));
  EXPECT_THAT(
      [&] { check_after_write_at(-1); },
      ::testing::ThrowsMessage<std::runtime_error>("a kernel wrote before a buffer of 5 elements"));
}

}  // namespace
}  // namespace gradepth::inline GRADEPTH_PLATFORM
