#pragma once

#include <cstdint>

#include "host/device/threads.h"

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
/// subnormals flushed in each of them when asked. Then everything as before. oneDNN divides its
/// work by the number that it is told: teams must not turn out smaller, so OpenMP does not adjust
/// them.
class Workers {
 public:
  /// `threads` = 0: available_threads(). Fewer than asked for where a smaller team comes.
  explicit Workers(int threads, bool flush_subnormals)
      : count_(come(threads)), previous_control_(float_control()) {
#ifdef _OPENMP
    omp_set_dynamic(0);
    omp_set_num_threads(count_);
#endif
    if (flush_subnormals) set_control(previous_control_ | flush_bits);
    flushing_ = flush_subnormals;
  }
  ~Workers() {
    if (flushing_) set_control(previous_control_);
#ifdef _OPENMP
    omp_set_num_threads(previous_count_);
    omp_set_dynamic(previous_dynamic_);
#endif
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  [[nodiscard]] int count() const { return count_; }

 private:
  static int come(int threads) {
    const int available = available_threads();  // decided before anybody changes what it asks
    return threads > 0 ? team_size(threads) : available;
  }
  /// Of this thread first: LLVM's OpenMP gives every team the word that its master has at the
  /// start, and the master that one back at the end. GNU's leaves each thread its own.
  void set_control(std::uint32_t word) const {
    set_float_control(word);
    parallel(count_, [word](const Worker&) { set_float_control(word); });
  }

#ifdef _OPENMP
  int previous_count_ = omp_get_max_threads();
  int previous_dynamic_ = omp_get_dynamic();
#endif
  int count_;
  std::uint32_t previous_control_;
  bool flushing_ = false;
};

}  // namespace gradepth::cpu
