#include "tests/meter/known_kernels.h"

namespace gradepth::inline GRADEPTH_PLATFORM::known {
namespace {

__device__ inline int thread() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }
unsigned blocks(int n, int per_block = threads) { return static_cast<unsigned>(n / per_block); }

}  // namespace

__global__ void copy_kernel(int stride, int offset, const float* x, float* y) {
  const int i = thread();
  y[i] = x[i * stride + offset];
}

__global__ void copy_packs_kernel(const float4* x, float4* y) {
  const int i = thread();
  y[i] = x[i];
}

__global__ void sum_of_four_kernel(const float* x, float* y) {
  const int i = thread();
  float sum = 0;
  for (int k = 0; k < 4; ++k) sum += x[i * 4 + k];
  y[i] = sum;
}

__global__ void copy_structs_kernel(const Six* x, Six* y) {
  const int i = thread();
  y[i] = x[i];
}

template <int Padding>
__global__ void transpose_kernel(int n, const float* x, float* y) {
  __shared__ float tile[32][32 + Padding];
  const int tx = static_cast<int>(threadIdx.x);
  const int column = static_cast<int>(blockIdx.x) * 32;
  const int row = static_cast<int>(blockIdx.y) * 32;
  for (int r = static_cast<int>(threadIdx.y); r < 32; r += 8) {
    tile[r][tx] = x[(row + r) * n + column + tx];
  }
  __syncthreads();
  for (int r = static_cast<int>(threadIdx.y); r < 32; r += 8) {
    y[(column + r) * n + row + tx] = tile[tx][r];
  }
}

__global__ void transpose_naively_kernel(int n, const float* x, float* y) {
  const int column = static_cast<int>(blockIdx.x * 32 + threadIdx.x);
  for (int r = static_cast<int>(threadIdx.y); r < 32; r += 8) {
    const int row = static_cast<int>(blockIdx.y) * 32 + r;
    y[column * n + row] = x[row * n + column];
  }
}

__global__ void multiply_kernel(int n, const float* A, const float* B, float* C) {
  __shared__ float a[16][16];
  __shared__ float b[16][17];
  const int tx = static_cast<int>(threadIdx.x);
  const int ty = static_cast<int>(threadIdx.y);
  const int row = static_cast<int>(blockIdx.y) * 16 + ty;
  const int column = static_cast<int>(blockIdx.x) * 16 + tx;
  float sum = 0;
  for (int k0 = 0; k0 < n; k0 += 16) {
    a[ty][tx] = A[row * n + k0 + tx];
    b[ty][tx] = B[(k0 + ty) * n + column];
    __syncthreads();
    for (int k = 0; k < 16; ++k) sum += a[ty][k] * b[k][tx];
    __syncthreads();
  }
  C[row * n + column] = sum;
}

