#pragma once

#include "kernels/platform.h"

/// Kernels whose costs can be worked out by hand, for the tests of the meter. n is a multiple of
/// the threads of a block (256, unless said otherwise).
namespace gradepth::inline GRADEPTH_PLATFORM::known {

inline constexpr int threads = 256;

/// y[i] = x[stride i + offset], i < n
void copy(int n, int stride, int offset, const float* x, float* y, const StreamRef& stream);
/// y[i] = x[i], 16 bytes at a time; n packs
void copy_packs(int n, const float4* x, float4* y, const StreamRef& stream);
/// y[i] = x[4i] + … + x[4i + 3], read one by one
void sum_of_four(int n, const float* x, float* y, const StreamRef& stream);

struct Six {
  float v[6];
};
/// y[i] = x[i]: the struct has no alignment that would allow 8 bytes at a time
void copy_structs(int n, const Six* x, Six* y, const StreamRef& stream);

/// y = xᵀ, [n, n], n a multiple of 32, through a 32 x 32 tile in shared memory: its rows 32 apart,
/// or 33 (padded). Blocks of 32 x 8.
void transpose(int n, bool padded, const float* x, float* y, const StreamRef& stream);
/// The same without shared memory.
void transpose_naively(int n, const float* x, float* y, const StreamRef& stream);
/// C = A B, [n, n], n a multiple of 16, through tiles A[16][16] and B[16][17] in shared memory.
void multiply(int n, const float* A, const float* B, float* C, const StreamRef& stream);
/// Reverses 128 packs through shared memory; one block of 128.
void reverse_packs(const float4* x, float4* y, const StreamRef& stream);
/// Each thread stores doubles in shared memory, then floats `pitch` apart; one block of 32.
void store_shared(int pitch, float* y, const StreamRef& stream);

/// y[i] = Σ_{k = i % 4}^{7} x[k, i]: lanes begin at different iterations.   x [8, n]
void begin_late(int n, const float* x, float* y, const StreamRef& stream);
/// y[i] = Σ_r Σ_{j < (7 i + 3 r) % 5} x[r, j, i]: an inner loop of different lengths.   x [rows, 5,
/// n]
void inner_loop(int n, int rows, const float* x, float* y, const StreamRef& stream);
/// Adds x[r, i] for r = 0, 1, … until one is above 1; where it is negative z[r, i] too.
///   x, z [rows, n]
void leave_early(int n, int rows, const float* x, const float* z, float* y,
                 const StreamRef& stream);

/// counts[x[i]] += 1: in shared memory first, then in global memory. 4 blocks.   counts [64]
void histogram(int n, const int* x, int* counts, const StreamRef& stream);

/// h_{t+1} = W h_t + x_t over T steps, one thread per unit, 32 per block; a cooperative launch with
/// grid.sync behind each step, or with a counter that blocks wait for.
///   W [H, H], x [T, H], h [2, H], counter [1]: zeroed here
struct Chain {
  int T = 0;
  int H = 0;
  const float* W = nullptr;
  const float* x = nullptr;
  float* h = nullptr;
  unsigned* counter = nullptr;  // null: grid.sync
};
void run_chain(const Chain& chain, const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM::known
