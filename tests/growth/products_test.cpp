#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <vector>

#include "host/draw/initialise.h"
#include "host/growth/jacobians/lyapunov.h"
#include "host/growth/jacobians/orthonormal.h"
#include "host/growth/jacobians/renormalised.h"
#include "host/growth/jacobians/scaled_triangle.h"
#include "host/growth/jacobians/singular_values.h"
#include "host/growth/states/states.h"
#include "host/growth/study/resolve.h"
#include "host/growth/theory/transient.h"
#include "host/providers/provider.h"
#include "host/text/not_finite.h"

/// Products of Jacobians: Lyapunov exponents, singular values, powers of one W, and the backward
/// pass that never leaves the format's range.
namespace gradepth::growth {
namespace {

using Kind = WeightInit::Kind;
using Numbers = std::vector<double>;

GrowthSpec make_spec(const char* net, Activation activation, Kind kind, double scale,
                     std::int64_t width, std::int64_t depth) {
  GrowthSpec spec;
  spec.net = Net::find(net).value();
  spec.activation = activation;
  spec.init.W = {kind, scale, {}};
  spec.width = width;
  spec.depth = depth;
  spec.dtype = Dtype::f64;
  return spec;
}

Tensors drawn_of(const GrowthSpec& spec, std::uint64_t seed = 1) {
  return draw(make_problem(spec), resolve(spec), seed);
}

/// A linear net with these matrices [L, n, n], and the singular values of its product.
Numbers ln_values_of(const Numbers& W, std::int64_t n) {
  const GrowthSpec spec = make_spec("mlp", "identity", Kind::gaussian, 1, n,
                                    static_cast<std::int64_t>(W.size()) / (n * n));
  Tensors drawn = drawn_of(spec);
  drawn.at("W").data = W;
  return ln_singular_values(*make_jacobians(spec, drawn), 3);
}

using Long = std::vector<long double>;  // [n, n], row-major

Long product(const Long& A, const Long& B, std::size_t n) {
  Long C(n * n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      for (std::size_t j = 0; j < n; ++j) C[i * n + j] += A[i * n + k] * B[k * n + j];
    }
  }
  return C;
}

/// A_L … A_1.
Long chain(const std::vector<Long>& factors, std::size_t n) {
  Long P = factors[0];
  for (std::size_t l = 1; l < factors.size(); ++l) P = product(factors[l], P, n);
  return P;
}

/// The largest singular value, by powers of PᵀP.
double ln_largest(const Long& P, std::size_t n) {
  Long v(n, 1);
  long double norm = 1;
  for (int i = 0; i < 3000; ++i) {
    Long Pv(n, 0);
    Long next(n, 0);
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < n; ++c) Pv[r] += P[r * n + c] * v[c];
    }
    for (std::size_t r = 0; r < n; ++r) {
      for (std::size_t c = 0; c < n; ++c) next[c] += P[r * n + c] * Pv[r];
    }
    norm = 0;
    for (const long double x : next) norm += x * x;
    norm = std::sqrt(norm);
    for (std::size_t c = 0; c < n; ++c) v[c] = next[c] / norm;
  }
  return static_cast<double>(0.5L * std::log(norm));
}

TEST(GrowthLyapunov, OrthogonalNetsHaveOneExponent) {
  for (const char* net : {"mlp", "elman"}) {
    for (const std::int64_t width : {1, 7, 33}) {
      for (const std::int64_t depth : {1, 33, 400}) {
        const GrowthSpec spec = make_spec(net, "identity", Kind::orthogonal, 0.03, width, depth);
        const Tensors drawn = drawn_of(spec);
        const auto count = static_cast<std::size_t>(width);
        const Numbers exponents = lyapunov_exponents(*make_jacobians(spec, drawn), count, 1);
        const auto theory = lyapunov_theory(spec, count);
        ASSERT_TRUE(theory);
        for (std::size_t i = 0; i < count; ++i) {
          EXPECT_NEAR(exponents[i], std::log(0.03), 1e-13) << net << width << ' ' << depth;
          EXPECT_DOUBLE_EQ(theory->exponents[i], std::log(0.03));
        }
      }
    }
  }
}

