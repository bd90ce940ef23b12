// The baseline's passes of clipping by global norm, against plain float64 loops.
#include "kernels/clip/foreach.h"

#include <numeric>

#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

/// Clips `values`, cut into tensors of `sizes`, in PyTorch's passes; the numbers after, then norm,
/// coefficient and skipped.
std::vector<float> clip(const std::vector<std::int64_t>& sizes, const std::vector<float>& values,
                        float threshold, const StreamRef& stream) {
  const Memory<float> data(values, 1);  // most tensors off a 16-byte address
  const ForeachList list = make_foreach_list(data.data(), sizes);
  const auto tensors = static_cast<std::int64_t>(list.tensors.size());
  const auto chunks = static_cast<std::int64_t>(list.chunks.size());
  const Memory<float> squares(chunks);
  const Memory<float> norms(tensors);
  const Memory<ForeachResult> result(1);
  foreach_squares(list.tensors.data(), list.chunks.data(), chunks, squares.data(), stream);
  foreach_norms(list.tensors.data(), tensors, squares.data(), norms.data(), stream);
  norm_of_norms(tensors, norms.data(), result.data(), stream);
  clip_coefficient(threshold, result.data(), stream);
  foreach_scale(list.tensors.data(), list.chunks.data(), chunks, result.data(), stream);
  (void)squares.read();  // checks the guards
  (void)norms.read();
  std::vector<float> out = data.read();
  const ForeachResult found = result.read()[0];
  out.insert(out.end(), {found.norm, found.coefficient, found.skipped});
  return out;
}

const std::vector<std::vector<std::int64_t>> lists = {
    {}, {0, 0}, {1}, {0, 7, 33, 0, 200}, {1, 1, 1, 4, 4, 8}, {3 * foreach_chunk_size / 2 + 3, 5}};

TEST(ForeachClip, ScalesToTheThreshold) {
  for (const auto& sizes : lists) {
    const std::int64_t n = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
    if (thread_sanitizer && n > 1000) continue;
    const std::vector<float> values = normal(n, 1);
    double square = 0;
    for (const double x : values) square += x * x;
    const double norm = std::sqrt(square);
    for (const float threshold : {0.5F, 1e6F}) {
      if (n > 1000 && threshold > 1) continue;  // long on the executor
      const auto out = on_all_schedules(
          [&](const StreamRef& stream) { return clip(sizes, values, threshold, stream); });
      const double scale = norm > threshold ? threshold / norm : 1.0;
      // A thread adds at most 128 squares of a chunk in f32.
      const double error = 140 * unit;
      expect_near(out[length(n)], norm, error * norm, "norm", 0);
      expect_near(out[length(n) + 1], scale, error * scale, "coefficient", 0);
      EXPECT_EQ(out[length(n) + 2], 0);
      for (std::size_t i = 0; i < values.size(); ++i) {
        expect_near(out[i], values[i] * scale, 2 * error * std::abs(values[i]), "g", i);
      }
    }
  }
}

TEST(ForeachClip, LeavesTensorsAloneWhenTheNormIsNotFinite) {
  for (const float bad : {nan, infinity, 3e38F}) {  // the square of the last is not f32
    std::vector<float> values = normal(40, 2);
    values[17] = bad;
    const auto out = clip({10, 30}, values, 1, {});
    EXPECT_EQ(out[42], 1);
    EXPECT_TRUE(same_bits(std::vector<float>(out.begin(), out.begin() + 40), values));
  }
}

TEST(ForeachClip, NormOfASquare) {
  const Memory<float> square(std::vector<float>{9});
  const Memory<ForeachResult> result(1);
  norm_of_square(square.data(), result.data(), {});
  clip_coefficient(1.5F, result.data(), {});
  EXPECT_EQ(result.read()[0].norm, 3);
  EXPECT_EQ(result.read()[0].coefficient, 0.5F);
}

}  // namespace
}  // namespace gradepth
