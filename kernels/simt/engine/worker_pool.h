#pragma once
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace gradepth::inline simt::detail {

/// Host threads that wait for jobs. They are made when needed and kept.
class WorkerPool {
 public:
  WorkerPool() = default;
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Runs job(0) ... job(count - 1), all at the same time and each on a thread of its own, and
  /// returns when all have ended. Jobs must not throw. May be called from several threads at once.
  void run(unsigned count, const std::function<void(unsigned)>& job);

 private:
  struct Batch {
    const std::function<void(unsigned)>* job;
    unsigned unfinished;
    std::condition_variable finished{};
  };
  struct Task {
    std::shared_ptr<Batch> batch;
    unsigned index;
  };
  void work();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::size_t busy_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gradepth::inline simt::detail
