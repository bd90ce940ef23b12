#include "bench/limits.h"

#include <unistd.h>

#include <algorithm>
#include <vector>

#include "bench/measure.h"

namespace gradepth {
namespace {

double last_level_cache_bytes() {
  const long bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
  return bytes > 0 ? static_cast<double>(bytes) : 32e6;
}

double triad_bandwidth() {
  constexpr std::int64_t n = 1 << 24;  // 64 MiB per array
  std::vector<float> a(n), b(n), c(n);
  float* pa = a.data();
  float* pb = b.data();
  float* pc = c.data();
#ifdef _OPENMP
#pragma omp parallel for schedule(static)
#endif
  for (std::int64_t i = 0; i < n; ++i) {  // first touch by the thread that will use the page
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
  const MeasureOptions options{.min_seconds = 0.05, .max_seconds = 0.2};
  return 3.0 * n * sizeof(float) / measure({{triad, {}}}, options)[0].min;
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
        for (int k = 0; k < chains; ++k) x[k] = x[k] * scale + add;
      }
      for (int k = 0; k < chains; ++k) sum += x[k][0];
    }
    threads = team;
    sink += sum;
  };
  const MeasureOptions options{.min_seconds = 0.02, .max_seconds = 0.1};
  const double seconds = measure({{work, {}}}, options)[0].min;
  volatile float keep = sink;  // the loop must not be optimised away
  (void)keep;
  return 2.0 * 16 * chains * steps * threads / seconds;
}

}  // namespace

Limits measure_limits() {
  Limits best;
  for (int attempt = 0; attempt < 3; ++attempt) {  // another program can only make it look slower
    best.bytes_per_second = std::max(best.bytes_per_second, triad_bandwidth());
    best.flops_per_second = std::max(best.flops_per_second, fma_peak());
  }
  return best;
}

double least_seconds(const Limits& limits, const Problem& problem, double bytes) {
  const double traffic = bytes > last_level_cache_bytes() ? bytes : 0;
  return std::max(traffic / limits.bytes_per_second, flops(problem) / limits.flops_per_second);
}

}  // namespace gradepth
