#pragma once

#include <cstddef>

#ifdef _OPENMP
#include <omp.h>
#endif

/// Threads of the host, by OpenMP; without it everything runs on one thread. A team that is started
/// by a member of another team has one member: nested calls are right, and run on their own thread.
namespace gradepth {

/// One worker of a team: its number, and a barrier for all of them.
class Worker {
 public:
  Worker(int id, int count) : id_(id), count_(count) {}
  [[nodiscard]] int id() const { return id_; }
  [[nodiscard]] int count() const { return count_; }
  /// Waits for the whole team. Every worker must call it equally often.
  void barrier() const {
    if (count_ == 1)
      return;  // a team of one may be started within another, whose barrier it is not
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

/// Members of the team that comes when one of `threads` is asked for: fewer under OMP_THREAD_LIMIT,
/// one within a team.
inline int team_size(int threads) {
  int count = 1;
#ifdef _OPENMP
  if (threads > 1 && omp_in_parallel() == 0) {
#pragma omp parallel num_threads(threads)
#pragma omp single
    count = omp_get_num_threads();
  }
#else
  static_cast<void>(threads);
#endif
  return count;
}

/// How many threads everybody uses who was not told a number: as OMP_NUM_THREADS says, else one for
/// each processor that this process may use, but no more than come to a team (OMP_THREAD_LIMIT,
/// OMP_DYNAMIC). The first call decides, by starting a team: plans are made for its size. 1 within
/// a team.
inline int available_threads() {
#ifdef _OPENMP
  if (omp_in_parallel() != 0) return 1;
  static const int threads = team_size(omp_get_max_threads());
  return threads;
#else
  return 1;
#endif
}

}  // namespace gradepth
