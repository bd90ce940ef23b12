#pragma once
#include <cuda_runtime.h>

#include <cstddef>
#include <stdexcept>
#include <string>

namespace gradepth::inline cuda {

/// The CUDA stream that a launcher works on, not owned. 0 is the default stream.
struct StreamRef {
  cudaStream_t handle = nullptr;

  StreamRef() = default;
  // Implicit: whoever has a stream calls launchers with it.
  StreamRef(cudaStream_t stream) : handle(stream) {}  // NOLINT(google-explicit-constructor)
};

namespace detail {

inline void check(cudaError_t status, const char* doing) {
  if (status == cudaSuccess) return;
  throw std::runtime_error(std::string("CUDA: ") + doing + ": " + cudaGetErrorString(status));
}

/// What a kernel may have without asking for more.
inline constexpr std::size_t kSharedBytesByDefault = 48 * 1024;

/// A grid barrier deadlocks unless every block is resident at once. Asks the occupancy of this
/// kernel with this much shared memory: a plan does not know its registers, nor what other users
/// leave of the device.
template <class Kernel>
void check_resident(Kernel* kernel, dim3 grid, dim3 block, std::size_t shared_bytes) {
  int device = 0;
  int processors = 0;
  int blocks_each = 0;
  check(cudaGetDevice(&device), "device");
  check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device),
        "number of multiprocessors");
  check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
            &blocks_each, kernel, static_cast<int>(block.x * block.y * block.z), shared_bytes),
        "occupancy");
  const long long blocks = static_cast<long long>(grid.x) * grid.y * grid.z;
  const long long room = static_cast<long long>(blocks_each) * processors;
  if (blocks > room) {
    throw std::runtime_error("CUDA: cooperative launch of " + std::to_string(blocks) +
                             " blocks: only " + std::to_string(room) + " fit at once");
  }
}

/// Lets `kernel` have as much dynamic shared memory as this device has, whatever this launch needs:
/// the limit is the kernel's, and a smaller one would take it from launches that are planned
/// already.
template <class Kernel>
void allow_shared_memory(Kernel* kernel) {
  int device = 0;
  int bytes = 0;
  cudaFuncAttributes attributes{};
  check(cudaGetDevice(&device), "device");
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
        "shared memory of a block");
  check(cudaFuncGetAttributes(&attributes, kernel), "attributes of a kernel");
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                             bytes - static_cast<int>(attributes.sharedSizeBytes)),
        "dynamic shared memory of a kernel");
}

/// Asks the device for what the launches of `kernel` need.
template <class... P>
void prepare(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes,
             bool cooperative) {
  if (shared_bytes > kSharedBytesByDefault) allow_shared_memory(kernel);
  if (cooperative) check_resident(kernel, grid, block, shared_bytes);
}

/// Starts `kernel`. Does not wait.
template <class... P>
void start(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes, bool cooperative,
           StreamRef stream, P... parameters) {
  cudaLaunchAttribute attribute{};
  attribute.id = cudaLaunchAttributeCooperative;
  attribute.val.cooperative = 1;
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream.handle;
  config.attrs = &attribute;
  config.numAttrs = cooperative ? 1 : 0;
  check(cudaLaunchKernelEx(&config, kernel, parameters...), "kernel launch");
}

}  // namespace detail

/// Sets `bytes` bytes to 0, in the order of the stream.
inline void zero_async(void* memory, std::size_t bytes, StreamRef stream) {
  detail::check(cudaMemsetAsync(memory, 0, bytes, stream.handle), "memset");
}

#ifdef __CUDACC__
/// The block's dynamic shared memory, `shared_bytes` of the launch long, aligned to 16 bytes.
template <class T>
__device__ T* dynamic_shared() {
  // One name and one type for all T: `extern` arrays of different types must not share a name.
  extern __shared__ __align__(16) unsigned char gradepth_dynamic_shared[];
  return reinterpret_cast<T*>(gradepth_dynamic_shared);
}
#endif

}  // namespace gradepth::inline cuda