TEST(GrowthLyapunov, GaussianProducts) {
  const GrowthSpec spec = make_spec("mlp", "identity", Kind::gaussian, 1.5, 4, 20000);
  const Tensors drawn = drawn_of(spec);
  const Numbers exponents = lyapunov_exponents(*make_jacobians(spec, drawn), 4, 1);
  const auto theory = lyapunov_theory(spec, 4);
  ASSERT_TRUE(theory);
  // psi(1/2) = -gamma - 2 ln 2, psi(1) = -gamma, psi(x + 1) = psi(x) + 1/x.
  const double gamma = std::numbers::egamma;
  const double psi[] = {1 - gamma, 2 - gamma - 2 * std::numbers::ln2, -gamma,
                        -gamma - 2 * std::numbers::ln2};
  // ln R_ii is half a log-chi-square of k = N - i + 1 degrees: its variance is psi'(k/2) / 4.
  const double pi2 = std::numbers::pi * std::numbers::pi;
  const double trigamma[] = {pi2 / 6 - 1, pi2 / 2 - 4, pi2 / 6, pi2 / 2};
  for (std::size_t i = 0; i < 4; ++i) {
    const double expected = 0.5 * (psi[i] + std::log(2 * 2.25 / 4));
    EXPECT_NEAR(theory->exponents[i], expected, 1e-14);
    EXPECT_NEAR(exponents[i], expected, 4.5 * 0.5 * std::sqrt(trigamma[i] / 18000)) << i;
  }
}

/// One triangular W: the exponents are the ln of its diagonal, once the block is aligned.
TEST(GrowthLyapunov, PowersOfOneMatrix) {
  GrowthSpec spec = make_spec("elman", "identity", Kind::file, 1, 4, 900);
  spec.init.W.matrix = Tensor({4, 4}, {3, 1, -2, 5, 0, 0.5, 4, 1, 0, 0, -0.02, 2, 0, 0, 0, 1e-5});
  const Tensors drawn = drawn_of(spec);
  const Numbers exponents = lyapunov_exponents(*make_jacobians(spec, drawn), 4, 1);
  const double diagonal[] = {3, 0.5, 0.02, 1e-5};
  // R spreads over 5 digits and more per map: 1e-16 · 3e5 relative at worst in the last one.
  for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(exponents[i], std::log(diagonal[i]), 1e-9) << i;
  EXPECT_EQ(lyapunov_exponents(*make_jacobians(spec, drawn), 2, 1).size(), 2U);
  EXPECT_THROW((void)lyapunov_exponents(*make_jacobians(spec, drawn), 5, 1), std::invalid_argument);
}

TEST(GrowthLyapunov, SingularMapsEndTheSpectrum) {
  const GrowthSpec spec = make_spec("elman", "relu", Kind::identity, 1.1, 7, 50);
  Tensors drawn = drawn_of(spec);
  drawn.at("h0").data = {1, -1, 2, -2, -3, 3, -4};  // three units are on
  const auto jacobians = make_jacobians(spec, drawn);
  const Numbers exponents = lyapunov_exponents(*jacobians, 7, 1);
  const Numbers values = ln_singular_values(*jacobians, 1);
  for (std::size_t i = 0; i < 7; ++i) {
    if (i < 3) {
      EXPECT_NEAR(exponents[i], std::log(1.1), 1e-14);
      EXPECT_NEAR(values[i], 50 * std::log(1.1), 1e-12);
    } else {
      EXPECT_EQ(exponents[i], -infinity);
      EXPECT_EQ(values[i], -infinity);
    }
  }
  drawn.at("h0").data.assign(7, -1.0);  // none
  const auto dead = make_jacobians(spec, drawn);
  EXPECT_EQ(lyapunov_exponents(*dead, 2, 1), Numbers(2, -infinity));
  EXPECT_EQ(ln_singular_values(*dead, 1), Numbers(7, -infinity));
}

