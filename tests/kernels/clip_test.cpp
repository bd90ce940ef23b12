// Clipping by norm and by value, against plain float64 loops.
#include "kernels/clip.h"

#include <numeric>

#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

/// A list of tensors in device memory, one after the other, so that most start off a 16-byte
/// address.
class List {
 public:
  explicit List(const std::vector<std::int64_t>& sizes, const std::vector<float>& values)
      : values_(values), partials_(0) {
    std::vector<ClipTensor> tensors;
    float* next = values_.data();
    for (const std::int64_t size : sizes) {
      tensors.push_back({next, size});
      next += size;
    }
    chunks_ = make_clip_chunks(tensors);
    partials_ = Memory<double>(count());
  }

  ClipResult clip_to_norm(double threshold, const StreamRef& stream = {},
                          std::int64_t most_blocks = 4096) {
    const Memory<ClipResult> result(1);
    clip_norm(chunks_.data(), count(), threshold, partials_.data(), result.data(), stream,
              most_blocks);
    return result.read()[0];
  }
  void clip_to_value(double threshold) { clip_value(chunks_.data(), count(), threshold, {}); }
  [[nodiscard]] std::vector<float> read() const {
    (void)partials_.read();  // checks the guards
    return values_.read();
  }
  [[nodiscard]] const std::vector<ClipChunk>& chunks() const { return chunks_; }

 private:
  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(chunks_.size()); }

  Memory<float> values_;
  std::vector<ClipChunk> chunks_;
  Memory<double> partials_;
};

std::int64_t total(const std::vector<std::int64_t>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
}

/// Thousands of small tensors, some empty; under ThreadSanitizer, which is slow, dozens.
std::vector<std::int64_t> thousands() {
  std::vector<std::int64_t> sizes;
  for (std::int64_t i = 0; i < (thread_sanitizer ? 30 : 3000); ++i) sizes.push_back(i % 6);
  return sizes;
}

double norm_of(const std::vector<float>& values) {
  double sum = 0;
  for (const double v : values) sum += v * v;
  return std::sqrt(sum);
}

TEST(ClipChunks, CoverEveryTensorOnce) {
  const List list({0, 1, clip_chunk_size, 0, clip_chunk_size + 1},
                  normal(2 * clip_chunk_size + 2, 1));
  std::vector<std::int64_t> sizes;
  for (const ClipChunk& chunk : list.chunks()) sizes.push_back(chunk.size);
  EXPECT_EQ(sizes, (std::vector<std::int64_t>{1, clip_chunk_size, clip_chunk_size, 1}));
}

TEST(ClipNorm, ScalesEveryTensorToTheThreshold) {
  const std::vector<std::vector<std::int64_t>> lists = {
      {},         {0}, {1}, {2, 1}, {7, 0, 33, 200}, {clip_chunk_size, 3, clip_chunk_size + 1},
      thousands()};
  for (const auto& sizes : lists) {
    const std::vector<float> g = normal(total(sizes), 2);
    const double norm = norm_of(g);
    for (const double threshold : {0.37, 1e9}) {
      List list(sizes, g);
      const ClipResult result = list.clip_to_norm(threshold);
      // The order of a sum of n non-negative numbers moves it by n 2^-53 at most.
      const double rounding = static_cast<double>(g.size() + 4) * 0x1p-53;
      expect_near(result.norm, norm, rounding * norm, "norm", 0);
      EXPECT_EQ(result.skipped, 0);
      const std::vector<float> clipped = list.read();
      if (norm <= threshold) {
        EXPECT_EQ(result.scale, 1);
        EXPECT_TRUE(same_bits(clipped, g));
        continue;
      }
      for (std::size_t i = 0; i < g.size(); ++i) {
        const double expected = g[i] * (threshold / norm);
        expect_near(clipped[i], expected, (unit + 2 * rounding) * std::abs(expected), "g", i);
      }
    }
  }
}

TEST(ClipNorm, SurvivesTheEndsOfTheFormat) {
  constexpr float largest = std::numeric_limits<float>::max();
  constexpr float smallest = std::numeric_limits<float>::denorm_min();
  // The norm of two largest floats is no float, and the scale is a subnormal one.
  List large({1, 1}, {largest, -largest});
  const ClipResult result = large.clip_to_norm(1e-3);
  EXPECT_NEAR(result.norm / (std::sqrt(2.0) * static_cast<double>(largest)), 1, 1e-15);
  for (const float v : large.read())
    EXPECT_NEAR(std::abs(v) / (1e-3 * std::sqrt(0.5)), 1, 2 * unit);

  List small({2}, {smallest, smallest});
  EXPECT_NEAR(small.clip_to_norm(1).norm / (std::sqrt(2.0) * static_cast<double>(smallest)), 1,
              1e-15);
}

TEST(ClipNorm, LeavesTheTensorsWhenTheNormIsNotFinite) {
  for (const float bad : {nan, infinity, -infinity}) {
    std::vector<float> g = normal(500, 3);
    g[321] = bad;
    List list({200, 300}, g);
    const ClipResult result = list.clip_to_norm(0.1);
    EXPECT_EQ(result.skipped, 1);
    EXPECT_EQ(result.scale, 1);
    EXPECT_FALSE(std::isfinite(result.norm));
    EXPECT_TRUE(same_bits(list.read(), g));
  }
}

TEST(ClipNorm, HasTheSameBitsOnEveryScheduleAndGrid) {
  const std::vector<std::int64_t> sizes = {7, clip_chunk_size + 100, 0, 33, 2 * clip_chunk_size};
  const std::vector<float> g = normal(total(sizes), 4);
  for (const std::int64_t most_blocks : {1, 2, 3, 4096}) {
    List reference(sizes, g);
    const double norm = reference.clip_to_norm(1).norm;
    const std::vector<float> expected = reference.read();
    const std::vector<float> clipped = on_all_schedules([&](const StreamRef& stream) {
      List list(sizes, g);
      EXPECT_EQ(list.clip_to_norm(1, stream, most_blocks).norm, norm);
      return list.read();
    });
    EXPECT_TRUE(same_bits(clipped, expected)) << most_blocks << " blocks";
  }
}

TEST(ClipValue, ClipsEveryElementAndKeepsNaN) {
  for (const auto& sizes : {std::vector<std::int64_t>{}, {1}, {3, 0, 7, 33}, thousands()}) {
    std::vector<float> g = normal(total(sizes), 5);
    const float hard[] = {nan, infinity, -infinity, 0.5F, -0.5F, -0.F};
    for (std::size_t i = 0; i < std::min(g.size(), std::size(hard)); ++i)
      g[g.size() - 1 - i] = hard[i];
    List list(sizes, g);
    list.clip_to_value(0.5);
    const std::vector<float> clipped = list.read();
    for (std::size_t i = 0; i < g.size(); ++i) {
      const float expected = std::isnan(g[i]) ? g[i] : std::fmax(-0.5F, std::fmin(0.5F, g[i]));
      expect_near(clipped[i], expected, 0, "g", i);
    }
  }
}

}  // namespace
}  // namespace gradepth
