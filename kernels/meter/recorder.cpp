#include "kernels/meter/recorder.h"

#include <algorithm>
#include <utility>

#include "kernels/simt/engine/fiber.h"

extern "C" const char __executable_start;  // NOLINT(bugprone-reserved-identifier): of the linker

namespace gradepth::inline simt::meter {
namespace {

constexpr unsigned warp_lanes = 32;

/// Bytes from `first`; past every end where `address` lies before it.
std::size_t offset(const void* address, const std::byte* first) {
  return reinterpret_cast<std::uintptr_t>(address) - reinterpret_cast<std::uintptr_t>(first);
}

}  // namespace

void Recorder::begin(LaunchMeter& launch, unsigned threads, const std::byte* thread_locals,
                     const std::byte* shared, std::size_t shared_bytes, const std::byte* arguments,
                     std::size_t argument_bytes) {
  launch_ = &launch;
  lanes_.resize(threads);
  for (Lane& lane : lanes_) {
    lane.trace.clear();
    lane.basic_block = 0;
    lane.waits = false;
    lane.waited = 0;
  }
  exited_.assign((threads + warp_lanes - 1) / warp_lanes, 0);
  if (is_shared_.empty()) {
    is_shared_.resize(detail::thread_locals_bytes());
    for (const auto& [first, bytes] : detail::shared_variables()) {
      for (std::size_t i = first; i < first + bytes; ++i) is_shared_[i] = true;
    }
  }
  thread_locals_ = thread_locals;
  shared_ = shared;
  shared_bytes_ = shared_bytes;
  arguments_ = arguments;
  argument_bytes_ = argument_bytes;
  running_ = nullptr;
  counts_ = {};
  sectors_.clear();
}

void Recorder::end() {
  flush_all();
  for (const Lane& lane : lanes_) {
    counts_.grid_barriers = std::max(counts_.grid_barriers, lane.waited);
  }
  launch_->add(counts_);
}

void Recorder::run(unsigned rank, const std::byte* stack) {
  running_ = &lanes_[rank];
  stack_ = stack;
}

void Recorder::exit(unsigned rank) {
  const unsigned warp = rank / warp_lanes;
  const auto lanes = std::min(warp_lanes, static_cast<unsigned>(lanes_.size()) - warp * warp_lanes);
  if (++exited_[warp] == lanes) flush(warp);
}

void Recorder::block_barrier() {
  ++counts_.barriers;
  flush_all();
}

void Recorder::grid_barrier() {
  for (Lane& lane : lanes_) ++lane.waited;
  flush_all();
}

void Recorder::warp_meets(unsigned warp, bool all) {
  ++counts_.warp_operations;
  if (all) flush(warp);  // nobody is behind another: what follows can be counted by itself
}

void Recorder::wait_begins() {
  ++running_->waited;
  running_->waits = true;
}

void Recorder::wait_ends() { running_->waits = false; }

Recorder::Located Recorder::locate(const void* address) const {
  // CUDA's built-in variables and stacks first: most accesses go there.
  const std::size_t local = offset(address, thread_locals_);
  if (local < is_shared_.size()) {
    return {is_shared_[local] ? Memory::kShared : Memory::kOwn, local};
  }
  if (offset(address, stack_) < detail::Stack::kBytes) return {Memory::kOwn, 0};
  // Behind the static shared variables, which lie at the same banks for every block.
  const std::size_t dynamic = offset(address, shared_);
  if (dynamic < shared_bytes_) return {Memory::kShared, (std::uint64_t{1} << 32U) + dynamic};
  if (offset(address, arguments_) < argument_bytes_) return {Memory::kOwn, 0};
  return {Memory::kGlobal, reinterpret_cast<std::uintptr_t>(address)};
}

void Recorder::access(const void* address, std::size_t bytes, bool store, const void* code) {
  if (running_ == nullptr || running_->waits) return;
  const Located at = locate(address);
  if (at.memory == Memory::kOwn) return;
  const bool shared = at.memory == Memory::kShared;
  record(at, bytes,
         shared  ? store ? Access::kSharedStore : Access::kSharedLoad
         : store ? Access::kGlobalStore
                 : Access::kGlobalLoad,
         code);
}

void Recorder::atomic(const void* address, std::size_t bytes, const void* code) {
  const Located at = locate(address);
  record(at, bytes, at.memory == Memory::kShared ? Access::kSharedAtomic : Access::kGlobalAtomic,
         code);
}

void Recorder::record(const Located& at, std::size_t bytes, Access access, const void* code) {
  const auto place =
      static_cast<std::uint32_t>(static_cast<const char*>(code) - &__executable_start);
  running_->trace.push_back(
      {at.address, running_->basic_block, place, access, static_cast<std::uint8_t>(bytes)});
}

void Recorder::enter_basic_block(std::uint32_t number) {
  if (running_ == nullptr || running_->waits) return;
  running_->basic_block = number;
  running_->trace.push_back({0, number, 0, {}, 0});
}

void Recorder::flush(unsigned warp) {
  const std::size_t first = std::size_t{warp} * warp_lanes;
  const std::size_t last = std::min(first + warp_lanes, lanes_.size());
  warp_.resize(last - first);
  for (std::size_t i = first; i < last; ++i) std::swap(warp_[i - first], lanes_[i].trace);
  launch_->add(warp_, sectors_);
  for (std::size_t i = first; i < last; ++i) {
    warp_[i - first].clear();
    std::swap(warp_[i - first], lanes_[i].trace);
  }
}

void Recorder::flush_all() {
  for (unsigned warp = 0; warp < exited_.size(); ++warp) flush(warp);
}

}  // namespace gradepth::inline simt::meter
