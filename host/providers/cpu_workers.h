#pragma once

#include <cstddef>
#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__SSE2__)
#include <immintrin.h>
#endif

/// Threads of the host. The only file that knows OpenMP; without it everything runs on one thread.
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

/// One worker of a team: its number, and a barrier for all of them.
class Worker {
 public:
  Worker(int id, int count) : id_(id), count_(count) {}
  [[nodiscard]] int id() const { return id_; }
  [[nodiscard]] int count() const { return count_; }
  /// Waits for the whole team. Every worker must call it equally often.
  void barrier() const {
#ifdef _OPENMP
#pragma omp barrier
#endif
  }

 private:
  int id_;
  int count_;
};

/// Runs body(Worker) on every thread of a team of `threads`, and waits for all. The body must not
/// throw.
template <class Body>
void parallel([[maybe_unused]] int threads, Body&& body) {
#ifdef _OPENMP
  if (threads > 1) {
#pragma omp parallel num_threads(threads)
    { body(Worker(omp_get_thread_num(), omp_get_num_threads())); }
    return;
  }
#endif
  body(Worker(0, 1));
}

/// Runs body(i) for i in [0, n), each thread a contiguous share.
template <class Body>
void parallel_for(int threads, std::ptrdiff_t n, Body&& body) {
  parallel(n > 1 ? threads : 1, [&](const Worker& worker) {
    const std::ptrdiff_t begin = n * worker.id() / worker.count();
    const std::ptrdiff_t end = n * (worker.id() + 1) / worker.count();
    for (std::ptrdiff_t i = begin; i < end; ++i) body(i);
  });
}

inline int available_threads() {
#ifdef _OPENMP
  return omp_get_num_procs();
#else
  return 1;
#endif
}

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