TEST(GrowthLyapunov, StatesThatRanOutGiveNone) {
  const GrowthSpec spec = make_spec("mlp", "softplus", Kind::identity, 50, 3, 1200);
  const Tensors drawn = drawn_of(spec);
  const auto jacobians = make_jacobians(spec, drawn);
  EXPECT_TRUE(std::isnan(lyapunov_exponents(*jacobians, 3, 1)[0]));
  EXPECT_TRUE(std::isnan(ln_singular_values(*jacobians, 1)[2]));
  EXPECT_FALSE(renormalised_path(spec, drawn, *jacobians));
}

TEST(GrowthLyapunov, GatePathOfAGru) {
  GrowthSpec spec = make_spec("gru", "tanh", Kind::constant, 0, 5, 60);
  spec.init.forget_bias = 2;
  const Tensors drawn = drawn_of(spec);
  const Numbers exponents = lyapunov_exponents(*make_jacobians(spec, drawn), 5, 1);
  for (const double x : exponents) EXPECT_NEAR(x, -std::log1p(std::exp(-2.0)), 1e-14);
}

TEST(GrowthSingularValues, OrthogonalNets) {
  for (const char* net : {"mlp", "elman"}) {
    for (const double rho : {0.01, 1.0, 30.0}) {
      for (const std::int64_t width : {1, 7, 33, 70}) {
        for (const std::int64_t depth : {1, 7, 500}) {
          if (depth == 500 && width > 7) continue;
          const GrowthSpec spec = make_spec(net, "identity", Kind::orthogonal, rho, width, depth);
          const Tensors drawn = drawn_of(spec);
          const Numbers values = ln_singular_values(*make_jacobians(spec, drawn), 2);
          ASSERT_EQ(values.size(), width > 64 ? 1U : static_cast<std::size_t>(width));
          for (const double x : values) {
            EXPECT_NEAR(x / static_cast<double>(depth), std::log(rho), 1e-13)
                << net << rho << ' ' << width << ' ' << depth;
          }
        }
      }
    }
  }
}

/// J_l = U_l D U_{l-1}ᵀ: the product has the values D^L, 1500 and more decades apart.
TEST(GrowthSingularValues, ProductsThatAreScaledBeyondAnyFormat) {
  constexpr std::size_t n = 5;
  constexpr std::size_t L = 300;
  const double D[n] = {3, 1, 0.9, 1e-2, 1e-5};
  Numbers W;
  Numbers U = random_orthonormal(n, n, 100);
  for (std::size_t l = 1; l <= L; ++l) {
    const Numbers next = random_orthonormal(n, n, 100 + l);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::size_t k = 0; k < n; ++k) sum += next[k * n + i] * D[k] * U[k * n + j];
        W.push_back(sum);
      }
    }
    U = next;
  }
  const Numbers values = ln_values_of(W, n);
  // Rounding of each map, ε · 3, against the least value of its own, 1e-5, adds up like √L.
  for (std::size_t k = 0; k < n; ++k) {
    EXPECT_NEAR(values[k] / static_cast<double>(L), std::log(D[k]), 1e-10) << k;
  }
}

TEST(GrowthSingularValues, DiagonalProducts) {
  Numbers W;
  double ln_expected[3] = {0, 0, 0};
  for (int l = 0; l < 40; ++l) {
    // The first half favours unit 0, the second unit 1.
    const double D[3] = {l < 20 ? 10 : 0.1, l < 20 ? 0.1 : 50, 1e-6};
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) W.push_back(i == j ? D[i] : 0);
      ln_expected[i] += std::log(D[i]);
    }
  }
  std::sort(std::begin(ln_expected), std::end(ln_expected), std::greater<>());
  const Numbers values = ln_values_of(W, 3);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_NEAR(values[i], ln_expected[i], 1e-8) << i;
}

