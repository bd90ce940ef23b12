#include "bench/limits.h"

#include <algorithm>
#include <vector>

#include "bench/measure.h"

namespace gradepth {
namespace {

/// Bytes per second of the triad over three arrays of `n` floats.
double triad_bandwidth(std::int64_t n) {
  const auto size = static_cast<std::size_t>(n);
  std::vector<float> a(size);
  std::vector<float> b(size);
  std::vector<float> c(size);
  float* pa = a.data();
  float* pb = b.data();
  float* pc = c.data();
#ifdef _OPENMP
#pragma omp parallel for schedule(static)
#endif
  for (std::int64_t i = 0; i < n; ++i) {  // the thread that will use a part touches it first
    pa[i] = 0;
    pb[i] = 1;
    pc[i] = 2;
  }
  const auto triad = [=] {
#ifdef _OPENMP
#pragma omp parallel for schedule(static)
#endif
    for (std::int64_t i = 0; i < n; ++i) pa[i] = pb[i] + 3.0F * pc[i];
  };
  const MeasureOptions options{.min_seconds = 0.01, .max_seconds = 0.1};
  const double bytes = 3.0 * static_cast<double>(n) * sizeof(float);
  return bytes / measure({{triad, {}}}, options)[0].min;
}

double fma_peak() {
  // As many independent chains as hide the latency of a fused multiply-add: 12 vectors of 64 bytes.
  using Vector [[gnu::vector_size(64)]] = float;
  constexpr int chains = 12;
  constexpr int steps = 20000;
  int threads = 1;
  float sink = 0;
  const auto work = [&] {
    float sum = 0;
    int team = 0;
#ifdef _OPENMP
#pragma omp parallel reduction(+ : sum, team)
#endif
    {
      team += 1;
      Vector x[chains];
      for (int k = 0; k < chains; ++k) x[k] = Vector{} + 1e-3F * static_cast<float>(k);
      const Vector scale = Vector{} + 0.999F;
      const Vector add = Vector{} + 1e-3F;
      for (int i = 0; i < steps; ++i) {
#pragma GCC unroll 12
        for (Vector& chain : x) chain = chain * scale + add;
      }
      for (const Vector& chain : x) sum += chain[0];
    }
    threads = team;
    sink += sum;
  };
  const MeasureOptions options{.min_seconds = 0.02, .max_seconds = 0.1};
  const double seconds = measure({{work, {}}}, options)[0].min;
  const volatile float keep = sink;  // the loop must not be optimised away
  (void)keep;
  return 2.0 * 16 * chains * steps * threads / seconds;
}

}  // namespace

Limits measure_limits() {
  Limits best;
  for (std::int64_t n = 1 << 14; n <= 1 << 26; n *= 8) {  // 192 KiB … 768 MiB in all
    best.bandwidth.push_back({3.0 * static_cast<double>(n) * sizeof(float), 0});
  }
  for (int attempt = 0; attempt < 3; ++attempt) {  // another program can only make it look slower
    for (Bandwidth& b : best.bandwidth) {
      const auto n = static_cast<std::int64_t>(b.working_set / (3 * sizeof(float)));
      b.bytes_per_second = std::max(b.bytes_per_second, triad_bandwidth(n));
    }
    best.flops_per_second = std::max(best.flops_per_second, fma_peak());
  }
  return best;
}

double least_seconds(const Limits& limits, const Problem& problem, double bytes) {
  const double held = working_set(problem);
  double rate = limits.bandwidth.front().bytes_per_second;
  for (const Bandwidth& b : limits.bandwidth) {
    if (b.working_set <= held) rate = b.bytes_per_second;
  }
  return std::max(bytes / rate, flops(problem) / limits.flops_per_second);
}

}  // namespace gradepth
