#include "host/draw/initialise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <numeric>
#include <stdexcept>

#include "tests/draw/weights_files.h"

namespace gradepth {
namespace {

Tensors draw_elman(const char* init, std::int64_t H, std::uint64_t seed = 1, double density = 1,
                   bool share = true) {
  Initialisation what;
  what.W = parse_weight_init(init);
  what.density = density;
  const RecurrentProblem problem{
      .T = 3, .B = 2, .H = H, .project_input = false, .share = share, .dtype = Dtype::f64};
  return draw(problem, what, seed);
}

double mean_square(const Tensor& t) {
  double sum = 0;
  for (const double x : t.data) sum += x * x;
  return sum / static_cast<double>(t.size());
}

TEST(Initialise, GaussianHasItsVariance) {
  const Tensor W = draw_elman("gaussian:1.5", 300).at("Wh");
  // 90,000 draws: the relative standard error of the variance is √(2/n) = 0.5 %; five of them.
  EXPECT_NEAR(mean_square(W) * 300 / 2.25, 1.0, 0.024);
}

TEST(Initialise, AGainScalesTheSameDraws) {
  const Tensor one = draw_elman("gaussian:1", 20).at("Wh");
  const Tensor two = draw_elman("gaussian:2", 20).at("Wh");
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_DOUBLE_EQ(two.data[i], 2 * one.data[i]);
}

TEST(Initialise, SeedsDiffer) {
  EXPECT_NE(draw_elman("gaussian:1", 5, 1).at("Wh").data,
            draw_elman("gaussian:1", 5, 2).at("Wh").data);
  EXPECT_EQ(draw_elman("gaussian:1", 5, 7).at("Wh").data,
            draw_elman("gaussian:1", 5, 7).at("Wh").data);
}

TEST(Initialise, TheFirstFreshWIsTheSharedOne) {
  const Tensor shared = draw_elman("gaussian:1", 7).at("Wh");
  const Tensor fresh = draw_elman("gaussian:1", 7, 1, 1, false).at("Wh");
  EXPECT_TRUE(std::equal(shared.data.begin(), shared.data.end(), fresh.data.begin()));
  EXPECT_FALSE(std::equal(shared.data.begin(), shared.data.end(), fresh.data.begin() + 49));
}

TEST(Initialise, OrthogonalIsOrthogonal) {
  for (const std::int64_t n : {1, 2, 33}) {
    const Tensor W = draw_elman("orthogonal:0.9", n).at("Wh");
    for (std::int64_t i = 0; i < n; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        double dot = 0;
        for (std::int64_t k = 0; k < n; ++k) {
          dot += W.data[static_cast<std::size_t>(i * n + k)] *
                 W.data[static_cast<std::size_t>(j * n + k)];
        }
        EXPECT_NEAR(dot, i == j ? 0.81 : 0.0, 1e-14 * 33);
      }
    }
  }
}

/// A + I over its largest eigenvalue, A = RᵀR / n from the same stream; the eigenvalue by power
/// iteration, whose error after 3000 steps is (λ₂ / λ₁)^6000.
TEST(Initialise, NpIsNormalisedPositiveDefinite) {
  EXPECT_EQ(draw_elman("np", 1).at("Wh").data, std::vector<double>{1});
  constexpr std::size_t n = 33;
  const std::vector<double> W = draw_elman("np", n).at("Wh").data;
  // gaussian:√n has deviation 1.
  const std::vector<double> R = draw_elman("gaussian:5.744562646538029", n).at("Wh").data;
  const double largest = (1 + 1.0 / n *
                                  [&] {
                                    double square = 0;
                                    for (std::size_t k = 0; k < n; ++k)
                                      square += R[k * n] * R[k * n];
                                    return square;
                                  }()) /
                         W[0];
  std::vector<double> v(n, 1.0);
  double radius = 0;
  for (int step = 0; step < 3000; ++step) {
    std::vector<double> next(n, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) next[i] += W[i * n + j] * v[j];
    }
    radius = std::sqrt(std::inner_product(next.begin(), next.end(), next.begin(), 0.0));
    for (std::size_t i = 0; i < n; ++i) v[i] = next[i] / radius;
  }
  EXPECT_NEAR(radius, 1, 1e-12);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      double A = 0;
      for (std::size_t k = 0; k < n; ++k) A += R[k * n + i] * R[k * n + j] / n;
      EXPECT_NEAR(W[i * n + j] * largest, A + (i == j ? 1 : 0), 1e-12);
    }
  }
}

TEST(Initialise, SaxeNeedsItsNet) {
  EXPECT_EQ(parse_weight_init("saxe").kind, WeightInit::Kind::saxe);
  EXPECT_THROW(draw_elman("saxe", 3), std::invalid_argument);
}

TEST(Initialise, DensityKeepsTheVariance) {
  const Tensor W = draw_elman("gaussian:1", 400, 1, 0.1).at("Wh");
  const auto zeros = static_cast<double>(std::count(W.data.begin(), W.data.end(), 0.0));
  const auto n = static_cast<double>(W.size());
  EXPECT_NEAR(zeros / n, 0.9, 5 * std::sqrt(0.09 / n));
  // The square of a kept weight times a coin has variance (3/P - 1) of its mean squared.
  EXPECT_NEAR(mean_square(W) * 400, 1.0, 5 * std::sqrt(29.0 / n));
}

