#include "host/draw/sparsity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "host/draw/initialise.h"

namespace gradepth {
namespace {

constexpr std::int64_t N = 33;

/// W [3, N, N] of an mlp, Gaussian of deviation 1/√N; kept as `sparsity` says.
Tensor drawn(double density, Sparsity sparsity, std::uint64_t seed = 1) {
  Initialisation init;
  init.density = density;
  init.sparsity = sparsity;
  const FeedForwardProblem problem{.L = 3, .B = 1, .N = N, .dtype = Dtype::f64};
  return draw(problem, init, seed).at("W");
}

bool is_kept(const Tensor& W, std::int64_t row, std::int64_t column) {
  return W.data[static_cast<std::size_t>(row * N + column)] != 0;
}

TEST(Sparsity, KeptWeightsAreTheDenseOnesScaled) {
  const Tensor dense = drawn(1, Sparsity::independent);
  for (const Sparsity sparsity :
       {Sparsity::independent, Sparsity::rows, Sparsity::blocks, Sparsity::band}) {
    const Tensor W = drawn(0.25, sparsity);
    const double kept = sparsity == Sparsity::band ? 8 : 0.25 * N;  // of a row, on the mean
    std::size_t zeros = 0;
    for (std::size_t i = 0; i < W.size(); ++i) {
      if (W.data[i] == 0) {
        ++zeros;
      } else {
        EXPECT_NEAR(W.data[i] / dense.data[i], std::sqrt(N / kept), 1e-14);
      }
    }
    EXPECT_GT(zeros, W.size() / 2) << name(sparsity);
    EXPECT_LT(zeros, W.size()) << name(sparsity);
  }
}

TEST(Sparsity, WholeRowsStayOrGo) {
  const Tensor W = drawn(0.5, Sparsity::rows);
  std::set<bool> seen;
  for (std::int64_t row = 0; row < 3 * N; ++row) {
    for (std::int64_t k = 1; k < N; ++k) EXPECT_EQ(is_kept(W, row, k), is_kept(W, row, 0));
    seen.insert(is_kept(W, row, 0));
  }
  EXPECT_EQ(seen.size(), 2U);
  // Another layer has a mask of its own.
  bool differs = false;
  for (std::int64_t row = 0; row < N; ++row) {
    differs = differs || is_kept(W, row, 0) != is_kept(W, N + row, 0);
  }
  EXPECT_TRUE(differs);
}

TEST(Sparsity, BlocksAreEightByEight) {
  const Tensor W = drawn(0.5, Sparsity::blocks);
  std::set<bool> seen;
  for (std::int64_t row = 0; row < 3 * N; ++row) {
    for (std::int64_t k = 0; k < N; ++k) {
      const std::int64_t corner = row / N * N + row % N / 8 * 8;  // 33: the last blocks are narrow
      EXPECT_EQ(is_kept(W, row, k), is_kept(W, corner, k / 8 * 8)) << row << ' ' << k;
      seen.insert(is_kept(W, row, k));
    }
  }
  EXPECT_EQ(seen.size(), 2U);
}

TEST(Sparsity, ABandIsARing) {
  for (const auto& [density, before, behind] :
       {std::tuple{0.09, 1, 1}, {0.12, 2, 1}, {1e-9, 0, 0}}) {
    const Tensor W = drawn(density, Sparsity::band);
    for (std::int64_t row = 0; row < 3 * N; ++row) {
      for (std::int64_t k = 0; k < N; ++k) {
        const std::int64_t away = (k - row % N + N + N / 2) % N - N / 2;
        EXPECT_EQ(is_kept(W, row, k), away >= -before && away <= behind) << row << ' ' << k;
      }
    }
  }
}

/// A convolution's channels are kept with all of their taps.
TEST(Sparsity, OfAConvolutionIsByChannel) {
  Initialisation init;
  init.density = 0.5;
  init.sparsity = Sparsity::band;
  const FeedForwardProblem problem{
      .net = LayerNet::cnn, .L = 2, .B = 1, .N = 4, .dtype = Dtype::f64};
  const Tensor W = draw(problem, init, 1).at("W");
  for (std::size_t pair = 0; pair < W.size() / 9; ++pair) {
    const std::size_t row = pair / 4 % 4;
    const std::size_t column = pair % 4;
    for (std::size_t tap = 0; tap < 9; ++tap) {
      EXPECT_EQ(W.data[pair * 9 + tap] != 0, column == row || column == (row + 3) % 4);
    }
  }
}

TEST(Sparsity, LeavesTheVarianceOnTheMeanOverSeeds) {
  for (const Sparsity sparsity : {Sparsity::rows, Sparsity::blocks, Sparsity::band}) {
    double sum = 0;
    constexpr int seeds = 60;
    for (int seed = 1; seed <= seeds; ++seed) {
      for (const double w : drawn(0.3, sparsity, static_cast<std::uint64_t>(seed)).data) {
        sum += w * w;
      }
    }
    // Of the row sums' mean: 99 rows, or 75 blocks, each a coin of 0.3 over 0.3.
    const double pieces = (sparsity == Sparsity::rows ? 99 : 75) * seeds;
    const double deviation = std::sqrt((1 / 0.3 - 1) / pieces + 2.0 / (seeds * 99.0 * 10));
    EXPECT_NEAR(sum / (3.0 * N * seeds), 1, 5 * deviation) << name(sparsity);
  }
}

}  // namespace
}  // namespace gradepth
