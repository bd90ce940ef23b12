#pragma once
#include <condition_variable>
#include <mutex>

#include "kernels/simt/error.h"

namespace gradepth::inline simt::detail {

/// This block stopped because another one left or failed. The other's error is the better news.
struct Abandoned : Error {
  using Error::Error;
};

/// The barrier between the blocks of a cooperative launch, each on its own host thread.
class GridBarrier {
 public:
  explicit GridBarrier(unsigned blocks) : blocks_(blocks) {}

  /// Returns when all blocks have called it; throws Abandoned when one never will.
  void wait();

  /// A block has ended. Whoever waits now or later, waits in vain.
  void leave();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned blocks_, waiting_ = 0, generation_ = 0;
  bool broken_ = false;
};

}  // namespace gradepth::inline simt::detail
