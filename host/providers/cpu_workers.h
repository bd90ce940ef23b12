#pragma once

#include <cstdint>

#include "host/threads.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

/// What a plan of the CPU providers sets up around a run: number of threads, subnormals.
namespace gradepth::cpu {

/// Control word of the floating-point unit of this thread.
inline std::uint32_t float_control() {
#if defined(__SSE2__)
  return _mm_getcsr();
#else
  return 0;
#endif
}
inline void set_float_control([[maybe_unused]] std::uint32_t word) {
#if defined(__SSE2__)
  _mm_setcsr(word);
#endif
}
/// FTZ: subnormal results become 0. DAZ: subnormal operands count as 0.
constexpr std::uint32_t flush_bits = 0x8040;

/// For its lifetime: that many threads, in our loops and in oneDNN's (whose pool is the same), and
/// subnormals flushed in each of them when asked. Then everything as before.
class Workers {
 public:
  /// `threads` = 0: one for each core.
  explicit Workers(int threads, bool flush_subnormals)
      : count_(threads > 0 ? threads : available_threads()),
        previous_count_(set_count(count_)),
        previous_control_(float_control()) {
    if (flush_subnormals) set_control(previous_control_ | flush_bits);
    flushing_ = flush_subnormals;
  }
  ~Workers() {
    if (flushing_) set_control(previous_control_);
    set_count(previous_count_);
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  [[nodiscard]] int count() const { return count_; }

 private:
  static int set_count([[maybe_unused]] int count) {
#ifdef _OPENMP
    const int previous = omp_get_max_threads();
    omp_set_num_threads(count);
    return previous;
#else
    return 1;
#endif
  }
  void set_control(std::uint32_t word) const {
    parallel(count_, [word](const Worker&) { set_float_control(word); });
  }

  int count_;
  int previous_count_;
  std::uint32_t previous_control_;
  bool flushing_ = false;
};

}  // namespace gradepth::cpu
