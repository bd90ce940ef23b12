#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/meter/counts.h"
#include "kernels/meter/replay.h"

namespace gradepth::inline simt::meter {

/// Memory that kernels may touch, and what to call it.
struct NamedMemory {
  std::string name;
  std::uintptr_t first = 0;
  std::size_t bytes = 0;
};

/// What a recorder counts of one block.
struct BlockCounts {
  std::uint64_t barriers = 0;
  std::uint64_t grid_barriers = 0;
  std::uint64_t warp_operations = 0;
};

/// Which sectors of which buffer a running block has read.
class BlockSectors {
 public:
  void clear() { seen_.clear(); }
  /// Whether this is the block's first read of a sector, given relative to the buffer.
  bool insert(std::size_t buffer, std::uint64_t sector);

 private:
  std::vector<std::vector<bool>> seen_;
};

/// Counts one launch. Blocks may add to it from several host threads.
class LaunchMeter {
 public:
  LaunchMeter(std::vector<NamedMemory> memory, LaunchCounts launch);

  /// The traces of one warp between two places where all its lanes have met.
  void add(std::span<const Trace> lanes, BlockSectors& block);
  void add(const BlockCounts& block);
  /// After all blocks have ended.
  LaunchCounts finish();

 private:
  /// Which bytes of a buffer the launch has touched, from the last sector boundary before it on.
  using Bytes = std::vector<std::uint64_t>;
  struct Buffer {
    NamedMemory memory;
    std::uintptr_t sector_start = 0;
    Bytes loaded, stored;
  };

  void add(const Request& request, BlockSectors& block);
  void add_global(const Request& request, BlockSectors& block, SiteCounts& site);
  std::size_t buffer_of(std::uint64_t address);

  std::mutex mutex_;
  std::vector<Buffer> buffers_;  // the last one: everything without a name
  std::size_t last_buffer_ = 0;  // a guess: the next access is often in the same
  LaunchCounts counts_;
  std::map<std::pair<std::uint32_t, Access>, SiteCounts> sites_;
};

}  // namespace gradepth::inline simt::meter
