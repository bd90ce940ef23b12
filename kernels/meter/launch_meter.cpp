#include "kernels/meter/launch_meter.h"

#include <bit>

namespace gradepth::inline simt::meter {
namespace {

/// Marks `n` bytes from `first` on.
void mark(std::vector<std::uint64_t>& bytes, std::uint64_t first, unsigned n) {
  for (std::uint64_t i = first; i < first + n; ++i) bytes[i / 64] |= std::uint64_t{1} << i % 64;
}

/// Bytes that are marked, and sectors that hold one.
void count_unique(const std::vector<std::uint64_t>& bytes, Traffic& traffic) {
  for (const std::uint64_t word : bytes) {
    traffic.unique_bytes += static_cast<unsigned>(std::popcount(word));
    traffic.unique_sectors += (word & 0xffffffffU) != 0 ? 1 : 0;
    traffic.unique_sectors += word >> 32U != 0 ? 1 : 0;
  }
}

bool is_shared(Access access) {
  return access == Access::kSharedLoad || access == Access::kSharedStore;
}
bool is_atomic(Access access) {
  return access == Access::kGlobalAtomic || access == Access::kSharedAtomic;
}

}  // namespace

bool BlockSectors::insert(std::size_t buffer, std::uint64_t sector) {
  if (seen_.size() <= buffer) seen_.resize(buffer + 1);
  std::vector<bool>& seen = seen_[buffer];
  if (seen.size() <= sector) seen.resize(sector + sector / 2 + 64);
  const bool first = !seen[sector];
  seen[sector] = true;
  return first;
}

LaunchMeter::LaunchMeter(std::vector<NamedMemory> memory, LaunchCounts launch)
    : counts_(std::move(launch)) {
  for (NamedMemory& named : memory) {
    Buffer buffer;
    buffer.sector_start = named.first / sector_bytes * sector_bytes;
    buffer.loaded.resize((named.first - buffer.sector_start + named.bytes) / 64 + 1);
    buffer.stored.resize(buffer.loaded.size());
    counts_.buffers.push_back({named.name, {}, {}, 0});
    buffer.memory = std::move(named);
    buffers_.push_back(std::move(buffer));
  }
  buffers_.emplace_back();
  counts_.buffers.push_back({unnamed, {}, {}, 0});
}

void LaunchMeter::add(std::span<const Trace> lanes, BlockSectors& block) {
  const std::lock_guard lock(mutex_);
  replay(lanes, [&](const Request& request) { add(request, block); });
}

void LaunchMeter::add(const BlockCounts& block) {
  const std::lock_guard lock(mutex_);
  counts_.block_barriers = std::max(counts_.block_barriers, block.barriers);
  counts_.grid_barriers = std::max(counts_.grid_barriers, block.grid_barriers);
  counts_.warp_operations += block.warp_operations;
}

void LaunchMeter::add(const Request& request, BlockSectors& block) {
  SiteCounts& site = sites_[{request.place, request.access}];
  site.place = request.place;
  site.access = request.access;
  site.bytes = request.bytes;
  ++site.requests;
  const auto lanes = static_cast<unsigned>(std::popcount(request.lanes));
  if (is_shared(request.access)) {
    const Wavefronts wavefronts = shared_wavefronts(request);
    const bool load = request.access == Access::kSharedLoad;
    SharedTraffic& traffic = load ? counts_.shared_loads : counts_.shared_stores;
    traffic += {1, lanes * request.bytes, wavefronts.count, wavefronts.least};
    site.cost += wavefronts.count;
    site.least += wavefronts.least;
  } else if (is_atomic(request.access)) {
    const unsigned steps = atomic_steps(request);
    counts_.atomic_steps += steps;
    site.cost += steps;
    site.least += 1;
    if (request.access == Access::kSharedAtomic) {
      counts_.shared_atomics += lanes;
      return;
    }
    counts_.global_atomics += lanes;
    for (unsigned rest = request.lanes; rest != 0; rest &= rest - 1) {
      const auto lane = static_cast<unsigned>(std::countr_zero(rest));
      ++counts_.buffers[buffer_of(request.address[lane])].atomics;
    }
  } else {
    add_global(request, block, site);
  }
}

void LaunchMeter::add_global(const Request& request, BlockSectors& block, SiteCounts& site) {
  const bool load = request.access == Access::kGlobalLoad;
  // Lanes can be in several buffers. The sectors of each are counted by themselves.
  for (unsigned left = request.lanes; left != 0;) {
    const std::size_t b = buffer_of(request.address[static_cast<unsigned>(std::countr_zero(left))]);
    Buffer& buffer = buffers_[b];
    const bool named = b + 1 < buffers_.size();
    Request within = request;
    within.lanes = 0;
    for (unsigned rest = left; rest != 0; rest &= rest - 1) {
      const auto lane = static_cast<unsigned>(std::countr_zero(rest));
      if (buffer_of(request.address[lane]) != b) continue;
      within.lanes |= 1U << lane;
      within.address[lane] -= buffer.sector_start;
      if (named) mark(load ? buffer.loaded : buffer.stored, within.address[lane], request.bytes);
    }
    left &= ~within.lanes;
    const Sectors sectors = global_sectors(within, within.lanes);
    Traffic& traffic = load ? counts_.buffers[b].loads : counts_.buffers[b].stores;
    ++traffic.requests;
    traffic.bytes += sectors.bytes;
    traffic.sectors += sectors.count;
    traffic.least_sectors += sectors.least;
    traffic.lines += (sectors.count + 3) / 4;
    site.cost += sectors.count;
    site.least += sectors.least;
    if (!named || !load) continue;
    for (unsigned i = 0; i < sectors.count; ++i) {
      traffic.block_sectors += block.insert(b, sectors.number[i]) ? 1 : 0;
    }
  }
}

std::size_t LaunchMeter::buffer_of(std::uint64_t address) {
  const auto holds = [&](std::size_t b) {
    return address - buffers_[b].memory.first < buffers_[b].memory.bytes;
  };
  if (holds(last_buffer_)) return last_buffer_;
  for (std::size_t b = 0; b + 1 < buffers_.size(); ++b) {
    if (holds(b)) return last_buffer_ = b;
  }
  return buffers_.size() - 1;
}

LaunchCounts LaunchMeter::finish() {
  for (std::size_t b = 0; b + 1 < buffers_.size(); ++b) {
    count_unique(buffers_[b].loaded, counts_.buffers[b].loads);
    count_unique(buffers_[b].stored, counts_.buffers[b].stores);
  }
  std::erase_if(counts_.buffers, [](const BufferCounts& b) {
    return b.loads.requests == 0 && b.stores.requests == 0 && b.atomics == 0;
  });
  for (const auto& [key, site] : sites_) counts_.sites.push_back(site);
  return std::move(counts_);
}

}  // namespace gradepth::inline simt::meter
