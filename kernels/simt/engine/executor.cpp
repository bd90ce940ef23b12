#include "kernels/simt/engine/executor.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <numeric>
#include <optional>
#include <string>
#include <utility>

#include "kernels/simt/error.h"
#include "kernels/simt/launch.h"

namespace gradepth::inline simt {
namespace detail {
namespace {

// The limits of CUDA 13 on compute capability 9.0.
constexpr std::uint64_t kMaxThreads = 1024;
constexpr std::size_t kMaxSharedBytes = 227 * std::size_t{1024};
// ThreadSanitizer knows at most 8128 threads at a time; the rest is for those that Executors keep,
// each so many.
constexpr std::uint64_t kMaxTsanThreads = 5000;
constexpr std::size_t kMaxKeptContexts = 2048;
// More host threads than this find no more races and cost memory.
constexpr unsigned kMaxSlots = 256;
// Each is a host thread; more than any GPU of today keeps resident at one block per multiprocessor.
constexpr std::uint64_t kMaxCooperativeBlocks = 1024;

std::uint64_t volume(const dim3& box) { return std::uint64_t{box.x} * box.y * box.z; }

std::string text(const dim3& box) {
  return "(" + std::to_string(box.x) + ", " + std::to_string(box.y) + ", " + std::to_string(box.z) +
         ")";
}

void check(const dim3& grid, const dim3& block, std::size_t shared_bytes) {
  const bool block_ok = volume(block) > 0 && volume(block) <= kMaxThreads && block.z <= 64;
  if (!block_ok) throw Error("launch: block " + text(block) + ": 1 to 1024 threads, z at most 64");
  const bool grid_ok = volume(grid) > 0 && grid.x < 1U << 31U && grid.y < 1U << 16U &&
                       grid.z < 1U << 16U && volume(grid) < std::uint64_t{1} << 32U;
  if (!grid_ok) throw Error("launch: grid " + text(grid) + ": at least 1, y and z below 65536");
  if (shared_bytes > kMaxSharedBytes) {
    throw Error("launch: " + std::to_string(shared_bytes) +
                " bytes of dynamic shared memory: at most " + std::to_string(kMaxSharedBytes));
  }
}

}  // namespace

/// One launch: hands out the blocks in a random order and keeps the first error.
class Executor::Launch {
 public:
  Launch(const Work& work, unsigned slots, bool cooperative)
      : work_(work), order_(static_cast<std::size_t>(volume(work.grid))) {
    std::iota(order_.begin(), order_.end(), 0U);
    if (work.seed != 0) Random(work.seed).shuffle(order_);
    if (cooperative) work_.grid_barrier = &barrier_.emplace(static_cast<unsigned>(order_.size()));
    work_.cancelled = &cancelled_;
    // Made here, not by the workers: these must not inherit the order in which workers took jobs,
    // or ThreadSanitizer would think that blocks wait for each other.
    for (unsigned i = 0; i < slots; ++i) contexts_.push_back(tsan::create());
  }

  ~Launch() {
    for (tsan::Context context : contexts_) tsan::destroy(context);
  }
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  /// Runs blocks, one after another, until none is left.
  void run(Block& block, unsigned slot) {
    std::byte* const thread_locals = thread_locals_of_this_thread();
    tsan::Context own = tsan::current();
    // The slot comes after the host thread's start and after blocks of other launches on it.
    tsan::release(thread_locals);
    tsan::switch_to(contexts_[slot]);
    tsan::acquire(thread_locals);
    std::exception_ptr failure;
    try {
      std::size_t next = 0;
      while (!cancelled_ &&
             (next = taken_.fetch_add(1, std::memory_order_relaxed)) < order_.size()) {
        block.run(work_, order_[next], thread_locals);
        // A slot for each block: a second one here would come after the first, not beside it.
        if (contexts_.size() == order_.size()) break;
      }
    } catch (...) {
      failure = std::current_exception();
    }
    tsan::release(thread_locals);
    tsan::release(this);
    tsan::switch_to(own);
    if (failure) keep(failure);
    if (barrier_) barrier_->leave();
  }

