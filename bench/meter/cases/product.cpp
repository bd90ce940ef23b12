// The readable tiled products, for information: on a GPU cuBLAS and cuDNN do their work.
#include "bench/meter/cases/case.h"
#include "kernels/linear/convolution.h"
#include "kernels/linear/gemm.h"

namespace gradepth {
namespace {

/// Of a sum of k products of numbers about 1, added one after the other in fp32.
double sum_tolerance(std::int64_t k) { return 8 * 0x1p-24 * static_cast<double>(k); }

void run_gemm(Run& run, std::int64_t m, std::int64_t n, std::int64_t k) {
  const Array A = run.normal("A", m * k);
  const Array B = run.normal("B", k * n);
  const Array C = run.array("C", m * n);
  gemm({.m = m, .n = n, .k = k, .A = A.data(), .B = B.data(), .C = C.data()}, run.stream());
  for (std::size_t e = 0; e < C.size(); ++e) {
    const std::size_t i = e / static_cast<std::size_t>(n);
    const std::size_t j = e % static_cast<std::size_t>(n);
    double sum = 0;
    for (std::size_t l = 0; l < static_cast<std::size_t>(k); ++l) {
      sum += static_cast<double>(A[i * static_cast<std::size_t>(k) + l]) *
             static_cast<double>(B[l * static_cast<std::size_t>(n) + j]);
    }
    run.compare("C", e, C[e], sum, sum_tolerance(k));
  }
}

void run_convolution(Run& run, std::int64_t B, std::int64_t N) {
  const Array W = run.normal("W", N * N * conv_taps);
  const Array h = run.normal("h", B * N * conv_pixels);
  const Array a = run.array("a", B * N * conv_pixels);
  convolution_forward(B, N, W.data(), h.data(), a.data(), run.stream());
  for (std::size_t e = 0; e < a.size(); ++e) {
    const auto at = static_cast<std::int64_t>(e);
    const std::int64_t x = at % conv_image;
    const std::int64_t y = at / conv_image % conv_image;
    const std::int64_t o = at / conv_pixels % N;
    const std::int64_t b = at / conv_pixels / N;
    double sum = 0;
    for (std::int64_t i = 0; i < N; ++i) {
      for (std::int64_t tap = 0; tap < conv_taps; ++tap) {
        const std::int64_t v = (y + tap / conv_kernel - 1 + conv_image) % conv_image;
        const std::int64_t u = (x + tap % conv_kernel - 1 + conv_image) % conv_image;
        sum += static_cast<double>(W[static_cast<std::size_t>((o * N + i) * conv_taps + tap)]) *
               static_cast<double>(
                   h[static_cast<std::size_t>((b * N + i) * conv_pixels + v * conv_image + u)]);
      }
    }
    run.compare("a", e, a[e], sum, sum_tolerance(N * conv_taps));
  }
}

}  // namespace

void add_product_cases(std::vector<Case>& cases) {
  constexpr std::int64_t m = 64;
  cases.push_back({.name = "gemm/f32/m64_n64_k64",
                   .dtype = "f32",
                   .unit = "output",
                   .units = m * m,
                   .floor_bytes = 4.0 * 3 * m * m,
                   .floor_formula = "A, B in; C out",
                   .flops = 2.0 * m * m * m,
                   .run = [](Run& run) { run_gemm(run, m, m, m); }});
  constexpr std::int64_t B = 4;
  constexpr std::int64_t N = 16;
  cases.push_back({.name = "convolution/forward/f32/B4_N16",
                   .dtype = "f32",
                   .unit = "output",
                   .units = B * N * conv_pixels,
                   .floor_bytes = 4.0 * (N * N * conv_taps + 2 * B * N * conv_pixels),
                   .floor_formula = "W, h in; a out",
                   .flops = 2.0 * B * N * N * conv_taps * conv_pixels,
                   .run = [](Run& run) { run_convolution(run, B, N); }});
}

}  // namespace gradepth