TEST(Initialise, LossGradientIsOneUnitVectorPerSample) {
  const Tensor dy = draw_elman("gaussian:1", 50).at("dy");  // [3, 2, 50], only the last step
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(dy.data[i], 0.0);
  for (const std::size_t begin : {200U, 250U}) {
    double norm2 = 0;
    for (std::size_t i = begin; i < begin + 50; ++i) norm2 += dy.data[i] * dy.data[i];
    EXPECT_NEAR(norm2, 1.0, 1e-14);
  }
}

TEST(Initialise, RoundsToTheFormatLast) {
  FeedForwardProblem problem{.L = 2, .B = 2, .N = 5, .dtype = Dtype::f64};
  const Tensor exact = draw(problem, {}, 1).at("W");
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    problem.dtype = dtype;
    const Tensor W = draw(problem, {}, 1).at("W");
    for (std::size_t i = 0; i < W.size(); ++i) EXPECT_EQ(W.data[i], round_to(dtype, exact.data[i]));
  }
}

TEST(Initialise, ForgetBiasGoesToTheSecondGate) {
  for (const RecurrentCell cell : std::initializer_list<RecurrentCell>{"lstm", "gru"}) {
    const RecurrentProblem problem{
        .cell = cell, .T = 1, .B = 1, .H = 3, .project_input = false, .dtype = Dtype::f64};
    Initialisation init;
    init.forget_bias = 2;
    const Tensor b = draw(problem, init, 1).at("b");
    for (std::size_t i = 0; i < b.size(); ++i) EXPECT_EQ(b.data[i], i / 3 == 1 ? 2.0 : 0.0);
  }
}

TEST(Initialise, ReadsAMatrixFile) {
  const TemporaryFile file("0.9, 1\r\n0,0.9\n");
  const std::string init = "file:" + file.path();
  const Tensor W = draw_elman(init.c_str(), 2).at("Wh");
  EXPECT_EQ(W.data, (std::vector<double>{0.9, 1, 0, 0.9}));
  EXPECT_THROW(draw_elman(init.c_str(), 3), std::invalid_argument);
}

TEST(Initialise, RefusesFilesThatAreNoMatrix) {
  const TemporaryFile file;
  const auto complaint = [&](const std::string& bytes) -> std::string {
    file.write(bytes);
    try {
      (void)parse_weight_init("file:" + file.path());
    } catch (const std::invalid_argument& error) {
      std::string message = error.what();
      for (const char c : message) EXPECT_TRUE(c >= ' ' && c <= '~') << message;
      EXPECT_LT(message.size(), 6 * 80 + 200U);  // 80 bytes of the file, at most as \\u0000
      return message;
    }
    return "nothing";
  };
  using testing::HasSubstr;
  for (const char* good : {"1", "1\n", "\n\n1 , 2\r\n\r\n3,4", " -1e-300,4.5E+2\n0,0\n  \n"}) {
    EXPECT_EQ(complaint(good), "nothing") << good;
  }
  for (const char* empty : {"", "\n\r\n", "   "}) {
    EXPECT_THAT(complaint(empty), HasSubstr("no numbers")) << empty;
  }
  EXPECT_THAT(complaint("1,2\n3\n"), HasSubstr("row 2 has 1 columns, the first has 2"));
  EXPECT_THAT(complaint("1\n2,3"), HasSubstr("row 2 has 2 columns"));
  for (const char* cell : {"x", "nan", "inf", "-inf", "", "1e999", "0x10", "1;2", "1 2", "+ 1"}) {
    EXPECT_THAT(complaint(std::string("5,6\n7,") + cell), HasSubstr("row 2, column 2")) << cell;
  }
  EXPECT_THAT(complaint(","), HasSubstr("row 1, column 1"));
  EXPECT_THAT(complaint("1\v\x1b[2J"), HasSubstr("\\u001b[2J"));
  // A million digits, or zeros, that are one number: no cell is read further than a number needs.
  EXPECT_THAT(complaint(std::string(1'000'000, '1')), HasSubstr("row 1, column 1"));
  EXPECT_THAT(complaint(std::string(399, '0') + "1"), HasSubstr("row 1, column 1"));
  EXPECT_THAT(complaint(std::string(1'000'000, '\0')), HasSubstr("row 1, column 1"));
}

TEST(Initialise, RefusesMatrixFilesThatAreNoFiles) {
  const TemporaryFile pipe;
  ASSERT_EQ(mkfifo(pipe.path().c_str(), 0600), 0);
  for (const std::string& path : {pipe.path(), testing::TempDir(), std::string("/dev/zero")}) {
    try {
      (void)parse_weight_init("file:" + path);
      ADD_FAILURE() << path;
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("not a regular file"));
    }
  }
}

TEST(Initialise, RefusesWhatItDoesNotKnow) {
  for (const char* bad :
       {"", "gauss:1", "gaussian", "gaussian:", "gaussian:x", "gaussian:inf", "gaussian:-1",
        "gaussian:0x1", "file:missing.csv", "he:2", "orthogonal:1e"}) {
    try {
      parse_weight_init(bad);
      FAIL() << bad;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("init"), std::string::npos) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
  for (const char* bad : {"sphere:1", "gaussian:-1", "gaussian:nan", "constant:inf"}) {
    EXPECT_THROW(parse_value_init(bad), std::invalid_argument) << bad;
  }
  EXPECT_EQ(parse_weight_init("identity:-1").scale, -1);
  EXPECT_EQ(parse_value_init("constant:-0.5").scale, -0.5);
}

}  // namespace
}  // namespace gradepth
