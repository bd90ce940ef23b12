#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "kernels/simt/engine/fiber.h"
#include "kernels/simt/engine/grid_barrier.h"
#include "kernels/simt/engine/random.h"
#include "kernels/simt/engine/shared_memory.h"
#include "kernels/simt/sanitizers.h"
#include "kernels/simt/types.h"

namespace gradepth::inline simt::detail {

using Site = std::source_location;

inline constexpr unsigned kWarp = 32;

/// What a launch asks of every block.
struct Work {
  dim3 grid, block;
  std::size_t shared_bytes = 0;
  std::uint64_t seed = 0;
  void (*kernel)(const void* arguments) = nullptr;  // called once per CUDA thread
  const void* arguments = nullptr;
  GridBarrier* grid_barrier = nullptr;           // cooperative launches only
  const std::atomic<bool>* cancelled = nullptr;  // another block has failed
};

/// What a thread of a block waits for.
enum class State : std::uint8_t { kReady, kBlockBarrier, kWarpOp, kGridBarrier, kExited };

/// The operations in which the lanes of a warp meet.
enum class WarpOp : std::uint8_t { kSync, kShuffle, kVote };

/// One CUDA thread.
struct Thread {
  uint3 index{};
  unsigned rank = 0;
  State state = State::kReady;
  Site site{};                    // where it waits
  WarpOp op = WarpOp::kSync;      // while state is kWarp: the operation, its mask,
  unsigned mask = 0, source = 0;  // the lane to read from,
  std::uint64_t value = 0;        // and the bits given; afterwards the bits received
  bool fenced = false;            // has executed a __threadfence
  Fiber* fiber = nullptr;
  tsan::Context context = nullptr;
};

/// Runs one block after another, each with one fiber per CUDA thread, in an order that the seed
/// chooses: 0 is first come, first served; every other seed is a random order. One host thread at a
/// time uses a Block; its fibers and memory are kept for the next launch.
class Block {
 public:
  Block() = default;
  ~Block();
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  /// Runs block number `rank` of the grid to its end; throws Error when it does what CUDA forbids.
  void run(const Work& work, unsigned rank, std::byte* thread_locals);

  /// ThreadSanitizer's contexts that it keeps, of which there are few.
  [[nodiscard]] std::size_t contexts() const { return tsan::kEnabled ? contexts_.size() : 0; }

  /// The block that runs on this host thread. Throws Error outside a kernel.
  static Block& current();

  // Below: called by the running CUDA thread.

  void sync_threads(Site site);
  /// Meets the other lanes of `mask`. Returns, for a shuffle, the `value` of lane `source` (NaN
  /// bits when that lane is not there); for a vote, the lanes whose `value` is not 0.
  std::uint64_t meet_warp(WarpOp op, unsigned mask, std::uint64_t value, unsigned source,
                          Site site);
  void sync_grid(Site site);
  /// Lets others run; for loops that wait until another block has written something.
  void yield();
  /// Ends the block with an Error. The caller's frame is abandoned: temporaries in it are leaked.
  [[noreturn]] void fail_here(std::string message);
  [[noreturn]] void trap(Site site);

  /// Whether the running thread has executed a __threadfence; atomics.h says what for.
  bool has_fenced() const { return running_->fenced; }
  void set_fenced() { running_->fenced = true; }

  bool cooperative() const { return work_->grid_barrier != nullptr; }
  unsigned lane() const { return running_->rank % kWarp; }
  std::byte* dynamic_shared() const { return dynamic_shared_.data(); }

 private:
  // block.cpp: life of a block and its threads
  void begin(const Work& work, unsigned rank, std::byte* thread_locals);
  void schedule();
  void end();
  void start_fiber();
  void run_threads();
  Thread& take_ready();
  Thread*& ready(std::size_t i) { return ready_[(ready_first_ + i) % ready_.size()]; }
  void enter(Thread& thread);
  void exit(Thread& thread);
  void suspend();
  void wake(Thread& thread);
  void abandon_threads();
  void forget_contexts();
  void fail(std::string message);

  // meet.cpp: where threads meet
  void complete_block_barrier();
  void try_complete_warp(const Thread& arrived);
  void retry_warp(unsigned warp);
  void cross_grid_barrier();
  std::string describe_deadlock() const;
  bool seeded() const { return work_->seed != 0; }
  unsigned threads() const { return static_cast<unsigned>(threads_.size()); }

  const Work* work_ = nullptr;
  Random random_{0};
  std::vector<Thread> threads_;
  std::vector<Thread*> order_;  // in which threads start; those before next_ have started
  std::size_t next_ = 0;
  std::vector<Thread*> ready_;  // a ring: ready_count_ threads from ready_first_ on
  std::size_t ready_first_ = 0, ready_count_ = 0;
  Thread* running_ = nullptr;
  unsigned exited_ = 0, at_block_barrier_ = 0, at_grid_barrier_ = 0;
  std::string error_;       // of the first failure; empty: none
  bool abandoned_ = false;  // the failure is a consequence of another block's

  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  Fiber* starting_ = nullptr;
  DynamicShared dynamic_shared_;

  // What orders threads for ThreadSanitizer is the address; the contents are not used. Barriers
  // alternate between two, so that arriving at the next one does not order a thread still leaving.
  tsan::Context scheduler_ = nullptr;
  std::vector<tsan::Context> contexts_;  // of thread 0, 1, ...: making one costs half a millisecond
  char start_order_ = 0, barrier_order_[2]{}, warp_order_[kWarp]{}, grid_order_ = 0,
       exit_order_ = 0;
  unsigned barrier_generation_ = 0;
  unsigned awaited_lane_[kWarp]{};  // of each warp, whose absence held it up last: looked at first
};

}  // namespace gradepth::inline simt::detail
