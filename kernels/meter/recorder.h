#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/meter/launch_meter.h"
#include "kernels/simt/engine/shared_memory.h"

namespace gradepth::inline simt::meter {

/// What the threads of one running block do, until it is counted. Each host thread has one.
class Recorder {
 public:
  void begin(LaunchMeter& launch, unsigned threads, const std::byte* thread_locals,
             const std::byte* shared, std::size_t shared_bytes, const std::byte* arguments,
             std::size_t argument_bytes);
  void end();

  void run(unsigned rank, const std::byte* stack);
  void exit(unsigned rank);
  void block_barrier();
  void grid_barrier();
  void warp_meets(unsigned warp, bool all);
  void wait_begins();
  void wait_ends();

  /// The running thread loads or stores; `code` stands behind the access.
  void access(const void* address, std::size_t bytes, bool store, const void* code);
  void atomic(const void* address, std::size_t bytes, const void* code);
  /// It enters a basic block.
  void enter_basic_block(std::uint32_t number);

 private:
  /// One CUDA thread.
  struct Lane {
    Trace trace;
    std::uint32_t basic_block = 0;
    bool waits = false;
    std::uint64_t waited = 0;  // times
  };
  enum class Memory : std::uint8_t { kOwn, kShared, kGlobal };
  struct Located {
    Memory memory;
    std::uint64_t address;
  };

  [[nodiscard]] Located locate(const void* address) const;
  void record(const Located& at, std::size_t bytes, Access access, const void* code);
  void flush(unsigned warp);
  void flush_all();

  LaunchMeter* launch_ = nullptr;
  std::vector<Lane> lanes_;
  std::vector<Trace> warp_;       // those of one warp, while it is counted
  std::vector<unsigned> exited_;  // by warp
  Lane* running_ = nullptr;
  const std::byte* stack_ = nullptr;  // of the running thread
  const std::byte* thread_locals_ = nullptr;
  std::vector<bool> is_shared_;        // by byte of the thread_local variables
  const std::byte* shared_ = nullptr;  // dynamic
  std::size_t shared_bytes_ = 0;
  const std::byte* arguments_ = nullptr;
  std::size_t argument_bytes_ = 0;
  BlockCounts counts_;
  BlockSectors sectors_;
};

/// The recorder of this host thread while it runs a block of a metered launch; else null.
Recorder* recorder();

}  // namespace gradepth::inline simt::meter