/// σ1, σ1 σ2 and σ1 σ2 σ3 are the largest values of the products of the matrices, of their
/// cofactors, and of their determinants: none of them is small in its product.
TEST(GrowthSingularValues, GaussianProductAgainstCompounds) {
  constexpr std::size_t n = 3;
  const GrowthSpec spec = make_spec("mlp", "identity", Kind::gaussian, 1, n, 40);
  const Tensors drawn = drawn_of(spec, 8);
  std::vector<Long> factors;
  std::vector<Long> cofactors;
  long double ln_det = 0;
  for (std::size_t l = 0; l < 40; ++l) {
    const auto* w = &drawn.at("W").data[l * 9];
    Long M(w, w + 9);
    Long C(9);
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) {
        const std::size_t a = (i + 1) % 3;
        const std::size_t b = (i + 2) % 3;
        const std::size_t c = (j + 1) % 3;
        const std::size_t d = (j + 2) % 3;
        C[i * 3 + j] = M[a * 3 + c] * M[b * 3 + d] - M[a * 3 + d] * M[b * 3 + c];
      }
    }
    ln_det += std::log(std::abs(M[0] * C[0] + M[1] * C[1] + M[2] * C[2]));
    factors.push_back(std::move(M));
    cofactors.push_back(std::move(C));
  }
  const Numbers values = ln_singular_values(*make_jacobians(spec, drawn), 1);
  // 40 times ε by the spread of R's diagonal, 1e4 at most.
  EXPECT_NEAR(values[0], ln_largest(chain(factors, n), n), 1e-12);
  EXPECT_NEAR(values[0] + values[1], ln_largest(chain(cofactors, n), n), 1e-10);
  EXPECT_NEAR(values[0] + values[1] + values[2], static_cast<double>(ln_det), 1e-10);
  EXPECT_GT(values[0] - values[2], 30);  // far more than float64 resolves in the formed product
}

/// One map of rank 2 among six: the product has two values that are not 0.
TEST(GrowthSingularValues, RankOfTheProduct) {
  constexpr std::size_t n = 5;
  const GrowthSpec spec = make_spec("mlp", "identity", Kind::gaussian, 1, n, 6);
  Tensors drawn = drawn_of(spec);
  const Numbers left = random_orthonormal(n, 2, 1);
  const Numbers right = random_orthonormal(n, 2, 2);
  double* W = &drawn.at("W").data[2 * n * n];
  for (std::size_t i = 0; i < n * n; ++i) {
    W[i] = 2 * left[i / n] * right[i % n] + 0.5 * left[n + i / n] * right[n + i % n];
  }
  std::vector<Long> factors;
  for (std::size_t l = 0; l < 6; ++l) {
    const double* w = &drawn.at("W").data[l * n * n];
    factors.emplace_back(w, w + n * n);
  }
  const Long P = chain(factors, n);
  Long Pt(n * n);
  for (std::size_t i = 0; i < n * n; ++i) Pt[(i % n) * n + i / n] = P[i];
  const Long G = product(Pt, P, n);
  const Long G2 = product(G, G, n);
  long double trace = 0;
  long double trace2 = 0;
  for (std::size_t i = 0; i < n; ++i) {
    trace += G[i * n + i];
    trace2 += G2[i * n + i];
  }
  // σ1² + σ2² = tr G, σ1² σ2² = (tr² G - tr G²) / 2.
  const long double product2 = (trace * trace - trace2) / 2;
  const long double larger = (trace + std::sqrt(trace * trace - 4 * product2)) / 2;
  const Numbers values = ln_singular_values(*make_jacobians(spec, drawn), 1);
  EXPECT_NEAR(values[0], static_cast<double>(0.5L * std::log(larger)), 1e-12);
  EXPECT_NEAR(values[1], static_cast<double>(0.5L * std::log(product2 / larger)), 1e-12);
  for (std::size_t i = 2; i < n; ++i) EXPECT_EQ(values[i], -infinity);
}

