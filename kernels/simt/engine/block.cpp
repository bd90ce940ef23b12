#include "kernels/simt/engine/block.h"

#include <sched.h>

#include <exception>
#include <utility>

#include "kernels/simt/builtins.h"
#include "kernels/simt/error.h"
#include "kernels/simt/meter_hooks.h"

namespace gradepth::inline simt::detail {
namespace {

constinit thread_local Block* current_block = nullptr;

/// The thread or block with number `rank` in a box of this size; x varies fastest.
uint3 index_of(unsigned rank, const dim3& box) {
  return {rank % box.x, rank / box.x % box.y, rank / (box.x * box.y)};
}

}  // namespace

Block& Block::current() {
  if (current_block == nullptr) throw Error("a device function was called outside a kernel");
  return *current_block;
}

void Block::run(const Work& work, unsigned rank, std::byte* thread_locals) {
  begin(work, rank, thread_locals);
  schedule();
  end();
  if (!error_.empty()) {
    const std::string where =
        "block " + std::to_string(rank) + " (seed " + std::to_string(work.seed) + "): ";
    if (abandoned_) throw Abandoned(where + error_);
    throw Error(where + error_);
  }
}

void Block::begin(const Work& work, unsigned rank, std::byte* thread_locals) {
  work_ = &work;
  // Blocks of one launch get different schedules from one seed.
  random_ = Random(work.seed * 0x1234567U + rank);
  current_block = this;
  blockIdx = index_of(rank, work.grid);
  blockDim = work.block;
  gridDim = work.grid;
  fill_static_shared(thread_locals);
  dynamic_shared_.prepare(work.shared_bytes);

  const unsigned count = work.block.x * work.block.y * work.block.z;
  threads_.assign(count, Thread{});
  order_.resize(count);
  scheduler_ = tsan::current();
  for (unsigned i = 0; i < count; ++i) {
    threads_[i].index = index_of(i, work.block);
    threads_[i].rank = i;
    if (contexts_.size() <= i) contexts_.push_back(tsan::create());
    threads_[i].context = contexts_[i];
    order_[i] = &threads_[i];
  }
  if (seeded()) random_.shuffle(order_);
  tsan::release(&start_order_);

  next_ = 0;
  ready_.resize(count);
  ready_first_ = ready_count_ = 0;
  exited_ = at_block_barrier_ = at_grid_barrier_ = barrier_generation_ = 0;
  error_.clear();
  abandoned_ = false;
  idle_.clear();
  for (const auto& fiber : fibers_) idle_.push_back(fiber.get());
  meter::block_begins(count, thread_locals, dynamic_shared_.data(), work.shared_bytes);
}

void Block::end() {
  meter::block_ends();
  current_block = nullptr;
  if (!error_.empty()) abandon_threads();
  tsan::acquire(&exit_order_);
  if (!error_.empty()) forget_contexts();
}

/// Threads that stopped in the middle have ended, too: what follows comes after them.
void Block::abandon_threads() {
  if (!tsan::kEnabled) return;
  for (const Thread& thread : threads_) {
    if (thread.fiber == nullptr || thread.state == State::kExited) continue;
    tsan::switch_to(thread.context);
    tsan::release(&exit_order_);
    tsan::switch_to(scheduler_);
  }
}

Block::~Block() { forget_contexts(); }

void Block::forget_contexts() {
  for (tsan::Context context : contexts_) tsan::destroy(context);
  contexts_.clear();
}

void Block::schedule() {
  while (exited_ < threads() && error_.empty()) {
    const bool unstarted = next_ < threads();
    if (unstarted && (ready_count_ == 0 || !seeded() || random_.below(2) == 0)) {
      start_fiber();
    } else if (ready_count_ > 0) {
      Thread& thread = take_ready();
      enter(thread);
      thread.fiber->resume();
    } else if (at_grid_barrier_ == threads()) {
      cross_grid_barrier();
    } else {
      fail(describe_deadlock());
    }
  }
}

Thread& Block::take_ready() {
  if (seeded()) std::swap(ready(random_.below(ready_count_)), ready(0));
  Thread& thread = *ready(0);
  ready_first_ = (ready_first_ + 1) % ready_.size();
  --ready_count_;
  return thread;
}

void Block::start_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(std::make_unique<Fiber>());
    idle_.push_back(fibers_.back().get());
  }
  starting_ = idle_.back();
  idle_.pop_back();
  starting_->start([](void* block) { static_cast<Block*>(block)->run_threads(); }, this);
}

/// On a fiber: runs threads one after another until one of them waits. A kernel without barriers
/// needs one fiber only, and no switch between its threads. But for ThreadSanitizer two threads on
/// one stack would race for it: then every thread has a fiber of its own until the block ends.
void Block::run_threads() {
  Fiber* const fiber = starting_;
  bool another = true;
  while (another) {
    Thread& thread = *order_[next_++];
    thread.fiber = fiber;
    enter(thread);
    tsan::acquire(&start_order_);
    try {
      work_->kernel(work_->arguments);
    } catch (const std::exception& thrown) {
      fail("thread " + std::to_string(thread.rank) + " threw: " + thrown.what());
    } catch (...) {
      fail("thread " + std::to_string(thread.rank) + " threw an exception");
    }
    exit(thread);
    // Now and then the scheduler chooses, so that started and new threads mix.
    another = !tsan::kEnabled && next_ < threads() && error_.empty() &&
              (ready_count_ == 0 || !seeded() || random_.below(4) != 0);
  }
  tsan::switch_to(scheduler_);
  if (!tsan::kEnabled) idle_.push_back(fiber);
}

void Block::enter(Thread& thread) {
  running_ = &thread;
  threadIdx = thread.index;
  meter::thread_runs(thread.rank, thread.fiber->stack());
  tsan::switch_to(thread.context);
}

void Block::exit(Thread& thread) {
  tsan::release(&exit_order_);
  thread.state = State::kExited;
  meter::thread_exits(thread.rank);
  ++exited_;
  // As on the hardware, nobody waits for a thread that has left.
  if (at_block_barrier_ > 0 && at_block_barrier_ + exited_ == threads()) complete_block_barrier();
  retry_warp(thread.rank / kWarp);
}

void Block::suspend() {
  Fiber* const fiber = running_->fiber;
  tsan::switch_to(scheduler_);
  fiber->suspend();
}

void Block::wake(Thread& thread) {
  thread.state = State::kReady;
  ready(ready_count_++) = &thread;
}

void Block::yield() {
  if (work_->cancelled->load(std::memory_order_relaxed)) {
    abandoned_ = true;
    fail_here("waited for another block, which has failed");
  }
  if (ready_count_ == 0) sched_yield();
  wake(*running_);
  suspend();
}

void Block::fail(std::string message) {
  if (error_.empty()) error_ = std::move(message);
}

void Block::fail_here(std::string message) {
  fail(std::move(message));
  for (;;) suspend();  // the scheduler has stopped: this returns never
}

}  // namespace gradepth::inline simt::detail
