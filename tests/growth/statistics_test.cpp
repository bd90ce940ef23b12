#include "host/growth/study/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <stdexcept>

#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

std::vector<double> line(std::size_t L, double slope) {
  std::vector<double> y(L + 1);
  for (std::size_t d = 0; d <= L; ++d) y[d] = 3 + slope * static_cast<double>(d);
  return y;
}

TEST(Statistics, WindowLeavesOutTenthsRoundedUp) {
  EXPECT_EQ(fit_window(100).first, 10U);
  EXPECT_EQ(fit_window(100).last, 90U);
  EXPECT_EQ(fit_window(41).first, 5U);
  EXPECT_EQ(fit_window(41).last, 36U);
  EXPECT_EQ(fit_window(20).first, 2U);
  EXPECT_EQ(fit_window(19).first, 0U);
  EXPECT_EQ(fit_window(19).last, 19U);
}

TEST(Statistics, SlopeOfALine) {
  for (const std::size_t L : {1U, 2U, 19U, 20U, 100U}) {
    EXPECT_NEAR(window_slope(line(L, -0.25)), -0.25, 1e-14) << L;
  }
  std::vector<double> y = line(100, 0.5);
  y[9] = 1e6;
  y[91] = -1e6;  // outside the window
  EXPECT_NEAR(window_slope(y), 0.5, 1e-14);
  y[50] += 1;
  EXPECT_NEAR(window_slope(y), 0.5, 1e-14);  // the middle has no lever
  y[51] += 1;
  // Σ(x - x̄) Δy / Σ(x - x̄)² with x - x̄ = 1 and 81 points: 1 / (81 (81² - 1) / 12).
  EXPECT_NEAR(window_slope(y), 0.5 + 1.0 / 44280.0, 1e-14);
}

TEST(Statistics, SlopeStopsWhereTheFormatRanOut) {
  std::vector<double> y = line(100, -1);
  for (std::size_t d = 60; d <= 100; ++d) y[d] = -infinity;
  EXPECT_NEAR(window_slope(y), -1, 1e-13);
  y[11] = infinity;
  EXPECT_TRUE(std::isnan(window_slope(y)));  // one point is no line
}

TEST(Statistics, QuantileInterpolates) {
  EXPECT_DOUBLE_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile({0, 10}, 0.1), 1);
  EXPECT_EQ(quantile({-infinity, 1, 2}, 0.5), 1);
  EXPECT_EQ(quantile({-infinity, -infinity, 2}, 0.25), -infinity);
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
}

/// Two-sided 95 % points from tables (NIST/SEMATECH e-Handbook, 1.3.6.7.2).
TEST(Statistics, StudentBelowTwentySeeds) {
  struct Known {
    std::size_t seeds;
    double t;
  };
  for (const Known known : {Known{2, 12.706}, Known{3, 4.303}, Known{8, 2.365}, Known{19, 2.101}}) {
    std::vector<double> x(known.seeds, 0.0);
    x[0] = 1;  // mean 1/n, variance 1/n, standard error 1/n
    const Interval i = mean_interval(x);
    const auto n = static_cast<double>(known.seeds);
    EXPECT_NEAR(i.value, 1 / n, 1e-15);
    EXPECT_NEAR((*i.high - *i.low) / 2 * n, known.t, 6e-4) << known.seeds;
    EXPECT_NEAR(*i.high + *i.low, 2 / n, 1e-14);
  }
}

TEST(Statistics, OneSeedHasNoBounds) {
  const Interval i = mean_interval(std::vector{0.5});
  EXPECT_EQ(i.value, 0.5);
  EXPECT_FALSE(i.low || i.high);
  EXPECT_TRUE(std::isnan(mean_interval(std::vector<double>{}).value));
}

TEST(Statistics, BootstrapFromTwentySeeds) {
  std::vector<double> x(100);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>(i % 2);
  const Interval i = mean_interval(x);
  EXPECT_DOUBLE_EQ(i.value, 0.5);
  // The resampled mean has deviation 0.5 / 10 = 0.05; its 2.5 % point is 0.5 - 1.96 · 0.05 = 0.402.
  // Means lie on a grid of 0.01, and the quantile of 2000 draws scatters by about 0.003.
  EXPECT_NEAR(*i.low, 0.402, 0.016);
  EXPECT_NEAR(*i.high, 0.598, 0.016);
  const Interval again = mean_interval(x);
  EXPECT_EQ(*i.low, *again.low);
  EXPECT_EQ(*i.high, *again.high);
}

