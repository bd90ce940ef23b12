#pragma once

#include <cstdint>
#include <string>
#include <vector>

/// What the meter counts. All numbers are the same for any schedule and any number of host threads.
namespace gradepth::inline simt::meter {

/// The unit in which global memory is moved.
inline constexpr std::uint64_t sector_bytes = 32;

/// Loads, or stores, of one launch in one buffer. A request is what the lanes of a warp ask for
/// with one instruction; an address that several lanes share counts once.
struct Traffic {
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;           // asked for
  std::uint64_t sectors = 0;         // moved: distinct ones of each request
  std::uint64_t least_sectors = 0;   // that the same bytes would fill, side by side
  std::uint64_t lines = 0;           // groups of up to four sectors: passes through the L1 cache
  std::uint64_t unique_bytes = 0;    // of the whole launch: what no cache can avoid
  std::uint64_t unique_sectors = 0;  // the same in sectors
  std::uint64_t block_sectors = 0;   // unique in each block: what a perfect L1 cache leaves for L2

  Traffic& operator+=(const Traffic& other);
};

struct BufferCounts {
  std::string name;
  Traffic loads, stores;
  std::uint64_t atomics = 0;  // lanes
};

/// Loads, or stores, of shared memory. A wavefront is one pass through the 32 banks.
struct SharedTraffic {
  std::uint64_t requests = 0;
  std::uint64_t bytes = 0;
  std::uint64_t wavefronts = 0;
  std::uint64_t least_wavefronts = 0;  // without bank conflicts

  [[nodiscard]] std::uint64_t conflicts() const { return wavefronts - least_wavefronts; }
  SharedTraffic& operator+=(const SharedTraffic& other);
};

enum class Access : std::uint8_t {
  kGlobalLoad,
  kGlobalStore,
  kSharedLoad,
  kSharedStore,
  kGlobalAtomic,
  kSharedAtomic
};

/// One place in the code.
struct SiteCounts {
  std::uint32_t place = 0;  // bytes from the program's begin to the instruction behind the access
  Access access{};
  unsigned bytes = 0;  // of one lane
  std::uint64_t requests = 0;
  std::uint64_t cost = 0;   // sectors, wavefronts, or steps of an atomic
  std::uint64_t least = 0;  // of the same
};

/// One launch.
struct LaunchCounts {
  std::string kernel;  // its name, without namespaces and arguments
  std::uint64_t blocks = 0;
  unsigned threads = 0;               // of a block
  std::uint64_t shared_bytes = 0;     // dynamic
  std::vector<BufferCounts> buffers;  // in the order of their names' announcement
  SharedTraffic shared_loads, shared_stores;
  std::uint64_t block_barriers = 0;  // of the block that has most
  std::uint64_t grid_barriers =
      0;  // grid.sync, and waits for other blocks: of the thread with most
  std::uint64_t warp_operations = 0;
  std::uint64_t global_atomics = 0, shared_atomics = 0;  // lanes
  std::uint64_t atomic_steps = 0;  // lanes of one request at one address go one after the other
  std::vector<SiteCounts> sites;

  /// Loads, or stores, of all buffers.
  [[nodiscard]] Traffic loads() const;
  [[nodiscard]] Traffic stores() const;
  /// Null if the launch has not touched it.
  [[nodiscard]] const BufferCounts* buffer(const std::string& name) const;
};

/// What was moved without a name: no access may end here.
inline constexpr const char* unnamed = "(unnamed)";

}  // namespace gradepth::inline simt::meter
