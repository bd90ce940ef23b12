#include "kernels/cuda/timing.h"

#include "kernels/platform.h"

namespace gradepth::inline cuda {
namespace {

__device__ long long device_nanoseconds() {
  long long now = 0;
  asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
  return now;
}

// As libcu++'s atomic_ref of the system's scope, whose header takes longer to compile than all
// here.
__device__ int load_from_host(const int* p) {
  int value = 0;
  asm volatile("ld.acquire.sys.s32 %0, [%1];" : "=r"(value) : "l"(p) : "memory");
  return value;
}
__device__ void store_to_host(int* p, int value) {
  asm volatile("st.release.sys.s32 [%0], %1;" ::"l"(p), "r"(value) : "memory");
}

__global__ void hold_kernel(const int* released, int* gave_up, long long timeout_ns) {
  const long long begin = device_nanoseconds();
  while (load_from_host(released) == 0) {
    if (device_nanoseconds() - begin < timeout_ns) continue;
    store_to_host(gave_up, 1);
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
