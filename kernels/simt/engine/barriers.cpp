// The few functions through which kernels reach the block that runs them.
#include "kernels/simt/engine/barriers.h"

#include "kernels/simt/atomics.h"
#include "kernels/simt/builtins.h"
#include "kernels/simt/engine/block.h"
#include "kernels/simt/memory_order.h"
#include "kernels/simt/shared.h"

namespace gradepth::inline simt {

namespace detail {

void sync_threads(Site site) { Block::current().sync_threads(site); }
void sync_warp(unsigned mask, Site site) {
  Block::current().meet_warp(WarpOp::kSync, mask, 0, 0, site);
}
std::uint64_t shuffle(unsigned mask, std::uint64_t value, unsigned source, Site site) {
  return Block::current().meet_warp(WarpOp::kShuffle, mask, value, source, site);
}
unsigned vote(unsigned mask, bool predicate, Site site) {
  return static_cast<unsigned>(
      Block::current().meet_warp(WarpOp::kVote, mask, predicate ? 1 : 0, 0, site));
}
unsigned lane() { return Block::current().lane(); }
void trap(Site site) { Block::current().trap(site); }
std::byte* dynamic_shared_memory() { return Block::current().dynamic_shared(); }
void yield() { Block::current().yield(); }
void give_up_waiting() { Block::current().fail_here("waited a minute for another thread"); }
bool has_fenced() { return Block::current().has_fenced(); }
void set_fenced() { Block::current().set_fenced(); }

}  // namespace detail

namespace cooperative_groups {
namespace {

unsigned long long volume(const dim3& box) {
  return static_cast<unsigned long long>(box.x) * box.y * box.z;
}

}  // namespace

void grid_group::sync(std::source_location site) const { detail::Block::current().sync_grid(site); }
unsigned long long grid_group::thread_rank() const {
  const unsigned long long block =
      (static_cast<unsigned long long>(blockIdx.z) * gridDim.y + blockIdx.y) * gridDim.x +
      blockIdx.x;
  return block * volume(blockDim) + this_thread_block().thread_rank();
}
unsigned long long grid_group::size() const { return volume(gridDim) * volume(blockDim); }
bool grid_group::is_valid() const { return detail::Block::current().cooperative(); }

unsigned thread_block::thread_rank() const {
  return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
}
unsigned thread_block::size() const { return static_cast<unsigned>(volume(blockDim)); }

}  // namespace cooperative_groups
}  // namespace gradepth::inline simt