TEST(GrowthSingularValues, OnlyTheLargestOfWideNets) {
  constexpr std::size_t n = 70;
  const GrowthSpec spec = make_spec("mlp", "identity", Kind::gaussian, 1, n, 6);
  const Tensors drawn = drawn_of(spec);
  std::vector<Long> factors;
  for (std::size_t l = 0; l < 6; ++l) {
    const double* w = &drawn.at("W").data[l * n * n];
    factors.emplace_back(w, w + n * n);
  }
  const Numbers values = ln_singular_values(*make_jacobians(spec, drawn), 1);
  ASSERT_EQ(values.size(), 1U);
  EXPECT_NEAR(values[0], ln_largest(chain(factors, n), n), 1e-8);
}

/// [[d1, d1], [0, d2]]: σ1 → √2 d1, σ2 → d2 / √2 as d2 / d1 → 0.
TEST(GrowthSingularValues, ScaledTriangle) {
  ScaledTriangle T(2);
  EXPECT_EQ(T.ln_singular_values(), Numbers(2, 0.0));
  T.multiply_left(Numbers{1, 1, 0, 1});
  for (int i = 0; i < 10; ++i) T.multiply_left(Numbers{1e200, 0, 0, 1e-200});
  const Numbers values = T.ln_singular_values();
  const double ln_d = 2000 * std::numbers::ln10;
  EXPECT_NEAR(values[0], ln_d + 0.5 * std::numbers::ln2, 1e-11);
  EXPECT_NEAR(values[1], -ln_d - 0.5 * std::numbers::ln2, 1e-11);
  T.keep(1);
  EXPECT_EQ(T.ln_singular_values().size(), 1U);
}

TEST(GrowthTransient, JordanBlock) {
  constexpr double lambda = 0.9;
  const Numbers W{lambda, 1, 0, lambda};
  // W^t = [[a, b], [0, a]]: σ1 = (b + √(b² + 4 a²)) / 2.
  const auto norm = [&](double t) {
    const double a = std::pow(lambda, t);
    const double b = t * std::pow(lambda, t - 1);
    return 0.5 * (b + std::sqrt(b * b + 4 * a * a));
  };
  double max = 0;
  std::size_t step = 0;
  for (std::size_t t = 1; t <= 200; ++t) {
    if (norm(static_cast<double>(t)) > max) {
      max = norm(static_cast<double>(t));
      step = t;
    }
  }
  const Transient transient = transient_growth(W, 2, 200);
  EXPECT_NEAR(std::exp(transient.ln_max) / max, 1, 1e-13);
  EXPECT_EQ(transient.step, step);
  EXPECT_NEAR(std::exp(transient.ln_last) / norm(200), 1, 1e-12);
  EXPECT_GT(step, 1U);
  EXPECT_LT(step, 20U);
  EXPECT_EQ(transient_growth(W, 2, 1).step, 1U);
}

TEST(GrowthTransient, NormalNilpotentAndExtremeMatrices) {
  const Transient rotation = transient_growth(Numbers{0, -1, 1, 0}, 2, 99);
  EXPECT_EQ(rotation.step, 1U);
  EXPECT_NEAR(rotation.ln_max, 0, 1e-15);
  const Transient nilpotent = transient_growth(Numbers{0, 1, 7, 0, 0, 1, 0, 0, 0}, 3, 9);
  EXPECT_EQ(nilpotent.ln_last, -infinity);
  EXPECT_EQ(nilpotent.step, 1U);
  EXPECT_EQ(transient_growth(Numbers(9, 0.0), 3, 9).ln_max, -infinity);
  const Transient tiny = transient_growth(Numbers{1e-250}, 1, 1000);
  EXPECT_NEAR(tiny.ln_last, -250000 * std::numbers::ln10, 1e-8);
  EXPECT_EQ(tiny.step, 1U);
  EXPECT_EQ(transient_growth(Numbers{-1e250}, 1, 1000).step, 1000U);
  EXPECT_TRUE(std::isnan(transient_growth(Numbers{std::nan("")}, 1, 3).ln_max));
  EXPECT_THROW((void)transient_growth(Numbers{1, 2}, 2, 3), std::invalid_argument);
}

