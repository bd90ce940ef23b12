#include "kernels/simt/engine/worker_pool.h"

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
  const auto batch = std::make_shared<Batch>(&job, count);
  std::unique_lock lock(mutex_);
  for (unsigned i = 0; i < count; ++i) tasks_.push_back({batch, i});
  // Blocks of a cooperative launch wait for each other: no job may wait for a thread.
  while (threads_.size() - busy_ < tasks_.size()) threads_.emplace_back([this] { work(); });
  changed_.notify_all();
  batch->finished.wait(lock, [&] { return batch->unfinished == 0; });
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
    // Not free for another job of this batch, which must have its own copy of thread_locals.
    if (--task.batch->unfinished == 0) task.batch->finished.notify_all();
    task.batch->finished.wait(lock, [&] { return task.batch->unfinished == 0; });
    --busy_;
  }
}

}  // namespace gradepth::inline simt::detail
