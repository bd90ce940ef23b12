#include "host/providers/reference/math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace gradepth::reference {
namespace {

Vector random_matrix(std::int64_t rows, std::int64_t cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  Vector x(static_cast<std::size_t>(rows * cols));
  for (double& v : x) v = normal(random);
  return x;
}

struct Size {
  std::int64_t M, N, K;
};
// Single rows and columns, more than one tile and panel, equal extents, more rows of B than one
// block has.
const Size sizes[] = {{1, 1, 1},     {1, 7, 33},    {7, 1, 33},    {33, 33, 33},
                      {6, 64, 64},   {13, 130, 65}, {64, 64, 64},  {5, 200, 700},
                      {70, 33, 520}, {3, 5, 0},     {200, 40, 300}};

/// Sums in order of k, rounded after each product and sum, or once for both (fused): products()
/// gives one of the two, entry by entry.
void expect_in_order(const Vector& C, const Vector& A, const Vector& B, Size s) {
  int plain_differs = 0;
  int fused_differs = 0;
  for (std::int64_t i = 0; i < s.M; ++i) {
    for (std::int64_t j = 0; j < s.N; ++j) {
      double plain = 0;
      double fused = 0;
      for (std::int64_t k = 0; k < s.K; ++k) {
        const double a = A[static_cast<std::size_t>(i * s.K + k)];
        const double b = B[static_cast<std::size_t>(k * s.N + j)];
        const volatile double product = a * b;  // not contracted
        plain += product;
        fused = std::fma(a, b, fused);
      }
      const double c = C[static_cast<std::size_t>(i * s.N + j)];
      plain_differs += c == plain ? 0 : 1;
      fused_differs += c == fused ? 0 : 1;
    }
  }
  EXPECT_EQ(std::min(plain_differs, fused_differs), 0) << s.M << " x " << s.N << " x " << s.K;
}

TEST(ReferenceProduct, AddsInOrderOfK) {
  for (const Size s : sizes) {
    const Vector A = random_matrix(s.M, s.K, 1);
    const Vector B = random_matrix(s.K, s.N, 2);
    Vector C(static_cast<std::size_t>(s.M * s.N), NAN);
    product({A.data(), s.M, s.K}, {B.data(), s.K, s.N}, C.data());
    expect_in_order(C, A, B, s);
  }
}

/// Sums in float32 lie as far from the true ones as √K roundings of a running sum take them.
TEST(ReferenceProduct, NarrowSumsErrAsFloat32Does) {
  for (const Size s : sizes) {
    const Vector A = random_matrix(s.M, s.K, 1);
    const Vector B = random_matrix(s.K, s.N, 2);
    Vector C(static_cast<std::size_t>(s.M * s.N), NAN);
    Vector narrow = C;
    const Rounding rounding{.dtype = Dtype::f32, .narrow_sums = true};
    product({A.data(), s.M, s.K}, {B.data(), s.K, s.N}, C.data());
    product({A.data(), s.M, s.K}, {B.data(), s.K, s.N}, narrow.data(), rounding);
    const auto K = static_cast<double>(s.K);
    double largest = 0;
    double off = 0;
    for (std::size_t i = 0; i < C.size(); ++i) {
      EXPECT_EQ(narrow[i], static_cast<float>(narrow[i]));
      largest = std::max(largest, std::abs(C[i]));
      off = std::max(off, std::abs(C[i] - narrow[i]));
    }
    EXPECT_LE(off, 0x1p-23 * (2 + 4 * std::sqrt(K)) * std::max(largest, std::sqrt(K)));
    if (K >= 256) {
      EXPECT_GT(off, 0x1p-24 * largest) << "sums run in float32";
    }
    const Vector At = transposed({A.data(), s.M, s.K});
    const Vector Bt = transposed({B.data(), s.K, s.N});
    Vector nt = C;
    Vector tn = C;
    product_nt({A.data(), s.M, s.K}, {Bt.data(), s.N, s.K}, nt.data(), rounding);
    product_tn({At.data(), s.K, s.M}, {B.data(), s.K, s.N}, tn.data(), rounding);
    EXPECT_EQ(narrow, nt);
    EXPECT_EQ(narrow, tn);
  }
}

TEST(ReferenceProduct, OfTransposesHasTheSameBits) {
  for (const Size s : sizes) {
    const Vector A = random_matrix(s.M, s.K, 1);
    const Vector B = random_matrix(s.K, s.N, 2);
    const Vector At = transposed({A.data(), s.M, s.K});
    const Vector Bt = transposed({B.data(), s.K, s.N});
    Vector C(static_cast<std::size_t>(s.M * s.N), NAN);
    Vector nt = C;
    Vector tn = C;
    product({A.data(), s.M, s.K}, {B.data(), s.K, s.N}, C.data());
    product_nt({A.data(), s.M, s.K}, {Bt.data(), s.N, s.K}, nt.data());
    product_tn({At.data(), s.K, s.M}, {B.data(), s.K, s.N}, tn.data());
    EXPECT_EQ(C, nt);
    EXPECT_EQ(C, tn);
  }
}

#ifdef _OPENMP
TEST(ReferenceProduct, HasTheSameBitsOnAnyNumberOfThreads) {
  for (const Size s : sizes) {
    const Vector A = random_matrix(s.M, s.K, 1);
    const Vector B = random_matrix(s.K, s.N, 2);
    Vector several(static_cast<std::size_t>(s.M * s.N), NAN);
    Vector one = several;
    product({A.data(), s.M, s.K}, {B.data(), s.K, s.N}, several.data());
#pragma omp parallel num_threads(2)
#pragma omp single
    product({A.data(), s.M, s.K}, {B.data(), s.K, s.N},
            one.data());  // a team within a team has one thread
    EXPECT_EQ(several, one);
  }
}
#endif

}  // namespace
}  // namespace gradepth::reference