TEST(GrowthTransient, WhichNetsShareAMatrix) {
  for (const char* net : {"mlp", "cnn", "residual", "elman", "lstm", "gru", "mgu"}) {
    for (const Kind kind : {Kind::gaussian, Kind::identity}) {
      GrowthSpec spec = make_spec(net, "tanh", kind, 1, 3, 2);
      const Tensors drawn = drawn_of(spec);
      const bool same = kind == Kind::identity;  // in every map, drawn anew or not
      const auto W = shared_matrix(spec, drawn);
      ASSERT_EQ(W.has_value(), spec.net == "elman" || (spec.net == "mlp" && same)) << net;
      for (const bool share : {false, true}) {
        spec.share = share;
        const Tensors again = drawn_of(spec);
        const auto found = shared_matrix(spec, again);
        ASSERT_EQ(found.has_value(), is_dense_chain(spec) && (share || same)) << net;
        if (found) {
          EXPECT_EQ(found->size(), 9U);
        }
      }
    }
  }
}

TEST(GrowthRenormalised, EqualsTheOrdinaryPassInRange) {
  static const Providers providers = make_providers({});
  for (const char* net : {"mlp", "cnn", "residual", "elman", "lstm", "gru", "mgu", "additive"}) {
    for (const std::int64_t batch : {1, 3}) {
      GrowthSpec spec = make_spec(net, "tanh", Kind::gaussian, 1.3, 5, 21);
      spec.batch = batch;
      spec.init.bias = {ValueInit::Kind::gaussian, 0.3};
      spec.init.loss_on = Initialisation::LossOn::both;
      spec.init.loss_scale = 100;
      if (spec.net == "additive") {
        spec.init.W = {Kind::constant, -0.4, {}};
        spec.form = batch == 1 ? AdditiveForm::sum : AdditiveForm{4};
      }
      const Tensors drawn = drawn_of(spec, 4);
      PlanPtr plan = std::get<PlanPtr>(find(providers, "reference")->plan(make_problem(spec)));
      plan->set(drawn);
      plan->run();
      const Tensor norm2 = plan->get("dh_norm2");
      const Numbers ln_norms = renormalised_path(spec, drawn, *make_jacobians(spec, drawn))->states;
      for (std::size_t d = 0; d <= 21; ++d) {
        EXPECT_NEAR(ln_norms[d], 0.5 * std::log(norm2.data[21 - d]), 1e-12) << net << batch << d;
      }
    }
  }
}

TEST(GrowthRenormalised, FollowsTheRateBeyondAnyFormat) {
  for (const double rho : {1e-3, 1e3}) {  // 1500 decades
    const GrowthSpec spec = make_spec("elman", "identity", Kind::orthogonal, rho, 7, 500);
    const Tensors drawn = drawn_of(spec);
    const Numbers ln_norms = renormalised_path(spec, drawn, *make_jacobians(spec, drawn))->states;
    for (const std::size_t d : {0U, 1U, 250U, 500U}) {
      EXPECT_NEAR(ln_norms[d], static_cast<double>(d) * std::log(rho), 1e-10) << rho << ' ' << d;
    }
  }
  // A scalar sigmoid chain: Σ ln |w f'(a_l)|.
  const GrowthSpec spec = make_spec("elman", "sigmoid", Kind::constant, -2, 1, 3000);
  const Tensors drawn = drawn_of(spec);
  const Numbers ln_norms = renormalised_path(spec, drawn, *make_jacobians(spec, drawn))->states;
  double h = drawn.at("h0").data[0];
  double sum = 0;
  for (int t = 0; t < 3000; ++t) {
    h = 1 / (1 + std::exp(2 * h));
    sum += std::log(2 * h * (1 - h));
  }
  EXPECT_NEAR(ln_norms[3000], sum, 1e-12 * std::abs(sum));
  EXPECT_LT(sum, -2000);
}

}  // namespace
}  // namespace gradepth::growth
