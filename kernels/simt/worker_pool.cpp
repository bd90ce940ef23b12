#include "kernels/simt/worker_pool.h"

namespace gradepth::inline simt::detail {

WorkerPool::~WorkerPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::run(unsigned count, const std::function<void(unsigned)>& job) {
  Batch batch{&job, count, {}};
  std::unique_lock lock(mutex_);
  for (unsigned i = 0; i < count; ++i) tasks_.push_back({&batch, i});
  // Blocks of a cooperative launch wait for each other: every job needs its own thread at once.
  while (threads_.size() - busy_ < tasks_.size()) threads_.emplace_back([this] { work(); });
  changed_.notify_all();
  batch.finished.wait(lock, [&] { return batch.unfinished == 0; });
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (tasks_.empty()) return;
    const Task task = tasks_.front();
    tasks_.pop_front();
    ++busy_;
    lock.unlock();
    (*task.batch->job)(task.index);
    lock.lock();
    --busy_;
    if (--task.batch->unfinished == 0) task.batch->finished.notify_one();
  }
}

}  // namespace gradepth::inline simt::detail
