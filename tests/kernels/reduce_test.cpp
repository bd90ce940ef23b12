// Sums in a fixed order, against plain float64 loops.
#include "kernels/linear/reduce.h"

#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

TEST(SumRows, AddsEveryRow) {
  for (const std::int64_t cols : {1, 7, 33, 200, 1000}) {
    constexpr std::int64_t rows = 3;
    std::vector<double> x;
    for (const float v : normal(rows * cols, 1)) x.push_back(v);
    const Memory<double> partials(x);
    const std::vector<double> totals = on_all_schedules([&](const StreamRef& stream) {
      const Memory<double> out(rows);
      sum_rows(rows, cols, partials.data(), out.data(), stream);
      return out.read();
    });
    for (std::size_t r = 0; r < totals.size(); ++r) {
      double sum = 0;
      for (std::size_t k = 0; k < length(cols); ++k) sum += x[r * length(cols) + k];
      expect_near(totals[r], sum, 1e-13 * static_cast<double>(cols), "total", r);
    }
  }
}

TEST(SumRows, OfNothingIsZero) {
  const Memory<double> partials(0);
  const Memory<double> out(2);
  sum_rows(2, 0, partials.data(), out.data(), {});
  EXPECT_EQ(out.read(), (std::vector<double>{0, 0}));
}

struct Sizes {
  std::int64_t groups, rows, cols, pixels;
};

/// sums[g, c] over rows and pixels, in float64, and how far fp32 may be from it.
void expect_sums(const Sizes& s, const std::vector<float>& x, const std::vector<float>& sums) {
  for (std::int64_t g = 0; g < s.groups; ++g) {
    for (std::int64_t c = 0; c < s.cols; ++c) {
      double sum = 0;
      double magnitude = 0;
      for (std::int64_t r = 0; r < s.rows; ++r) {
        for (std::int64_t p = 0; p < s.pixels; ++p) {
          const double v = x[length(((g * s.rows + r) * s.cols + c) * s.pixels + p)];
          sum += v;
          magnitude += std::abs(v);
        }
      }
      const std::size_t i = length(g * s.cols + c);
      expect_near(sums[i], sum, unit * std::abs(sum) + 1e-13 * magnitude, "sum", i);
    }
  }
}

TEST(ColumnSums, AddEveryColumnOfEveryGroup) {
  for (const Sizes& s : {Sizes{1, 1, 1, 1}, Sizes{3, 7, 33, 1}, Sizes{1, 200, 7, 1},
                         Sizes{2, 300, 40, 1}, Sizes{2, 0, 3, 1}}) {
    if (thread_sanitizer && s.cols > 33) continue;  // slow there
    const std::vector<float> x = normal(s.groups * s.rows * s.cols, 2);
    const Memory in(x, 1);
    const std::vector<float> sums = on_all_schedules([&](const StreamRef& stream) {
      const Memory<> out(s.groups * s.cols);
      const Memory<double> partials(s.groups * column_sum_parts(s.rows) * s.cols);
      column_sums(s.groups, s.rows, s.cols, in.data(), out.data(), partials.data(), stream);
      return out.read();
    });
    expect_sums(s, x, sums);
  }
}

TEST(ChannelSums, AddRowsAndPixels) {
  for (const Sizes& s : {Sizes{1, 1, 1, 1}, Sizes{2, 3, 7, 64}, Sizes{1, 1, 33, 5}}) {
    const std::vector<float> x = normal(s.groups * s.rows * s.cols * s.pixels, 3);
    const Memory in(x);
    const std::vector<float> sums = on_all_schedules([&](const StreamRef& stream) {
      const Memory<> out(s.groups * s.cols);
      channel_sums(s.groups, s.rows, s.cols, s.pixels, in.data(), out.data(), stream);
      return out.read();
    });
    expect_sums(s, x, sums);
  }
}

}  // namespace
}  // namespace gradepth
