// The tiled matrix product against a plain float64 loop.
#include "kernels/linear/gemm.h"

#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

struct Case {
  std::int64_t m, n, k;
};

/// Runs one product on memory that starts `offset` elements off a 16-byte address, and compares.
void expect_product(Case size, bool transpose_a, bool transpose_b, float beta,
                    const StreamRef& stream = {}) {
  const auto [m, n, k] = size;
  const std::vector<float> A = normal(m * k, 1);
  const std::vector<float> B = normal(k * n, 2);
  // With beta = 0 the old C must not be read: it is NaN.
  const std::vector<float> C =
      beta == 0 ? std::vector<float>(length(m * n), nan) : normal(m * n, 3);
  const Memory A_memory(A, 1);
  const Memory B_memory(B, 3);
  const Memory C_memory(C, 1);
  gemm({transpose_a, transpose_b, m, n, k, A_memory.data(), B_memory.data(), beta, C_memory.data()},
       stream);
  const std::vector<float> result = C_memory.read();
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) {
      const std::size_t at = length(i * n + j);
      double sum = 0;
      double magnitude = 0;
      for (std::int64_t l = 0; l < k; ++l) {
        const double a = A[length(transpose_a ? l * m + i : i * k + l)];
        const double b = B[length(transpose_b ? j * k + l : l * n + j)];
        sum += a * b;
        magnitude += std::abs(a * b);
      }
      if (beta != 0) {
        sum += beta * static_cast<double>(C[at]);
        magnitude += std::abs(beta * static_cast<double>(C[at]));
      }
      // Higham, Accuracy and Stability, 3.5: k products and sums in any order.
      const double tolerance = static_cast<double>(k + 2) * unit * magnitude;
      expect_near(result[at], sum, tolerance, "C", at);
    }
  }
}

TEST(Gemm, IsTheProductForEveryShapeAndTranspose) {
  for (const std::int64_t m : {1, 7, 33}) {
    for (const std::int64_t n : {1, 7, 33}) {
      for (const std::int64_t k : {1, 7, 33}) {
        if (thread_sanitizer && m + n + k > 50) continue;  // slow there
        for (const bool transpose_a : {false, true}) {
          for (const bool transpose_b : {false, true}) {
            expect_product({m, n, k}, transpose_a, transpose_b, 0);
          }
        }
      }
    }
  }
  expect_product({200, 65, 200}, false, true, 0);
  expect_product({8, 200, 64}, true, false, 0);
}

TEST(Gemm, AddsToC) {
  for (const float beta : {1.F, -0.5F}) {
    expect_product({3, 40, 33}, false, true, beta);
    expect_product({33, 7, 5}, true, false, beta);
  }
}

TEST(Gemm, OfNothingIsZeroOrNothing) {
  expect_product({3, 4, 0}, false, false, 0);
  expect_product({0, 4, 3}, false, false, 0);
  expect_product({3, 0, 3}, false, false, 0);
}

TEST(Gemm, KeepsNaN) {
  std::vector<float> A = normal(9, 1);
  A[4] = nan;
  const Memory A_memory(A);
  const Memory B_memory(std::vector<float>(9, 0.F));
  const Memory<> C_memory(9);
  gemm({false, false, 3, 3, 3, A_memory.data(), B_memory.data(), 0, C_memory.data()}, {});
  const std::vector<float> C = C_memory.read();
  for (std::size_t i = 0; i < 9; ++i) EXPECT_EQ(std::isnan(C[i]), i / 3 == 1);
}

TEST(Gemm, HasTheSameBitsOnEverySchedule) {
  const Memory A(normal(33 * 70, 1));
  const Memory B(normal(70 * 40, 2));
  on_all_schedules([&](const StreamRef& stream) {
    const Memory<> C(33 * 40);
    gemm({false, false, 33, 40, 70, A.data(), B.data(), 0, C.data()}, stream);
    return C.read();
  });
}

}  // namespace
}  // namespace gradepth