TEST(Statistics, Verdicts) {
  const double ln10 = std::numbers::ln10;
  const auto judged = [](double low, double high) {
    return judge({0.5 * (low + high), low, high});
  };
  EXPECT_EQ(judged(ln10 + 0.01, 9), Verdict::exploding);
  EXPECT_EQ(judged(-9, -ln10 - 0.01), Verdict::vanishing);
  EXPECT_EQ(judged(-ln10 + 0.01, ln10 - 0.01), Verdict::stable);
  EXPECT_EQ(judged(ln10 - 0.01, ln10 + 0.01), Verdict::inconclusive);
  EXPECT_EQ(judged(-9, 9), Verdict::inconclusive);
  EXPECT_EQ(judge({3, std::nullopt, std::nullopt}), Verdict::exploding);
  EXPECT_EQ(judge({std::nan(""), std::nullopt, std::nullopt}), Verdict::inconclusive);
}

TEST(Statistics, ReachIsAThousandfoldChange) {
  EXPECT_NEAR(*reach(-std::numbers::ln10, 5), 3, 1e-14);
  EXPECT_NEAR(*reach(0.5 * std::numbers::ln10, 6), 6, 1e-14);
  EXPECT_FALSE(reach(0.5 * std::numbers::ln10, 5));
  EXPECT_FALSE(reach(0, 5));
  EXPECT_FALSE(reach(std::nan(""), 5));
}

TEST(RunGrowth, GeometricNorms) {
  std::vector<double> norm2;  // state 0 first, which lies deepest
  for (int t = 0; t <= 40; ++t) norm2.push_back(4 * std::pow(0.81, 40 - t));
  const RunGrowth run = run_growth(norm2);
  EXPECT_NEAR(run.rate, std::log(0.9), 1e-13);
  EXPECT_NEAR(run.total, 40 * std::log(0.9), 1e-11);
  EXPECT_EQ(run.ln_norm[0], 0);
  EXPECT_NEAR(run.ln_norm[40], 40 * std::log(0.9), 1e-12);
}

TEST(RunGrowth, NormsThatEnd) {
  std::vector<double> norm2;
  for (int t = 0; t <= 40; ++t) norm2.push_back(std::pow(10.0, -2.0 * (40 - t)));
  norm2[0] = 0;
  EXPECT_NEAR(run_growth(norm2).rate, -std::numbers::ln10, 1e-12);
  EXPECT_EQ(run_growth(norm2).ln_norm[40], -infinity);
  EXPECT_THROW(run_growth(std::vector<double>{1}), std::invalid_argument);
}

/// Shares of 20,000 samples whose interval holds the mean: three standard errors are 0.005.
TEST(MeanInterval, CoversTheMeanAsOftenAsItSays) {
  std::mt19937_64 bits(2026);
  std::normal_distribution<double> normal;
  const auto chi2 = [&](int degrees) {
    double sum = 0;
    for (int i = 0; i < degrees; ++i) sum += std::pow(normal(bits), 2);
    return sum;
  };
  struct Case {
    const char* name;
    std::function<double()> draw;
    double mean;
    double least;
  };
  const Case cases[] = {
      {"normal", [&] { return normal(bits); }, 0, 0.93},
      // E ln χ²(4) = ψ(2) + ln 2
      {"ln chi2", [&] { return std::log(chi2(4)); }, 1 - std::numbers::egamma + std::numbers::ln2,
       0.93},
      {"t3", [&] { return normal(bits) / std::sqrt(chi2(3) / 3); }, 0, 0.93},
      {"lognormal", [&] { return std::exp(0.5 * normal(bits)); }, std::exp(0.125), 0.90}};
  for (const Case& c : cases) {
    for (const std::size_t seeds : {8U, 20U}) {
      constexpr int samples = 20000;
      int covered = 0;
      for (int i = 0; i < samples; ++i) {
        std::vector<double> x(seeds);
        for (double& v : x) v = c.draw();
        const Interval interval = mean_interval(x);
        covered += *interval.low <= c.mean && c.mean <= *interval.high ? 1 : 0;
      }
      const double share = static_cast<double>(covered) / samples;
      EXPECT_GE(share, c.least) << c.name << ' ' << seeds;
      EXPECT_LE(share, 0.97) << c.name << ' ' << seeds;
    }
  }
}

