// Clipping by the norm of all tensors and of each, in two launches and on chip, against plain
// float64 loops.
#include "tests/kernels/clip_support.h"

namespace gradepth {
namespace {

using namespace testing;

template <class T>
class ClipNormTest : public ::testing::Test {};
TYPED_TEST_SUITE(ClipNormTest, StoredTypes);

constexpr ClipUpdate sgd{.sgd = true, .learning_rate = 0.05, .momentum = 0.9};

/// What one norm's tensors must become.
struct Expected {
  std::vector<double> g, w, v;  // before rounding
  std::vector<double> norms;
  std::vector<bool> clipped;  // which of them
  unsigned long long skipped = 0;
};

/// Rules whose norm is known only when all is read: in two launches, or on chip.
std::vector<ClipRule> rules() {
  std::vector<ClipRule> all(all_clip_rules.begin(), all_clip_rules.end());
  std::erase_if(all, [](const ClipRule& rule) { return !rule.takes_route(); });
  return all;
}

/// The limit, by hand: what kernels/clip/rules.h has to say.
double limit_by_hand(std::string_view rule, double threshold, std::size_t n) {
  if (rule == "norm" || rule == "tensor") return threshold;
  if (rule == "rms") return threshold * std::sqrt(static_cast<double>(n));
  ADD_FAILURE() << "a rule without a limit by hand: " << rule;
  return nan;
}

Expected expected(const ListShape& shape, const ClipRule& rule, double threshold, bool with_sgd,
                  const std::vector<double>& g, const std::vector<double>& w,
                  const std::vector<double>& v) {
  std::vector<std::int64_t> lengths = shape.sizes;
  if (rule.scope == ClipScope::all) lengths = {total(shape.sizes)};
  Expected out{g, w, v, {}, {}, 0};
  std::size_t first = 0;
  for (const std::int64_t size : lengths) {
    const std::size_t n = length(size);
    const double norm = norm_of(g, first, n);
    out.norms.push_back(norm);
    out.skipped += std::isfinite(norm) ? 0 : 1;
    const double limit = limit_by_hand(rule.name, threshold, n);
    const double scale = norm > limit ? limit / norm : 1;
    out.clipped.push_back(scale != 1);
    for (std::size_t i = first; i < first + n && std::isfinite(norm); ++i) {
      if (with_sgd) {
        out.v[i] = sgd.momentum * v[i] + g[i] * scale;
        out.w[i] = w[i] - sgd.learning_rate * out.v[i];
      } else {
        out.g[i] = g[i] * scale;
      }
    }
    first += n;
  }
  return out;
}

template <class T>
void expect_all(const std::vector<T>& actual, const std::vector<double>& expected,
                const char* what) {
  ASSERT_EQ(actual.size(), expected.size());
  const std::vector<double> numbers = widened(actual);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    // Rounded once; float64's roundings around terms of about 1.
    const double tolerance = unit_of<T> * std::abs(expected[i]) + 1e-12 + least_spacing<T>;
    expect_near(numbers[i], expected[i], tolerance, what, i);
  }
}

/// Every rule, both routes, clipped and not, with and without an update.
TYPED_TEST(ClipNormTest, IsTheFormulaForEveryList) {
  using T = TypeParam;
  unsigned seed = 1;
  for (const ListShape& shape : list_shapes()) {
    const std::int64_t n = total(shape.sizes);
    const std::vector<float> g = normal(n, ++seed);
    const std::vector<float> w = normal(n, ++seed);
    const std::vector<float> v = normal(n, ++seed);
    for (const ClipRule& rule : rules()) {
      for (const double threshold : {0.37, 1e6}) {
        // What is not clipped touches no memory, and meets no thread, that the rest does not.
        if ((thread_sanitizer || address_sanitizer) && threshold > 1) continue;
        for (const bool with_sgd : {false, true}) {
          const Expected want = expected(shape, rule, threshold, with_sgd, widened(stored<T>(g)),
                                         widened(stored<T>(w)), widened(stored<T>(v)));
          std::vector<T> of_two_launches;
          for (const bool on_chip : {false, true}) {
            List<T> list(shape, rule, g, w, v);
            const ClipUpdate update = with_sgd ? sgd : ClipUpdate{};
            if (on_chip) {
              list.clip_on_chip(threshold, update);
            } else {
              list.clip(threshold, update);
            }
            const std::vector<ClipNorm> norms = list.norms();
            ASSERT_EQ(norms.size(), want.norms.size());
            for (std::size_t i = 0; i < norms.size(); ++i) {
              // The order of a sum of n non-negative numbers moves it by n 2^-53 at most.
              const double rounding = static_cast<double>(n + 4) * 0x1p-53 * want.norms[i];
              expect_near(norms[i].norm, want.norms[i], rounding, "norm", i);
              EXPECT_EQ(norms[i].scale != 1, want.clipped[i]);
            }
            EXPECT_EQ(list.report().skipped, 0U);
            expect_all(list.g(), want.g, "g");
            expect_all(list.w(), want.w, "w");
            expect_all(list.v(), want.v, "v");
            if (on_chip) {
              EXPECT_TRUE(same_bits(list.everything(), of_two_launches));
            } else {
              of_two_launches = list.everything();
            }
            if (this->HasFailure()) return;
          }
        }
      }
    }
  }
}

/// optax.clip_by_block_rms(0.7), Optax 0.2.8 in float64.
TYPED_TEST(ClipNormTest, RmsIsWhatOptaxHas) {
  using T = TypeParam;
  const std::vector<double> want{0.82368777, 0, 1.09825036, -0.27456259, 0.5, 0, 0, 0};
  for (const bool on_chip : {false, true}) {
    List<T> list({{4, 1, 3, 0}}, "rms", {3, 0, 4, -1, 0.5, 0, 0, 0});
    if (on_chip) {
      list.clip_on_chip(0.7);
    } else {
      list.clip(0.7);
    }
    const std::vector<double> got = widened(list.g());
    for (std::size_t i = 0; i < want.size(); ++i) {
      expect_near(got[i], want[i], unit_of<T> * std::abs(want[i]) + 1e-8, "g", i);
    }
  }
}

TYPED_TEST(ClipNormTest, SurvivesTheEndsOfTheFormat) {
  using T = TypeParam;
  const bool half = std::is_same_v<T, float16>;
  const float large = half ? 65504 : 3e38F;
  const float small = half ? 6e-8F : 1e-30F;
  // The norm of large numbers is no number of T, and the scale may be smaller than any float.
  for (const double threshold : {1e-3, 1e3}) {
    List<T> list({{1, 2, 1}}, "norm", {large, -large, small, large});
    list.clip(threshold);
    const double exact = static_cast<float>(rounded_to<T>(large)) * std::sqrt(3.0);
    EXPECT_NEAR(list.norms()[0].norm / exact, 1, 1e-15);
    const std::vector<double> clipped = widened(list.g());
    for (const std::size_t i : {0U, 1U, 3U}) {
      EXPECT_NEAR(std::abs(clipped[i]), threshold / std::sqrt(3.0),
                  2 * unit_of<T> * threshold + least_spacing<T>);
    }
  }
  List<T> tiny({{2}}, "norm", {small, small});
  tiny.clip(static_cast<double>(small) / 1024);
  const double exact = static_cast<float>(rounded_to<T>(small)) * std::sqrt(2.0);
  EXPECT_NEAR(tiny.norms()[0].norm / exact, 1, 1e-15);
}

TYPED_TEST(ClipNormTest, SkipsCountsAndReportsWhatIsNotFinite) {
  using T = TypeParam;
  for (const float bad : {nan, infinity, -infinity}) {
    std::vector<float> g = normal(500, 3);
    g[321] = bad;
    const std::vector<float> w = normal(500, 4);
    const std::vector<float> v = normal(500, 5);
    for (const ClipUpdate& update : {ClipUpdate{}, sgd}) {
      List<T> list({{200, 300}}, "norm", g, w, v);
      const std::vector<T> before = list.everything();
      for (const unsigned long long call : {1U, 2U, 3U}) {
        if (call == 2) {
          list.clip_on_chip(0.1, update);
        } else {
          list.clip(0.1, update);
        }
        EXPECT_FALSE(std::isfinite(list.norms()[0].norm));
        EXPECT_EQ(list.report().skipped, 1U);
        EXPECT_EQ(list.report().skipped_total, call);
        EXPECT_TRUE(same_bits(list.everything(), before));
      }
      // Each tensor by itself: the other one is clipped.
      for (const ClipRule& rule : rules()) {
        if (rule.scope != ClipScope::tensor) continue;
        List<T> each({{200, 300, 0}}, rule, g, w, v);
        each.clip(0.1, update);
        each.clip_on_chip(1e6, update);
        EXPECT_EQ(each.report().skipped, 1U);
        EXPECT_EQ(each.report().skipped_total, 2U);
        const std::vector<T> after = each.everything();
        for (std::size_t i = 0; i < after.size(); ++i) {
          if (i % 500 < 200) continue;
          EXPECT_TRUE(same_bits<T>({after[i]}, {before[i]})) << i;
        }
        EXPECT_FALSE(same_bits(after, before));
      }
    }
  }
}

TYPED_TEST(ClipNormTest, HasTheSameBitsOnEveryScheduleAndGrid) {
  using T = TypeParam;
  const std::int64_t chunks = thread_sanitizer ? 2 : 35;
  const ListShape shape{{7, clip_chunk_size + 100, 0, 33, chunks * clip_chunk_size}, {}, 1};
  const std::int64_t n = total(shape.sizes);
  const std::vector<float> g = normal(n, 6);
  const std::vector<float> w = normal(n, 7);
  const std::vector<float> v = normal(n, 8);
  for (const ClipRule& rule : rules()) {
    List<T> reference(shape, rule, g, w, v);
    reference.clip(1, sgd);
    const std::vector<ClipNorm> norms = reference.norms();
    const std::vector<T> expected = reference.everything();
    const auto expect_same = [&](const List<T>& list, int blocks) {
      EXPECT_TRUE(same_bits(list.norms(), norms)) << blocks << " blocks";
      EXPECT_TRUE(same_bits(list.everything(), expected)) << blocks << " blocks";
      return list.everything();
    };
    for (const int blocks : {1, 2, 3, 5}) {
      if (thread_sanitizer && blocks % 2 == 1) continue;
      on_all_schedules([&](const StreamRef& stream) {
        List<T> list(shape, rule, g, w, v);
        list.clip(1, sgd, stream, blocks);
        return expect_same(list, blocks);
      });
      const std::size_t bytes = length(n) * sizeof(T);
      if (bytes > static_cast<std::size_t>(blocks) * (180 << 10)) continue;
      on_all_schedules([&](const StreamRef& stream) {
        List<T> list(shape, rule, g, w, v);
        list.clip_on_chip(1, sgd, stream, blocks);
        return expect_same(list, blocks);
      });
    }
  }
}

}  // namespace
}  // namespace gradepth
