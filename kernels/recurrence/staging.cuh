#pragma once

#include <cstdint>

#include "kernels/platform.h"

/// Filling a block's shared memory with rows that the warps then multiply. Rows are `pitch` floats
/// apart there, a multiple of 4; behind their last number they hold zeros up to the pitch.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// Zeros behind the first `depth` numbers of each row.
__device__ inline void clear_padding(float* to, int rows, int pitch, int depth) {
  const int padding = pitch - depth;
  for (int i = static_cast<int>(threadIdx.x); i < rows * padding;
       i += static_cast<int>(blockDim.x)) {
    to[i / padding * pitch + depth + i % padding] = 0;
  }
}

/// Rows of W for some units, all gates of a unit side by side: row r is gate r % Gates of unit
/// first_unit + r / Gates.
///   W [Gates * H, H], to [rows, pitch]
template <int Gates>
__device__ void stage_rows(float* to, int rows, int pitch, const float* W, std::int64_t H,
                           std::int64_t first_unit) {
  const int warps = static_cast<int>(blockDim.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (int r = static_cast<int>(threadIdx.x) / 32; r < rows; r += warps) {
    const float* const row = W + (r % Gates * H + first_unit + r / Gates) * H;
    for (int k = lane; k < H; k += 32) to[r * pitch + k] = row[k];
  }
  clear_padding(to, rows, pitch, static_cast<int>(H));
}

/// Rows of Wᵀ for some units: row r is column first_unit + r of W.
///   W [depth, H], to [rows, pitch]
/// A warp takes eight columns of four rows of W: their parts of 32 bytes are read whole, and with
/// an odd number of 16-byte pieces per row the 32 numbers go to 32 different banks.
__device__ inline void stage_columns(float* to, int rows, int pitch, const float* W, int depth,
                                     std::int64_t H, std::int64_t first_unit) {
  constexpr int columns = 8;
  constexpr int depths = 4;
  const int warps = static_cast<int>(blockDim.x) / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int first_depth = static_cast<int>(threadIdx.x) / 32 * depths + lane / columns;
  for (int k = first_depth; k < depth; k += warps * depths) {
    for (int r = lane % columns; r < rows; r += columns) {
      to[r * pitch + k] = W[k * H + first_unit + r];
    }
  }
  clear_padding(to, rows, pitch, depth);
}

/// Copies words of a kind (float, float4) that other running blocks wrote.
///   from [rows, words], to [rows, pitch]
template <class Word>
__device__ void stage_words(Word* to, int pitch, const Word* from, int rows, int words) {
  // The loads of a round are all under way before the first store: they are never reordered, and
  // one after the other each would cost a trip to L2.
  constexpr int in_flight = 8;
  const int threads = static_cast<int>(blockDim.x);
  const int thread = static_cast<int>(threadIdx.x);
  const int all = rows * words;
  // Row and word of a thread go on by the same step each time: no division in the loop.
  const int rows_on = threads / words;
  const int words_on = threads % words;
  int row = thread / words;
  int k = thread % words;
  for (int first = thread; first < all; first += in_flight * threads) {
    Word word[in_flight];
    int place[in_flight];
    for (int j = 0; j < in_flight; ++j) {
      const int i = first + j * threads;
      word[j] = i < all ? load_exchanged(from + i) : Word{};
      place[j] = row * pitch + k;
      row += rows_on;
      k += words_on;
      if (k >= words) {
        k -= words;
        ++row;
      }
    }
    for (int j = 0; j < in_flight; ++j) {
      if (first + j * threads < all) to[place[j]] = word[j];
    }
  }
}

/// Vectors that other blocks of the launch wrote before the last barrier. What lies behind their
/// end stays as clear_padding left it.
///   from [rows, depth], to [rows, pitch]
__device__ inline void stage_exchanged(float* to, int pitch, const float* from, int rows,
                                       int depth) {
  const bool pieces = depth % 4 == 0 && reinterpret_cast<std::uintptr_t>(from) % 16 == 0;
  if (pieces) {
    stage_words(reinterpret_cast<float4*>(to), pitch / 4, reinterpret_cast<const float4*>(from),
                rows, depth / 4);
  } else {
    stage_words(to, pitch, from, rows, depth);
  }
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