/// Values of scipy 1.17's Welch test, of the samples and of their pseudo-values.
TEST(TwoSamples, HaveTheTextbooksIntervals) {
  const std::vector a{27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1};
  const std::vector b{27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2};
  const Interval difference = mean_difference(a, b);
  EXPECT_NEAR(difference.value, -2.9250000000000007, 1e-12);
  EXPECT_NEAR(*difference.low, -6.144695449246692, 1e-9);
  EXPECT_NEAR(*difference.high, 0.29469544924669, 1e-9);
  const Interval ratio = spread_ratio(a, b);
  EXPECT_NEAR(ratio.value, 1.6835270692380155, 1e-12);
  EXPECT_NEAR(*ratio.low, 0.6685374065618521, 1e-9);
  EXPECT_NEAR(*ratio.high, 5.007946230391016, 1e-9);
}

TEST(TwoSamples, WithoutSpreadHaveNoInterval) {
  const std::vector same{1.0, 1.0, 1.0};
  const std::vector nearly{1.0, 1.0, 2.0};  // no spread without the third
  for (const auto& [a, b] : {std::pair(same, same), {same, nearly}, {nearly, nearly}}) {
    EXPECT_FALSE(spread_ratio(a, b).low);
  }
  EXPECT_EQ(*mean_difference(same, same).low, 0);
  EXPECT_FALSE(mean_difference(std::vector{1.0, infinity}, same).low);
}

/// Also of numbers that are not normal, where an F distribution's intervals would not.
TEST(TwoSamples, SpreadsAreCoveredAsOftenAsTheySay) {
  std::mt19937_64 bits(2026);
  std::normal_distribution<double> normal;
  std::gamma_distribution<double> gamma(2, 2);  // χ²(4)
  for (const bool is_normal : {true, false}) {
    for (const std::size_t seeds : {8U, 20U}) {
      constexpr int samples = 10000;
      int covered = 0;
      for (int i = 0; i < samples; ++i) {
        std::vector<double> a(seeds);
        std::vector<double> b(seeds);
        for (std::vector<double>* x : {&a, &b}) {
          for (double& v : *x) v = is_normal ? normal(bits) : std::log(gamma(bits));
        }
        const Interval ratio = spread_ratio(a, b);
        covered += *ratio.low <= 1 && 1 <= *ratio.high ? 1 : 0;
      }
      const double share = static_cast<double>(covered) / samples;
      EXPECT_GE(share, 0.91) << is_normal << ' ' << seeds;
      EXPECT_LE(share, 0.98) << is_normal << ' ' << seeds;
    }
  }
}

TEST(Statistics, VarianceAndMeanOfExponentials) {
  EXPECT_DOUBLE_EQ(variance(std::vector{1.0, 2.0, 6.0}), 7);
  EXPECT_TRUE(std::isnan(variance(std::vector{1.0})));
  EXPECT_NEAR(ln_mean_exp(std::vector{std::log(2), std::log(6)}), std::log(4), 1e-15);
  EXPECT_NEAR(ln_mean_exp(std::vector{2000.0, 2000.0 + std::log(3)}), 2000 + std::log(2), 1e-12);
  EXPECT_NEAR(ln_mean_exp(std::vector{-infinity, std::log(2)}), 0, 1e-15);
  EXPECT_EQ(ln_mean_exp(std::vector{-infinity}), -infinity);
}

/// By hand.
TEST(Statistics, TheLineThroughPoints) {
  const std::vector<double> x{1, 2, 3, 4, 5};
  const std::vector<double> y{2.1, 3.9, 6.2, 7.8, 10.1};
  const Line line = fit_line(x, y);
  EXPECT_NEAR(line.slope.value, 1.99, 1e-12);
  EXPECT_NEAR(line.intercept, 0.05, 1e-12);
  // Residuals 0.06, -0.13, 0.18, -0.21, 0.10: error √(0.107 / 3 / 10), t_3 = 3.182446.
  EXPECT_NEAR(*line.slope.high - 1.99, 3.182446305 * std::sqrt(0.107 / 30), 1e-8);
  EXPECT_NEAR(1.99 - *line.slope.low, 3.182446305 * std::sqrt(0.107 / 30), 1e-8);
  EXPECT_NEAR(line.correlation, 19.9 / std::sqrt(10 * 39.708), 1e-12);
}

}  // namespace
}  // namespace gradepth::growth
