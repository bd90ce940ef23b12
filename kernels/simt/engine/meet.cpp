// Where the threads of a block meet: block barrier, warp operations, grid barrier, deadlock.
#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <utility>

#include "kernels/simt/engine/block.h"
#include "kernels/simt/error.h"
#include "kernels/simt/meter_hooks.h"

namespace gradepth::inline simt::detail {
namespace {

constexpr std::uint64_t kNanBits = ~std::uint64_t{0};

bool same(const Site& a, const Site& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

/// "file:line" without the folders.
std::string text(const Site& site) {
  const std::string path = site.file_name();
  return path.substr(path.find_last_of('/') + 1) + ":" + std::to_string(site.line());
}

std::string hex(unsigned mask) {
  std::string digits(8, '0');
  for (unsigned i = 0; i < 8; ++i) digits[i] = "0123456789abcdef"[mask >> (28 - 4 * i) & 0xfU];
  return "0x" + digits;
}

const char* name(WarpOp op) {
  switch (op) {
    case WarpOp::kSync:
      return "__syncwarp";
    case WarpOp::kShuffle:
      return "a shuffle";
    case WarpOp::kVote:
      return "a vote";
  }
  return "?";
}

/// What a thread that cannot go on waits for.
std::string describe(const Thread& thread) {
  switch (thread.state) {
    case State::kReady:
      return "ready";
    case State::kExited:
      return "has left the kernel";
    case State::kBlockBarrier:
      return "waits in __syncthreads at " + text(thread.site);
    case State::kGridBarrier:
      return "waits in grid.sync at " + text(thread.site);
    case State::kWarpOp:
      return std::string("waits in ") + name(thread.op) + " at " + text(thread.site) +
             " for the lanes " + hex(thread.mask);
  }
  return "?";
}

}  // namespace

void Block::sync_threads(Site site) {
  running_->state = State::kBlockBarrier;
  running_->site = site;
  const void* const order = &barrier_order_[barrier_generation_ % 2];
  tsan::release(order);
  if (++at_block_barrier_ + exited_ == threads()) complete_block_barrier();
  suspend();
  tsan::acquire(order);
}

void Block::complete_block_barrier() {
  const Thread* first = nullptr;
  for (Thread& thread : threads_) {
    if (thread.state != State::kBlockBarrier) continue;
    if (first == nullptr) first = &thread;
    if (!same(thread.site, first->site)) {
      fail("divergent __syncthreads: " + text(first->site) + " and " + text(thread.site));
    }
    wake(thread);
  }
  at_block_barrier_ = 0;
  ++barrier_generation_;
  meter::block_barrier();
}

std::uint64_t Block::meet_warp(WarpOp op, unsigned mask, std::uint64_t value, unsigned source,
                               Site site) {
  Thread& self = *running_;
  if ((mask >> lane() & 1U) == 0) {
    std::string message{std::string(name(op)) + " at " + text(site) + ": lane " +
                        std::to_string(lane()) + " is not in its own mask " + hex(mask)};
    fail_here(std::move(message));
  }
  self.state = State::kWarpOp;
  self.op = op;
  self.mask = mask;
  self.value = value;
  self.source = source;
  self.site = site;
  // Only __syncwarp orders memory; a shuffle or vote hands over its value and nothing else.
  const void* const order = &warp_order_[self.rank / kWarp];
  if (op == WarpOp::kSync) tsan::release(order);
  try_complete_warp(self);
  suspend();
  if (op == WarpOp::kSync) tsan::acquire(order);
  return self.value;
}

/// Completes when every lane of the mask that has not left the kernel is here, in the same
/// operation at the same place with the same mask.
void Block::try_complete_warp(const Thread& arrived) {
  const unsigned first = arrived.rank / kWarp * kWarp;
  const unsigned lanes = std::min(kWarp, threads() - first);
  const auto takes_part = [&](unsigned lane) {
    return (arrived.mask >> lane & 1U) != 0 && threads_[first + lane].state != State::kExited;
  };
  const auto is_missing = [&](unsigned lane) {
    const Thread& other = threads_[first + lane];
    return takes_part(lane) && (other.state != State::kWarpOp || other.op != arrived.op ||
                                other.mask != arrived.mask || !same(other.site, arrived.site));
  };
  unsigned& awaited = awaited_lane_[first / kWarp];
  if (awaited < lanes && is_missing(awaited)) return;
  for (unsigned lane = 0; lane < lanes; ++lane) {
    if (!is_missing(lane)) continue;
    awaited = lane;
    return;
  }
  unsigned present = 0;
  unsigned votes = 0;
  std::uint64_t values[kWarp];
  for (unsigned lane = 0; lane < lanes; ++lane) {
    if (!takes_part(lane)) continue;
    const Thread& other = threads_[first + lane];
    present |= 1U << lane;
    votes |= (other.value != 0 ? 1U : 0U) << lane;
    values[lane] = other.value;
  }
  for (unsigned rest = present; rest != 0; rest &= rest - 1) {
    Thread& other = threads_[first + static_cast<unsigned>(std::countr_zero(rest))];
    if (other.op == WarpOp::kVote) other.value = votes;
    if (other.op == WarpOp::kShuffle) {
      const bool there = other.source < kWarp && (present >> other.source & 1U) != 0;
      other.value = there ? values[other.source] : kNanBits;
    }
    wake(other);
  }
  meter::warp_meets(first / kWarp, std::popcount(present) == static_cast<int>(lanes));
}

/// A lane has left: perhaps the others of its warp waited only for it.
void Block::retry_warp(unsigned warp) {
  const unsigned end = std::min(threads(), (warp + 1) * kWarp);
  for (unsigned i = warp * kWarp; i < end; ++i) {
    if (threads_[i].state == State::kWarpOp) try_complete_warp(threads_[i]);
  }
}

void Block::sync_grid(Site site) {
  if (!cooperative()) {
    std::string message = "grid.sync at " + text(site) + " outside a cooperative launch";
    fail_here(std::move(message));
  }
  running_->state = State::kGridBarrier;
  running_->site = site;
  ++at_grid_barrier_;
  tsan::release(&grid_order_);
  suspend();
  tsan::acquire(&grid_order_);
}

/// On the scheduler: all threads of this block wait; wait for the other blocks.
void Block::cross_grid_barrier() {
  at_grid_barrier_ = 0;
  tsan::acquire(&grid_order_);
  try {
    work_->grid_barrier->wait();
  } catch (const Abandoned& why) {
    abandoned_ = true;
    fail(std::string(why.what()) + "; this one waits at " + text(threads_.front().site));
    return;
  }
  tsan::release(&grid_order_);
  meter::grid_barrier();
  for (Thread& thread : threads_) {
    if (!same(thread.site, threads_.front().site)) {
      fail("divergent grid.sync: " + text(threads_.front().site) + " and " + text(thread.site));
    }
    wake(thread);
  }
}

void Block::trap(Site site) {
  std::string message = "__trap at " + text(site);
  fail_here(std::move(message));
}

std::string Block::describe_deadlock() const {
  constexpr int kLines = 8;
  std::string report = "deadlock";
  std::string last;
  int lines = 0;
  for (const Thread& thread : threads_) {
    const std::string state = describe(thread);
    if (state == last) continue;  // one line for a run of equal threads
    last = state;
    if (++lines > kLines) return report + "\n  ...";
    report += "\n  from thread " + std::to_string(thread.rank) + " on: " + state;
  }
  return report;
}

}  // namespace gradepth::inline simt::detail
