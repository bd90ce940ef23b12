// Padding and folding of images on a torus, against plain loops over coordinates.
#include "kernels/linear/circular_pad.h"

#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

constexpr std::int64_t counts[] = {1, 7, 33};
constexpr int padded_pixels = padded_side * padded_side;

/// The pixel of an image that pixel `p` of the padded image shows.
int shown_by(int p) {
  const int y = (p / padded_side + 7) % 8;
  const int x = (p % padded_side + 7) % 8;
  return y * 8 + x;
}

TEST(CircularPad, PadShowsTheOtherSide) {
  for (const std::int64_t count : counts) {
    std::vector<float> images = normal(count * conv_pixels, 1);
    images[5] = nan;
    const Memory<float> from(images);
    const auto padded = on_all_schedules([&](const StreamRef& stream) {
      const Memory<float> to(count * padded_pixels);
      circular_pad(count, from.data(), to.data(), stream);
      return to.read();
    });
    for (std::int64_t i = 0; i < count * padded_pixels; ++i) {
      const std::int64_t image = i / padded_pixels;
      const auto p = static_cast<int>(i % padded_pixels);
      expect_near(padded[length(i)], images[length(image * conv_pixels + shown_by(p))], 0, "padded",
                  length(i));
    }
  }
}

TEST(CircularPad, FoldAddsAllPlacesThatShowAPixel) {
  for (const std::int64_t count : counts) {
    const std::vector<float> padded = normal(count * padded_pixels, 2);
    const Memory<float> from(padded);
    const auto images = on_all_schedules([&](const StreamRef& stream) {
      const Memory<float> to(count * conv_pixels);
      circular_pad_backward(count, from.data(), to.data(), stream);
      return to.read();
    });
    std::vector<double> expected(images.size());
    std::vector<double> sizes(images.size());
    for (std::int64_t i = 0; i < count * padded_pixels; ++i) {
      const auto p = static_cast<int>(i % padded_pixels);
      const std::size_t at = length(i / padded_pixels * conv_pixels + shown_by(p));
      expected[at] += padded[length(i)];
      sizes[at] += std::abs(padded[length(i)]);
    }
    for (std::size_t i = 0; i < images.size(); ++i) {  // at most four terms
      expect_near(images[i], expected[i], 4 * unit * sizes[i], "folded", i);
    }
  }
}

/// No image: nothing is launched, and nothing that lies there is touched.
TEST(CircularPad, NoImages) {
  const Memory<float> images(std::vector<float>(conv_pixels, 2));
  const Memory<float> padded(std::vector<float>(padded_pixels, 3));
  circular_pad(0, images.data(), padded.data(), {});
  circular_pad_backward(0, padded.data(), images.data(), {});
  EXPECT_EQ(images.read(), std::vector<float>(conv_pixels, 2));
  EXPECT_EQ(padded.read(), std::vector<float>(padded_pixels, 3));
}

}  // namespace
}  // namespace gradepth
