#pragma once

#include "kernels/platform.h"

/// A barrier between the blocks of one batch slice, those with the same blockIdx.y, in a
/// cooperative launch. It comes in two halves, so that what needs no other block's data can be done
/// between them:
///   barrier.arrive();   // what this block wrote before is ready
///   …
///   barrier.wait();     // what the others wrote before they arrived can be read
///
/// The order of memory: all stores of the block, __syncthreads, one thread's release; that of
/// another block acquires, __syncthreads, all its loads. Ordering is transitive along this chain
/// (PTX ISA, "Memory Consistency Model"), so one thread per block is enough. What other blocks
/// wrote is read with load_exchanged.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// Counters stand this far apart, a line of the cache each.
inline constexpr int barrier_counter_stride = 32;

class SliceBarrier {
 public:
  /// counters [gridDim.y, barrier_counter_stride], 0 before every launch.
  __device__ explicit SliceBarrier(unsigned* counters)
      : counter_(counters + blockIdx.y * barrier_counter_stride) {}

  __device__ void arrive() {
    __syncthreads();
    arrivals_ += gridDim.x;  // only ever grows: nothing is reset, so nobody can miss it
    if (threadIdx.x == 0) add_release(counter_, 1);
  }
  __device__ void wait() const {
    if (threadIdx.x == 0) {
      // By difference, so that a counter may wrap around.
      spin_until([this] { return static_cast<int>(load_acquire(counter_) - arrivals_) >= 0; });
    }
    __syncthreads();
  }

 private:
  unsigned* counter_;
  unsigned arrivals_ = 0;
};

}  // namespace gradepth::inline GRADEPTH_PLATFORM
