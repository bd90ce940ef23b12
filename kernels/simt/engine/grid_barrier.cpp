#include "kernels/simt/engine/grid_barrier.h"

namespace gradepth::inline simt::detail {

void GridBarrier::wait() {
  std::unique_lock lock(mutex_);
  const unsigned mine = generation_;
  if (!broken_ && ++waiting_ == blocks_) {
    waiting_ = 0;
    ++generation_;
    changed_.notify_all();
    return;
  }
  changed_.wait(lock, [&] { return generation_ != mine || broken_; });
  if (generation_ == mine) throw Abandoned("grid.sync: another block has left the kernel");
}

void GridBarrier::leave() {
  const std::lock_guard lock(mutex_);
  broken_ = true;
  changed_.notify_all();
}

}  // namespace gradepth::inline simt::detail
