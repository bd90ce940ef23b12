#pragma once
/// What the executor tells the meter (kernels/meter). Only in builds with GRADEPTH_METER: in all
/// others each of these is nothing.
#include <cstddef>

#include "kernels/simt/types.h"

namespace gradepth::inline simt::meter {

#ifdef GRADEPTH_SIMT_METER

/// One launch, from its beginning to its end. Reading the arguments is no traffic: on a GPU they
/// lie in constant memory.
class Launch {
 public:
  Launch(const dim3& grid, const dim3& block, std::size_t shared_bytes, void (*kernel)(),
         const void* arguments, std::size_t argument_bytes);
  ~Launch();
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;
};

/// The running thread waits for another block: how often it looks depends on time, and is not
/// counted.
class Wait {
 public:
  Wait();
  ~Wait();
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;
};

/// A block begins and ends on this host thread.
void block_begins(unsigned threads, const std::byte* thread_locals, const std::byte* shared,
                  std::size_t shared_bytes);
void block_ends();
/// The thread with this rank goes on; its stack begins here and is as long as every stack.
void thread_runs(unsigned rank, const std::byte* stack);
void thread_exits(unsigned rank);
/// All threads of the block have met; with `grid`, those of all blocks.
void block_barrier();
void grid_barrier();
/// Lanes of this warp have met in a warp operation; `all`: every lane that the warp has.
void warp_meets(unsigned warp, bool all);
/// An atomic operation of the running thread.
void atomic(const void* address, std::size_t bytes);
/// A memset on the stream.
void zeroes(const void* memory, std::size_t bytes);

#else

struct Launch {
  Launch(const dim3& /*grid*/, const dim3& /*block*/, std::size_t /*shared_bytes*/,
         void (* /*kernel*/)(), const void* /*arguments*/, std::size_t /*argument_bytes*/) {}
};
struct Wait {
  Wait() {}  // NOLINT(modernize-use-equals-default): a variable of it is used
};
inline void block_begins(unsigned /*threads*/, const std::byte* /*thread_locals*/,
                         const std::byte* /*shared*/, std::size_t /*shared_bytes*/) {}
inline void block_ends() {}
inline void thread_runs(unsigned /*rank*/, const std::byte* /*stack*/) {}
inline void thread_exits(unsigned /*rank*/) {}
inline void block_barrier() {}
inline void grid_barrier() {}
inline void warp_meets(unsigned /*warp*/, bool /*all*/) {}
inline void atomic(const void* /*address*/, std::size_t /*bytes*/) {}
inline void zeroes(const void* /*memory*/, std::size_t /*bytes*/) {}

#endif

}  // namespace gradepth::inline simt::meter
