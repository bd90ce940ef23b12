// The additive recurrence, forward and back, against plain float64 loops.
#include "kernels/recurrence/additive.h"

#include "kernels/chain/pointwise.h"
#include "kernels/linear/reduce.h"
#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

struct Case {
  std::int64_t terms, T, n;  // terms = T: all
  float w, clip_value;
};

/// Everything that the kernels give, one after the other: h, dh, da, dh0, then the statistics.
struct Result {
  std::vector<float> h, dh, da, dh0;
  std::vector<double> steps, dw;
};

Result run(const Case& c, const std::vector<float>& h0, const std::vector<float>& dy,
           const StreamRef& stream = {}) {
  const std::int64_t blocks = additive_blocks(c.n);
  const Memory w(std::vector<float>{c.w});
  const Memory<> h((c.T + 1) * c.n);
  const Memory<> a(c.T * c.n);
  const Memory dy_memory(dy);
  const Memory<> dh0(c.n);
  const Memory<> dh((c.T + 1) * c.n);
  const Memory<> da(c.T * c.n);
  const Memory<double> partials((c.T + 1) * step_quantities * blocks);
  const Memory<double> dw_partials(blocks);
  const Memory<double> steps((c.T + 1) * step_quantities);
  const Memory<double> dw(1);
  std::copy(h0.begin(), h0.end(), h.data());
  const Additive net{
      c.terms,           c.T,          c.n,        w.data(),  h.data(),  a.data(),
      dy_memory.data(),  c.clip_value, dh0.data(), dh.data(), da.data(), partials.data(),
      dw_partials.data()};
  additive_forward(net, stream);
  additive_backward(net, stream);
  sum_rows((c.T + 1) * step_quantities, blocks, partials.data(), steps.data(), stream);
  sum_rows(1, blocks, dw_partials.data(), dw.data(), stream);
  return {h.read(), dh.read(), da.read(), dh0.read(), steps.read(), dw.read()};
}

/// Which earlier states map t adds up, t = 0 … T-1: the last `terms`.
bool adds(std::int64_t terms, std::int64_t t, std::int64_t s) { return s <= t && s + terms > t; }

TEST(Additive, IsTheFormulaForwardAndBack) {
  for (const Case& c :
       {Case{2, 1, 1, 0.5F, 0}, Case{1, 1, 7, 0.5F, 0}, Case{2, 7, 33, 0.6F, 0},
        Case{7, 7, 33, -0.4F, 0}, Case{2, 9, 300, 0.7F, 0.8F}, Case{9, 9, 300, 0.2F, 0.8F},
        Case{1, 7, 33, 0.9F, 0}, Case{3, 7, 33, -0.5F, 0}, Case{6, 7, 33, 0.2F, 0},
        Case{1000, 7, 33, 0.2F, 0}, Case{3, 9, 300, 0.4F, 0.8F}}) {
    const std::vector<float> h0 = normal(c.n, 1);
    const std::vector<float> dy = normal(c.T * c.n, 2);
    const Result result = run(c, h0, dy);
    // Numbers stay below about 50; each is the result of at most T² operations.
    const double tolerance = 50.0 * static_cast<double>(c.T * c.T) * unit;
    const double w = c.w;
    double dw = 0;
    std::vector<double> norms(length(c.T + 1));
    for (std::int64_t i = 0; i < c.n; ++i) {
      std::vector<double> h{h0[length(i)]};
      for (std::int64_t t = 0; t < c.T; ++t) {
        double a = 0;
        for (std::int64_t s = 0; s <= t; ++s) a += adds(c.terms, t, s) ? h[length(s)] : 0;
        h.push_back(w * a);
      }
      std::vector<double> da(length(c.T + 1));  // of state t, after the clip
      for (std::int64_t t = c.T; t >= 0; --t) {
        double dh = t > 0 ? dy[length((t - 1) * c.n + i)] : 0.F;
        for (std::int64_t later = t; later < c.T; ++later) {
          if (adds(c.terms, later, t)) dh += w * da[length(later + 1)];
        }
        norms[length(t)] += dh * dh;
        const double limit = c.clip_value > 0 ? c.clip_value : 1e30F;
        da[length(t)] = std::fmax(-limit, std::fmin(limit, dh));
        const std::size_t at = length(t * c.n + i);
        expect_near(result.h[at], h[length(t)], tolerance, "h", at);
        expect_near(result.dh[at], dh, tolerance, "dh", at);
        if (t > 0) {
          const std::size_t map = length((t - 1) * c.n + i);
          expect_near(result.da[map], da[length(t)], tolerance, "da", map);
          dw += da[length(t)] * h[length(t)] / w;  // h_t = w a_{t-1}
        } else {
          expect_near(result.dh0[length(i)], dh, tolerance, "dh0", length(i));
        }
      }
    }
    const auto elements = static_cast<double>(c.n * c.T);
    expect_near(result.dw[0], dw, elements * tolerance, "dw", 0);
    for (std::size_t t = 0; t < norms.size(); ++t) {
      expect_near(result.steps[t * step_quantities + step_dh2], norms[t],
                  static_cast<double>(c.n) * tolerance, "dh_norm2", t);
      EXPECT_EQ(result.steps[t * step_quantities + step_nonfinite], 0);
    }
  }
}

TEST(Additive, HasTheSameBitsOnEverySchedule) {
  for (const std::int64_t terms : {2, 3, 5}) {
    const Case c{terms, 5, 600, 0.5F, 0};
    on_all_schedules([&](const StreamRef& stream) {
      const Result result = run(c, normal(c.n, 1), normal(c.T * c.n, 2), stream);
      std::vector<double> all = result.steps;
      all.push_back(result.dw[0]);
      all.insert(all.end(), result.dh.begin(), result.dh.end());
      return all;
    });
  }
}

}  // namespace
}  // namespace gradepth
