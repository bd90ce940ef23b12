#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "kernels/simt/engine/block.h"
#include "kernels/simt/engine/worker_pool.h"

namespace gradepth::inline simt::detail {

/// What launches keep for the next launch: host threads, stacks, shared memory. Several threads may
/// launch on one Executor at the same time.
class Executor {
 public:
  /// Runs all blocks, on `slots` host threads; on the calling one when `slots` is 0. Throws the
  /// Error of the first block that failed.
  void run(const Work& work, unsigned slots, bool cooperative);

 private:
  class Launch;

  std::vector<std::unique_ptr<Block>> borrow(unsigned count);
  void give_back(std::vector<std::unique_ptr<Block>> blocks);

  std::mutex mutex_;
  std::vector<std::unique_ptr<Block>> blocks_;
  WorkerPool workers_;
};

}  // namespace gradepth::inline simt::detail
