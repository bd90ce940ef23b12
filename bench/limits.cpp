#include "bench/limits.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "bench/measure.h"
#include "host/peak_loops.h"
#include "host/threads.h"

namespace gradepth {
namespace {

/// Bytes per second of the triad over three arrays of `n` floats.
double triad_bandwidth(std::int64_t n) {
  const auto size = static_cast<std::size_t>(n);
  // Without values: the thread that will use a part touches it first.
  const auto a = std::make_unique_for_overwrite<float[]>(size);
  const auto b = std::make_unique_for_overwrite<float[]>(size);
  const auto c = std::make_unique_for_overwrite<float[]>(size);
  const auto for_parts = [n](auto&& f) {
    parallel(available_threads(), [&](const Worker& worker) {
      const std::int64_t first = n * worker.id() / worker.count();
      f(first, n * (worker.id() + 1) / worker.count() - first);
    });
  };
  for_parts([&](std::int64_t first, std::int64_t count) {
    std::fill_n(a.get() + first, count, 0.0F);
    std::fill_n(b.get() + first, count, 1.0F);
    std::fill_n(c.get() + first, count, 2.0F);
  });
  const PeakLoops& loops = peak_loops();
  const auto triad = [&] {
    for_parts([&](std::int64_t first, std::int64_t count) {
      loops.triad(a.get() + first, b.get() + first, c.get() + first, 3.0F, count);
    });
  };
  const MeasureOptions options{.min_seconds = 0.01, .max_seconds = 0.1};
  const double bytes = 3.0 * static_cast<double>(n) * sizeof(float);
  return bytes / measure({{triad, {}}}, options)[0].min;
}

double fma_peak() {
  constexpr int steps = 40000;
  const PeakLoops& loops = peak_loops();
  std::vector<PeakLoops::Work> done(static_cast<std::size_t>(available_threads()));
  const auto work = [&] {
    parallel(static_cast<int>(done.size()), [&](const Worker& worker) {
      done[static_cast<std::size_t>(worker.id())] = loops.multiply_add(steps);
    });
  };
  const MeasureOptions options{.min_seconds = 0.02, .max_seconds = 0.1};
  const double seconds = measure({{work, {}}}, options)[0].min;
  double flops = 0;
  for (const PeakLoops::Work& part : done) flops += part.flops;
  return flops / seconds;
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
