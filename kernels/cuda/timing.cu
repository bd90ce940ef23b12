#include "kernels/cuda/timing.h"

#include <cuda/atomic>

#include "kernels/cuda/launch.h"

namespace gradepth::inline cuda {
namespace {

__device__ long long device_nanoseconds() {
  long long now = 0;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
}

__global__ void hold_kernel(const int* released, int* gave_up, long long timeout_ns) {
  const long long begin = device_nanoseconds();
  const ::cuda::atomic_ref<const int, ::cuda::thread_scope_system> flag(*released);
  while (flag.load(::cuda::memory_order_acquire) == 0) {
    if (device_nanoseconds() - begin < timeout_ns) continue;
    ::cuda::atomic_ref<int, ::cuda::thread_scope_system>(*gave_up).store(
        1, ::cuda::memory_order_release);
    return;
  }
}

__global__ void read_clocks_kernel(ClockReading* readings, int processors) {
  unsigned processor = 0;
  asm volatile("mov.u32 %0, %smid;" : "=r"(processor));
  // Processors may be numbered with gaps.
  if (processor >= static_cast<unsigned>(processors)) return;
  // Several blocks may meet on one processor: any of their readings will do, so long as it comes
  // whole, in one 16-byte store.
  reinterpret_cast<longlong2*>(readings)[processor] = {clock64(), device_nanoseconds()};
}

}  // namespace

void hold_stream(const int* released, int* gave_up, long long timeout_ns, cudaStream_t stream) {
  launch(hold_kernel, dim3(1), dim3(1), 0, stream, released, gave_up, timeout_ns);
}

void read_clocks(ClockReading* readings, int processors, cudaStream_t stream) {
  constexpr unsigned blocks_each = 4;  // so that hardly any processor is left out
  launch(read_clocks_kernel, dim3(blocks_each * static_cast<unsigned>(processors)), dim3(1), 0,
         stream, readings, processors);
}

}  // namespace gradepth::inline cuda
