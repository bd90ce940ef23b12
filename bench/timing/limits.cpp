#include "bench/timing/limits.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "bench/timing/measure.h"
#include "host/device/peak_loops.h"
#include "host/device/threads.h"

namespace gradepth {
namespace {

/// The part of [0, n) that is this worker's.
struct Part {
  std::ptrdiff_t begin, end;
  Part(std::ptrdiff_t n, const Worker& worker)
      : begin(n * worker.id() / worker.count()), end(n * (worker.id() + 1) / worker.count()) {}
};

constexpr std::ptrdiff_t smallest = 1 << 14;  // floats in one array: 192 KiB in all three
constexpr std::ptrdiff_t largest = 1 << 26;   // 768 MiB
constexpr std::ptrdiff_t step = 8;

/// Three arrays and what STREAM's triad makes of them.
class Triad {
 public:
  explicit Triad(int threads)
      : threads_(threads), a_(new float[largest]), b_(new float[largest]), c_(new float[largest]) {}

  /// Bytes per second of the triad over the first `n` floats of each array.
  double bandwidth(std::ptrdiff_t n) {
    touch(n);
    // A sample that takes some milliseconds is nearly always preempted on a busy machine: the
    // largest arrays are gone through in pieces.
    const std::ptrdiff_t piece = std::min(n, std::ptrdiff_t{1} << 20);
    std::ptrdiff_t at = 0;
    const auto triad = [&] {
      parallel(threads_, [&](const Worker& worker) {
        const Part part(piece, worker);
        const std::ptrdiff_t first = at + part.begin;
        loops_.triad(a_.get() + first, b_.get() + first, c_.get() + first, 3.0F,
                     part.end - part.begin);
      });
      at = (at + piece) % n;
    };
    const MeasureOptions options{.min_seconds = 0.01, .max_seconds = 0.1, .block_gap = 2e-3};
    const double bytes = 3.0 * static_cast<double>(piece) * sizeof(float);
    return bytes / measure({{triad}}, options)[0].min;
  }

 private:
  /// The thread that will use a part touches it first.
  void touch(std::ptrdiff_t n) {
    if (n <= touched_) return;
    parallel(threads_, [&](const Worker& worker) {
      const Part part(n, worker);
      std::fill(a_.get() + part.begin, a_.get() + part.end, 0.0F);
      std::fill(b_.get() + part.begin, b_.get() + part.end, 1.0F);
      std::fill(c_.get() + part.begin, c_.get() + part.end, 2.0F);
    });
    touched_ = n;
  }

  const PeakLoops& loops_ = peak_loops();
  int threads_;
  std::unique_ptr<float[]> a_, b_, c_;  // not touched before touch()
  std::ptrdiff_t touched_ = 0;
};

/// Multiply-adds per second on registers, by the median or the least of the samples' times.
double fma_rate(int threads, const MeasureOptions& options, double Timing::*statistic) {
  constexpr int steps = 40000;
  const PeakLoops& loops = peak_loops();
  std::vector<PeakLoops::Work> done(static_cast<std::size_t>(threads));
  const auto work = [&] {
    parallel(threads, [&](const Worker& worker) {
      done[static_cast<std::size_t>(worker.id())] = loops.multiply_add(steps);
    });
  };
  const double seconds = measure({{work}}, options)[0].*statistic;
  double flops = 0;
  for (const PeakLoops::Work& part : done) flops += part.flops;
  return flops / seconds;
}

double fma_peak(int threads) {
  const MeasureOptions options{.min_seconds = 0.02, .max_seconds = 0.1, .block_gap = 2e-3};
  return fma_rate(threads, options, &Timing::min);
}

/// Takes what three more tries measured above the limits so far.
void raise(Limits& limits) {
  const int threads = available_threads();
  Triad triad(threads);
  for (int attempt = 0; attempt < 3; ++attempt) {  // another program can only make it look slower
    for (Bandwidth& b : limits.bandwidth) {
      const auto n = static_cast<std::ptrdiff_t>(b.working_set / (3 * sizeof(float)));
      b.bytes_per_second = std::max(b.bytes_per_second, triad.bandwidth(n));
    }
    limits.flops_per_second = std::max(limits.flops_per_second, fma_peak(threads));
  }
}

}  // namespace

Limits measure_limits(double most) {
  Limits limits;
  for (std::ptrdiff_t n = smallest; n <= largest; n *= step) {
    const double bytes = 3.0 * static_cast<double>(n) * sizeof(float);
    if (n > smallest && bytes > most) break;
    limits.bandwidth.push_back({bytes, 0});
  }
  raise(limits);
  return limits;
}

double pace() {
  const MeasureOptions options{.min_seconds = 5e-3, .max_seconds = 0.02, .block_gap = 1e-3};
  return fma_rate(available_threads(), options, &Timing::median);
}

bool improve(Limits& limits) {
  constexpr int most = 4;
  if (limits.improved == most) return false;
  ++limits.improved;
  raise(limits);
  return true;
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
