#include "host/device/panel_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "host/device/vector_target.h"

namespace gradepth {
namespace {

template <class T>
class PanelProductTest : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(PanelProductTest, Numbers);

template <class T>
std::vector<T> random_numbers(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<T> normal;
  std::vector<T> x(n);
  for (T& v : x) v = normal(random);
  return x;
}

// Every number of rows and columns up to two tiles: what belongs to C is the sum, and nothing
// beside it is written, though the storage behind each row goes on.
TYPED_TEST(PanelProductTest, IsTheSumForEverySizeAndTouchesNothingElse) {
  using T = TypeParam;
  const PanelKernel<T>& kernel = panel_kernel<T>();
  const std::ptrdiff_t width = kernel.width;
  for (const std::ptrdiff_t K : {0, 1, 2, 3, 4, 5, 33}) {
    const auto panel = random_numbers<T>(static_cast<std::size_t>((K + 1) * width), 1);
    for (std::ptrdiff_t rows = 1; rows <= 13; ++rows) {
      const std::ptrdiff_t lda = K + 3;
      const auto A = random_numbers<T>(static_cast<std::size_t>(rows * lda), 2);
      for (const std::ptrdiff_t columns : {std::ptrdiff_t{1}, width - 1, width}) {
        if (columns < 1) continue;
        const std::ptrdiff_t ldc = width + 5;
        const auto init = random_numbers<T>(static_cast<std::size_t>(rows * ldc), 3);
        const auto bias = random_numbers<T>(static_cast<std::size_t>(columns), 4);
        constexpr T guard = -12345;
        std::vector<T> C(static_cast<std::size_t>(rows * ldc), guard);
        kernel.multiply({A.data(), lda, rows, K, panel.data(), width, columns, init.data(), ldc,
                         bias.data(), C.data(), ldc});
        for (std::ptrdiff_t r = 0; r < rows; ++r) {
          for (std::ptrdiff_t j = 0; j < ldc; ++j) {
            const auto at = static_cast<std::size_t>(r * ldc + j);
            if (j >= columns) {
              ASSERT_EQ(C[at], guard) << "written beside C: row " << r << ", column " << j;
              continue;
            }
            long double sum =
                static_cast<long double>(init[at]) + bias[static_cast<std::size_t>(j)];
            long double magnitude = std::abs(sum);
            for (std::ptrdiff_t k = 0; k < K; ++k) {
              const long double term =
                  static_cast<long double>(A[static_cast<std::size_t>(r * lda + k)]) *
                  panel[static_cast<std::size_t>(k * width + j)];
              sum += term;
              magnitude += std::abs(term);
            }
            // One rounding per operation, each at most eps/2 of the sum of magnitudes.
            const long double bound =
                static_cast<long double>(K + 3) * std::numeric_limits<T>::epsilon() * magnitude;
            ASSERT_LE(std::abs(static_cast<long double>(C[at]) - sum), bound)
                << "K " << K << ", rows " << rows << ", columns " << columns << ", at " << r << ", "
                << j;
          }
        }
      }
    }
  }
}

TYPED_TEST(PanelProductTest, StartsFromNothingWithoutInitAndBias) {
  using T = TypeParam;
  const PanelKernel<T>& kernel = panel_kernel<T>();
  const std::vector<T> A{2, 3};
  std::vector<T> panel(static_cast<std::size_t>(2 * kernel.width), 1);
  std::vector<T> C(static_cast<std::size_t>(kernel.width), std::numeric_limits<T>::quiet_NaN());
  kernel.multiply({A.data(), 2, 1, 2, panel.data(), kernel.width, kernel.width, nullptr, 0, nullptr,
                   C.data(), kernel.width});
  for (const T c : C) EXPECT_EQ(c, T{5});
}

TEST(VectorTarget, IsOneOfThosePresent) {
  const std::vector<std::string> present = vector_targets();
  EXPECT_NE(std::find(present.begin(), present.end(), vector_target()), present.end());
}

}  // namespace
}  // namespace gradepth