  /// After all slots have ended: the launching thread comes after everything that they did.
  void join() const { tsan::acquire(this); }

  void rethrow_error() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void keep(const std::exception_ptr& failure) {
    bool consequence = false;
    try {
      std::rethrow_exception(failure);
    } catch (const Abandoned&) {
      consequence = true;
    } catch (...) {  // the cause
    }
    const std::lock_guard lock(mutex_);
    tsan::acquire(this);  // after the slots whose errors are replaced here
    if (!error_ || (error_is_consequence_ && !consequence)) {
      error_ = failure;
      error_is_consequence_ = consequence;
    }
    cancelled_ = true;
  }

  Work work_;
  std::vector<unsigned> order_;
  std::optional<GridBarrier> barrier_;
  std::vector<tsan::Context> contexts_;
  std::atomic<std::size_t> taken_{0};
  std::atomic<bool> cancelled_{false};
  std::mutex mutex_;
  std::exception_ptr error_;
  bool error_is_consequence_ = false;
};

void Executor::run(const Work& work, unsigned slots, bool cooperative) {
  const unsigned count = std::max(slots, 1U);
  // Borrowed and given back here and not by the workers: a Block that went from slot to slot would
  // order them for ThreadSanitizer.
  std::vector<std::unique_ptr<Block>> blocks = borrow(count);
  Launch launch(work, count, cooperative);
  if (slots == 0) {
    launch.run(*blocks[0], 0);
  } else {
    workers_.run(count, [&](unsigned slot) { launch.run(*blocks[slot], slot); });
  }
  launch.join();
  give_back(std::move(blocks));
  launch.rethrow_error();
}

std::vector<std::unique_ptr<Block>> Executor::borrow(unsigned count) {
  const std::lock_guard lock(mutex_);
  std::vector<std::unique_ptr<Block>> borrowed;
  while (borrowed.size() < count) {
    if (blocks_.empty()) {
      borrowed.push_back(std::make_unique<Block>());
    } else {
      borrowed.push_back(std::move(blocks_.back()));
      blocks_.pop_back();
    }
  }
  return borrowed;
}

void Executor::give_back(std::vector<std::unique_ptr<Block>> blocks) {
  const std::lock_guard lock(mutex_);
  std::size_t contexts = 0;
  for (const auto& block : blocks_) contexts += block->contexts();
  for (auto& block : blocks) {
    contexts += block->contexts();
    if (contexts > kMaxKeptContexts) break;
    blocks_.push_back(std::move(block));
  }
}

void run_kernel(const Configuration& configuration, void (*kernel)(const void*),
                const void* arguments) {
  const auto& [grid, block, shared_bytes, stream, cooperative] = configuration;
  check(grid, block, shared_bytes);
  const std::uint64_t blocks = volume(grid);
  const std::uint64_t room =
      tsan::kEnabled ? kMaxTsanThreads / (volume(block) + 1) : kMaxCooperativeBlocks;
  if (cooperative && blocks > room) {
    throw Error("launch: " + std::to_string(blocks) + " blocks of a cooperative launch: at most " +
                std::to_string(room));
  }
  std::uint64_t slots = std::min<std::uint64_t>(blocks, stream.workers);
  if (stream.thread_per_block) slots = std::min<std::uint64_t>(blocks, kMaxSlots);
  if (cooperative) slots = blocks;
  slots = std::min(slots, std::max<std::uint64_t>(room, 1));
  // One worker: the calling thread runs the blocks itself, which makes small launches cheap.
  const bool here = slots <= 1 && !cooperative && !stream.thread_per_block;
  const Work work{grid, block, shared_bytes, stream.seed, kernel, arguments, nullptr, nullptr};
  stream.executor->run(work, here ? 0 : static_cast<unsigned>(slots), cooperative);
}

}  // namespace detail

namespace {
// Of the namespace and not of the function, whose thread_locals would pass for its __shared__
// variables.
thread_local const auto own_executor = std::make_shared<detail::Executor>();
}  // namespace

std::shared_ptr<detail::Executor> executor_of_this_thread() { return own_executor; }

}  // namespace gradepth::inline simt