__global__ void reverse_packs_kernel(const float4* x, float4* y) {
  __shared__ float4 packs[128];
  packs[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = packs[127 - threadIdx.x];
}

__global__ void store_shared_kernel(int pitch, float* y) {
  auto* const doubles = dynamic_shared<double>();
  doubles[threadIdx.x] = threadIdx.x;
  __syncthreads();
  auto* const floats = dynamic_shared<float>();
  floats[static_cast<int>(threadIdx.x) * pitch] = static_cast<float>(threadIdx.x);
  __syncthreads();
  y[threadIdx.x] = floats[static_cast<int>(threadIdx.x) * pitch];
}

__global__ void begin_late_kernel(int n, const float* x, float* y) {
  const int i = thread();
  float sum = 0;
  for (int k = 0; k < 8; ++k) {
    if (k >= i % 4) sum += x[k * n + i];
  }
  y[i] = sum;
}

__global__ void inner_loop_kernel(int n, int rows, const float* x, float* y) {
  const int i = thread();
  float sum = 0;
  for (int r = 0; r < rows; ++r) {
    const int length = (i * 7 + r * 3) % 5;
    for (int j = 0; j < length; ++j) sum += x[(r * 5 + j) * n + i];
  }
  y[i] = sum;
}

__global__ void leave_early_kernel(int n, int rows, const float* x, const float* z, float* y) {
  const int i = thread();
  float sum = 0;
  for (int r = 0; r < rows; ++r) {
    const float v = x[r * n + i];
    if (v > 1.F) break;
    if (v < 0.F) sum += z[r * n + i];
    sum += v;
  }
  y[i] = sum;
}

__global__ void histogram_kernel(int n, const int* x, int* counts) {
  __shared__ int own[64];
  if (threadIdx.x < 64) own[threadIdx.x] = 0;
  __syncthreads();
  for (int i = thread(); i < n; i += static_cast<int>(gridDim.x * blockDim.x)) {
    atomicAdd(&own[x[i]], 1);
  }
  __syncthreads();
  if (threadIdx.x < 64) atomicAdd(&counts[threadIdx.x], own[threadIdx.x]);
}

__global__ void chain_kernel(Chain p) {
  auto* const h = dynamic_shared<float>();
  const int j = thread();
  for (int t = 0; t < p.T; ++t) {
    const float* in = p.h + t % 2 * p.H;
    float* out = p.h + (t + 1) % 2 * p.H;
    for (int i = static_cast<int>(threadIdx.x); i < p.H; i += 32) h[i] = load_exchanged(in + i);
    __syncthreads();
    if (j < p.H) {
      float sum = p.x[t * p.H + j];
      for (int k = 0; k < p.H; ++k) sum += p.W[k * p.H + j] * h[k];
      out[j] = sum;
    }
    if (p.counter == nullptr) {
      cooperative_groups::this_grid().sync();
    } else {
      __syncthreads();
      if (threadIdx.x == 0) {
        add_release(p.counter, 1);
        const unsigned all = static_cast<unsigned>(t + 1) * gridDim.x;
        spin_until([&] { return load_acquire(p.counter) >= all; });
      }
      __syncthreads();
    }
  }
}

void copy(int n, int stride, int offset, const float* x, float* y, const StreamRef& stream) {
  launch(copy_kernel, blocks(n), threads, 0, stream, stride, offset, x, y);
}
void copy_packs(int n, const float4* x, float4* y, const StreamRef& stream) {
  launch(copy_packs_kernel, blocks(n), threads, 0, stream, x, y);
}
void sum_of_four(int n, const float* x, float* y, const StreamRef& stream) {
  launch(sum_of_four_kernel, blocks(n), threads, 0, stream, x, y);
}
void copy_structs(int n, const Six* x, Six* y, const StreamRef& stream) {
  launch(copy_structs_kernel, blocks(n), threads, 0, stream, x, y);
}
void transpose(int n, bool padded, const float* x, float* y, const StreamRef& stream) {
  const dim3 grid(blocks(n, 32), blocks(n, 32));
  launch(padded ? transpose_kernel<1> : transpose_kernel<0>, grid, dim3(32, 8), 0, stream, n, x, y);
}
void transpose_naively(int n, const float* x, float* y, const StreamRef& stream) {
  launch(transpose_naively_kernel, dim3(blocks(n, 32), blocks(n, 32)), dim3(32, 8), 0, stream, n, x,
         y);
}
void multiply(int n, const float* A, const float* B, float* C, const StreamRef& stream) {
  launch(multiply_kernel, dim3(blocks(n, 16), blocks(n, 16)), dim3(16, 16), 0, stream, n, A, B, C);
}
void reverse_packs(const float4* x, float4* y, const StreamRef& stream) {
  launch(reverse_packs_kernel, 1, 128, 0, stream, x, y);
}
void store_shared(int pitch, float* y, const StreamRef& stream) {
  const auto floats = static_cast<std::size_t>(pitch) * 32;
  launch(store_shared_kernel, 1, 32, std::max(floats * 4, std::size_t{256}), stream, pitch, y);
}
void begin_late(int n, const float* x, float* y, const StreamRef& stream) {
  launch(begin_late_kernel, blocks(n), threads, 0, stream, n, x, y);
}
void inner_loop(int n, int rows, const float* x, float* y, const StreamRef& stream) {
  launch(inner_loop_kernel, blocks(n), threads, 0, stream, n, rows, x, y);
}
void leave_early(int n, int rows, const float* x, const float* z, float* y,
                 const StreamRef& stream) {
  launch(leave_early_kernel, blocks(n), threads, 0, stream, n, rows, x, z, y);
}
void histogram(int n, const int* x, int* counts, const StreamRef& stream) {
  launch(histogram_kernel, 4, threads, 0, stream, n, x, counts);
}
void run_chain(const Chain& chain, const StreamRef& stream) {
  if (chain.counter != nullptr) zero_async(chain.counter, sizeof *chain.counter, stream);
  launch_cooperative(chain_kernel, static_cast<unsigned>((chain.H + 31) / 32), 32,
                     static_cast<std::size_t>(chain.H) * sizeof(float), stream, chain);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM::known
