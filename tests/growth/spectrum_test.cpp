#include "host/growth/theory/spectrum.h"

#include <gtest/gtest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "host/draw/initialise.h"
#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

TEST(GrowthSpectrum, RadiusOfMatricesWithKnownEigenvalues) {
  EXPECT_EQ(spectral_radius({}, 0), 0);
  EXPECT_EQ(spectral_radius(std::vector{-0.25}, 1), 0.25);
  EXPECT_DOUBLE_EQ(spectral_radius(std::vector{0.9, 1.0, 0.0, 0.9}, 2), 0.9);  // Jordan block
  EXPECT_EQ(spectral_radius(std::vector(49, 0.0), 7), 0);
  // Complex pair a ± ib.
  EXPECT_NEAR(spectral_radius(std::vector{3.0, -4.0, 4.0, 3.0}, 2), 5, 1e-14);
  // Circulant of first row c: Σ c_k ω^(jk). One step of a cycle plus 1/2: largest 3/2.
  const std::size_t n = 33;
  std::vector<double> circulant(n * n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    circulant[i * n + i] = 0.5;
    circulant[i * n + (i + 1) % n] += 1;
  }
  EXPECT_NEAR(spectral_radius(circulant, n), 1.5, 1e-13);
  // The companion matrix of r² = w (r + 1), as rows.
  const double w = 0.3;
  EXPECT_NEAR(spectral_radius(std::vector{w, w, 1.0, 0.0}, 2), (w + std::sqrt(w * w + 4 * w)) / 2,
              1e-15);
}

TEST(GrowthSpectrum, RadiusScalesWithTheMatrix) {
  RecurrentProblem problem{.T = 1, .B = 1, .H = 33, .dtype = Dtype::f64};
  Initialisation init;
  init.W = {WeightInit::Kind::orthogonal, 1, {}};
  const std::vector<double> Q = draw(problem, init, 3).at("Wh").data;
  for (const double rho : {1.0, 1e-200, 1e200, -0.7}) {
    std::vector<double> W(Q);
    for (double& v : W) v *= rho;
    EXPECT_NEAR(spectral_radius(W, 33) / std::abs(rho), 1, 1e-13) << rho;
  }
}

TEST(GrowthSpectrum, RefusesWhatHasNoEigenvalues) {
  EXPECT_TRUE(std::isnan(spectral_radius(std::vector{1.0, 0.0, 0.0, std::nan("")}, 2)));
  EXPECT_TRUE(std::isnan(spectral_radius(std::vector{infinity}, 1)));
  EXPECT_THROW((void)spectral_radius(std::vector{1.0, 2.0, 3.0}, 2), std::invalid_argument);
}

}  // namespace
}  // namespace gradepth::growth
