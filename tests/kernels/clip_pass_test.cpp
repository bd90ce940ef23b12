// Clipping by value and adaptive clipping, against plain float64 loops.
#include "tests/kernels/clip_support.h"

namespace gradepth {
namespace {

using namespace testing;

template <class T>
class ClipPassTest : public ::testing::Test {};
TYPED_TEST_SUITE(ClipPassTest, StoredTypes);

constexpr ClipUpdate sgd{.sgd = true, .learning_rate = 0.05, .momentum = 0.9};

/// One rounding to T, and float64's around terms of size `terms`.
template <class T>
void expect_rounded(T actual, double expected, double terms, const char* what, std::size_t i) {
  expect_near(static_cast<float>(actual), expected,
              unit_of<T> * std::abs(expected) + 1e-12 * terms + least_spacing<T>, what, i);
}

/// v = momentum v + clipped, w -= learning_rate v.
template <class T>
void expect_update(const List<T>& list, const std::vector<double>& clipped,
                   const std::vector<double>& w, const std::vector<double>& v) {
  const std::vector<T> new_w = list.w();
  const std::vector<T> new_v = list.v();
  for (std::size_t i = 0; i < clipped.size(); ++i) {
    const double next = sgd.momentum * v[i] + clipped[i];
    expect_rounded(new_v[i], next, std::abs(v[i]) + std::abs(clipped[i]), "v", i);
    expect_rounded(new_w[i], w[i] - sgd.learning_rate * next, std::abs(w[i]) + std::abs(next), "w",
                   i);
  }
}

TYPED_TEST(ClipPassTest, ValueClipsEveryElementAndKeepsNaN) {
  using T = TypeParam;
  const double limit = static_cast<float>(rounded_to<T>(0.3));
  for (const ListShape& shape : list_shapes()) {
    const std::int64_t n = total(shape.sizes);
    std::vector<float> g = normal(n, 5);
    const float hard[] = {nan, infinity, -infinity, 0.5F, -0.5F, -0.F, 1e30F, 1e-30F};
    for (std::size_t i = 0; i < std::min(g.size(), std::size(hard)); ++i)
      g[g.size() - 1 - i] = hard[i];
    List<T> list(shape, "value", g);
    list.clip(0.3);
    const std::vector<double> before = widened(stored<T>(g));
    const std::vector<double> clipped = widened(list.g());
    for (std::size_t i = 0; i < before.size(); ++i) {
      const double x = before[i];
      expect_near(clipped[i], std::isnan(x) ? x : std::fmax(-limit, std::fmin(limit, x)), 0, "g",
                  i);
    }
  }
}

TYPED_TEST(ClipPassTest, ValueFeedsAnUpdate) {
  using T = TypeParam;
  const double limit = static_cast<float>(rounded_to<T>(0.3));
  const ListShape shape{{5, 3000, 0, 31}, {}, 1, 2};
  const std::int64_t n = total(shape.sizes);
  const std::vector<float> g = normal(n, 1);
  const std::vector<float> w = normal(n, 2);
  const std::vector<float> v = normal(n, 3);
  List<T> list(shape, "value", g, w, v);
  list.clip(0.3, sgd);
  std::vector<double> clipped = widened(stored<T>(g));
  for (double& x : clipped) x = std::clamp(x, -limit, limit);
  expect_update(list, clipped, widened(stored<T>(w)), widened(stored<T>(v)));
  EXPECT_TRUE(same_bits(list.g(), stored<T>(g)));
}

/// Lists with units: fan-ins of 1, of less than a pack, of more than a warp keeps on chip.
std::vector<ListShape> unit_shapes() {
  return {{{}, {}},
          {{0}, {1}},
          {{1}, {1}},
          {{5}, {5}},
          {{33 * 7, 33}, {33, 1}},
          {{33 * 7, 0, 33}, {7, 1, 1}, 1, 1},
          {{4 * 200, 3}, {4, 1}, 0, 3},
          {{2 * 1536, 2 * 1537}, {2, 2}, 0, 0},
          {{3 * 3073, 3}, {3, 1}, 2, 5},
          {{64 * 9}, {64}, 3, 3},
          {{5000}, {1}, 1, 0},
          {{200 * 33}, {200}}};
}

/// |g| and the scale of every unit, as the paper has them.
std::vector<ClipNorm> adaptive_norms(const ListShape& shape, double factor,
                                     const std::vector<double>& g, const std::vector<double>& w) {
  std::vector<ClipNorm> norms;
  std::size_t first = 0;
  for (std::size_t t = 0; t < shape.sizes.size(); ++t) {
    if (shape.sizes[t] == 0) continue;
    const std::size_t n = length(shape.sizes[t] / shape.units[t]);
    for (std::int64_t u = 0; u < shape.units[t]; ++u, first += n) {
      const double norm = norm_of(g, first, n);
      const double limit = factor * std::max(norm_of(w, first, n), 1e-3);
      norms.push_back({norm, norm > limit ? limit / norm : 1.0});
    }
  }
  return norms;
}

TYPED_TEST(ClipPassTest, AdaptiveIsTheFormulaForEveryUnit) {
  using T = TypeParam;
  unsigned seed = 10;
  for (const ListShape& shape : unit_shapes()) {
    const std::int64_t n = total(shape.sizes);
    const std::vector<float> g = normal(n, ++seed);
    std::vector<float> w = normal(n, ++seed);
    const std::vector<float> v = normal(n, ++seed);
    if (seed % 2 == 0) std::fill(w.begin(), w.end(), 0.F);  // the least weight counts
    // 0.9: some units are clipped, some not.
    for (const double factor : {0.01, 0.9}) {
      for (const ClipUpdate& update : {ClipUpdate{}, sgd}) {
        List<T> list(shape, "agc", g, w, v);
        list.clip(factor, update);
        std::vector<double> clipped = widened(stored<T>(g));
        const std::vector<double> weights = widened(stored<T>(w));
        const std::vector<ClipNorm> want = adaptive_norms(shape, factor, clipped, weights);
        const std::vector<ClipNorm> norms = list.norms();
        ASSERT_EQ(norms.size(), want.size());
        std::size_t i = 0;
        for (std::size_t u = 0; u < norms.size(); ++u) {
          const std::size_t size = list.list().chunks[u].size;
          const double rounding = static_cast<double>(size + 4) * 0x1p-52;
          expect_near(norms[u].norm, want[u].norm, rounding * want[u].norm, "norm", u);
          expect_near(norms[u].scale, want[u].scale, rounding * want[u].scale, "scale", u);
          for (const std::size_t end = i + size; i < end; ++i) clipped[i] *= want[u].scale;
        }
        EXPECT_EQ(list.report().skipped, 0U);
        if (update.sgd) {
          EXPECT_TRUE(same_bits(list.g(), stored<T>(g)));
          expect_update(list, clipped, weights, widened(stored<T>(v)));
        } else {
          const std::vector<T> got = list.g();
          for (i = 0; i < got.size(); ++i) expect_rounded(got[i], clipped[i], 1, "g", i);
          EXPECT_TRUE(same_bits(list.w(), stored<T>(w)));
        }
        if (this->HasFailure()) return;
      }
    }
  }
}

TYPED_TEST(ClipPassTest, AdaptiveSkipsUnitsThatAreNotFinite) {
  using T = TypeParam;
  std::vector<float> g = normal(40, 1);
  g[12] = nan;
  g[33] = infinity;
  const std::vector<float> w = normal(40, 2);
  List<T> list({{40}, {4}}, "agc", g, w, w);
  const std::vector<T> before = list.everything();
  for (const unsigned long long call : {1U, 2U}) {
    list.clip(1e-3);
    EXPECT_EQ(list.report().skipped, 2U);
    EXPECT_EQ(list.report().skipped_total, 2 * call);
  }
  const std::vector<T> after = list.everything();
  for (std::size_t i = 0; i < 40; ++i) {
    const bool bad = i / 10 == 1 || i / 10 == 3;
    EXPECT_EQ(same_bits<T>({after[i]}, {before[i]}), bad) << i;
  }
}

TYPED_TEST(ClipPassTest, AdaptiveHasTheSameBitsOnEveryScheduleAndGrid) {
  using T = TypeParam;
  const ListShape shape{{33 * 50, 9, 4000}, {33, 1, 1}, 1};
  const std::int64_t n = total(shape.sizes);
  const std::vector<float> g = normal(n, 6);
  const std::vector<float> w = normal(n, 7);
  std::vector<T> expected;
  for (const std::int64_t most_blocks : {4096, 1, 2, 3}) {
    const std::vector<T> all = on_all_schedules([&](const StreamRef& stream) {
      List<T> list(shape, "agc", g, w, w);
      list.clip(0.5, sgd, stream, most_blocks);
      return list.everything();
    });
    if (expected.empty()) expected = all;
    EXPECT_TRUE(same_bits(all, expected)) << most_blocks << " blocks";
  }
}

}  // namespace
}  // namespace gradepth
