// The convolution and its two gradients against plain float64 loops.
#include "kernels/linear/convolution.h"

#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

/// Calls f(to, from, weight) for every term of the convolution: the output element, the input
/// element and the weight between them. Kernel not flipped, image a torus.
template <class F>
void for_each_term(std::int64_t B, std::int64_t N, F f) {
  constexpr std::int64_t side = 8;
  for (std::int64_t b = 0; b < B; ++b)
    for (std::int64_t o = 0; o < N; ++o)
      for (std::int64_t i = 0; i < N; ++i)
        for (std::int64_t y = 0; y < side; ++y)
          for (std::int64_t x = 0; x < side; ++x)
            for (std::int64_t u = 0; u < 3; ++u)
              for (std::int64_t v = 0; v < 3; ++v) {
                const std::int64_t from_y = (y + u - 1 + side) % side;
                const std::int64_t from_x = (x + v - 1 + side) % side;
                f(length(((b * N + o) * side + y) * side + x),
                  length(((b * N + i) * side + from_y) * side + from_x),
                  length(((o * N + i) * 3 + u) * 3 + v));
              }
}

/// A sum in float64 with the sum of its terms' sizes.
struct Sums {
  explicit Sums(std::size_t n) : sum(n), magnitude(n) {}
  void add(std::size_t i, double term) {
    sum[i] += term;
    magnitude[i] += std::abs(term);
  }
  void expect(const std::vector<float>& actual, std::int64_t terms, const char* what) const {
    ASSERT_EQ(actual.size(), sum.size());
    for (std::size_t i = 0; i < sum.size(); ++i) {
      const double tolerance = static_cast<double>(terms + 1) * unit * magnitude[i];
      expect_near(actual[i], sum[i], tolerance, what, i);
    }
  }
  std::vector<double> sum;
  std::vector<double> magnitude;
};

struct Case {
  std::int64_t B, N;
};
constexpr Case cases[] = {{1, 1}, {3, 1}, {1, 7}, {2, 9}, {3, 16}};

TEST(Convolution, ForwardIsTheFormula) {
  for (const auto& [B, N] : cases) {
    const std::vector<float> W = normal(N * N * 9, 1);
    const std::vector<float> h = normal(B * N * 64, 2);
    Sums expected(h.size());
    for_each_term(B, N, [&](std::size_t to, std::size_t from, std::size_t w) {
      expected.add(to, static_cast<double>(W[w]) * static_cast<double>(h[from]));
    });
    const Memory W_memory(W, 1);
    const Memory h_memory(h);
    expected.expect(on_all_schedules([&, B = B, N = N](const StreamRef& stream) {
                      const Memory<> a(B * N * 64);
                      convolution_forward(B, N, W_memory.data(), h_memory.data(), a.data(), stream);
                      return a.read();
                    }),
                    9 * N, "a");
  }
}

TEST(Convolution, BackwardDataIsTheFormula) {
  for (const auto& [B, N] : cases) {
    const std::vector<float> W = normal(N * N * 9, 1);
    const std::vector<float> da = normal(B * N * 64, 2);
    Sums expected(da.size());
    for_each_term(B, N, [&](std::size_t to, std::size_t from, std::size_t w) {
      expected.add(from, static_cast<double>(W[w]) * static_cast<double>(da[to]));
    });
    const Memory W_memory(W);
    const Memory da_memory(da, 1);
    expected.expect(on_all_schedules([&, B = B, N = N](const StreamRef& stream) {
                      const Memory<> dh(B * N * 64);
                      convolution_backward_data(B, N, W_memory.data(), da_memory.data(), dh.data(),
                                                stream);
                      return dh.read();
                    }),
                    9 * N, "dh");
  }
}

TEST(Convolution, BackwardWeightsIsTheFormula) {
  for (const auto& [B, N] : cases) {
    const std::vector<float> da = normal(B * N * 64, 1);
    const std::vector<float> h = normal(B * N * 64, 2);
    Sums expected(length(N * N * 9));
    for_each_term(B, N, [&](std::size_t to, std::size_t from, std::size_t w) {
      expected.add(w, static_cast<double>(da[to]) * static_cast<double>(h[from]));
    });
    const Memory da_memory(da);
    const Memory h_memory(h);
    expected.expect(on_all_schedules([&, B = B, N = N](const StreamRef& stream) {
                      const Memory<> dW(N * N * 9, 1);
                      convolution_backward_weights(B, N, da_memory.data(), h_memory.data(),
                                                   dW.data(), stream);
                      return dW.read();
                    }),
                    64 * B, "dW");
  }
}

}  // namespace
}  // namespace gradepth
