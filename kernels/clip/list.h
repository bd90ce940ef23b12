#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <vector>

#include "kernels/clip/rules.h"

/// A list of tensors to clip, cut into pieces of work. Made on the host, copied to the device; T is
/// float, float16 or bfloat16.
namespace gradepth {

/// One tensor of the list, in device memory. What is not needed may be null.
template <class T>
struct ClipTensor {
  T* g;
  std::int64_t size;
  T* w = nullptr;          // [size], the weights: adaptive clipping and SGD
  T* v = nullptr;          // [size], the momentum: SGD
  std::int64_t units = 1;  // rows of g: adaptive clipping
};

/// A piece of one tensor, one warp's work. The list of pieces is flat, so that thousands of small
/// tensors and one large one cost the same. The address modulo 16 decides the order of its sum,
/// nothing else does.
template <class T>
struct alignas(16) ClipChunk {
  T* g;
  std::uint32_t size;
  std::uint32_t unit;  // which norm it belongs to
};
/// The weights and momentum of the same piece.
template <class T>
struct alignas(16) ClipState {
  T* w;
  T* v;
};

/// Elements of a chunk, at most; a unit is one chunk, whatever its length.
inline constexpr std::int64_t clip_chunk_size = 2048;

template <class T>
struct ClipList {
  std::vector<ClipChunk<T>> chunks;
  std::vector<ClipState<T>> states;        // as many as chunks
  std::vector<std::uint32_t> first_chunk;  // [norms + 1]: those of one norm follow each other
  std::vector<double> sizes;               // [norms]: elements that share it

  [[nodiscard]] std::int64_t norms() const {
    return static_cast<std::int64_t>(first_chunk.size()) - 1;
  }
  [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(chunks.size()); }
};

/// Cuts the tensors. Empty ones have no chunk and no unit, but a norm where every tensor has one.
/// std::invalid_argument if a list is too long for its 32-bit numbers.
template <class T>
ClipList<T> make_clip_list(std::span<const ClipTensor<T>> tensors, ClipScope scope) {
  constexpr std::int64_t most = std::numeric_limits<std::uint32_t>::max();
  ClipList<T> list;
  list.first_chunk.push_back(0);
  const auto end_norm = [&] {
    double size = 0;
    for (std::size_t c = list.first_chunk.back(); c < list.chunks.size(); ++c) {
      size += list.chunks[c].size;
    }
    list.sizes.push_back(size);
    list.first_chunk.push_back(static_cast<std::uint32_t>(list.chunks.size()));
  };
  for (const ClipTensor<T>& tensor : tensors) {
    const bool by_unit = scope == ClipScope::unit;
    const std::int64_t step = by_unit ? tensor.size / tensor.units : clip_chunk_size;
    if (step > most) throw std::invalid_argument("a unit of more than 2^32 elements");
    for (std::int64_t at = 0; at < tensor.size; at += step) {
      const auto size = static_cast<std::uint32_t>(std::min(step, tensor.size - at));
      const auto norm = static_cast<std::uint32_t>(list.first_chunk.size() - 1);
      list.chunks.push_back({tensor.g + at, size, norm});
      list.states.push_back({tensor.w == nullptr ? nullptr : tensor.w + at,
                             tensor.v == nullptr ? nullptr : tensor.v + at});
      if (by_unit) end_norm();
    }
    if (scope == ClipScope::tensor) end_norm();
  }
  if (scope == ClipScope::all || scope == ClipScope::element) end_norm();
  if (list.count() > most) throw std::invalid_argument("a list of more than 2^32 pieces");
  return list;
}

/// Elements between the 16-byte address before p and p itself.
template <class T>
std::uint32_t misalignment(const T* p) {
  return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(p) % 16 / sizeof(T));
}

/// Where each chunk lies while the list is on chip: in the shared memory of some block.
struct ClipPlacement {
  std::vector<std::uint32_t> first_of_block;  // [blocks + 1]: chunks of one block
  std::vector<std::uint32_t> slot;            // [count]: elements from the start of its memory
  std::size_t shared_bytes = 0;               // of the fullest block

  [[nodiscard]] unsigned blocks() const { return static_cast<unsigned>(first_of_block.size()) - 1; }
};

/// Spreads the chunks over at most `blocks` blocks with `shared_bytes` each; no blocks if the list
/// does not fit.
template <class T>
ClipPlacement place_on_chip(const ClipList<T>& list, int blocks, std::size_t shared_bytes) {
  const auto bytes_of = [](const ClipChunk<T>& chunk) {
    return (misalignment(chunk.g) + chunk.size) * sizeof(T) / 16 * 16 + 16;
  };
  std::size_t total = 0;
  std::size_t largest = 0;
  for (const ClipChunk<T>& chunk : list.chunks) {
    total += bytes_of(chunk);
    largest = std::max(largest, bytes_of(chunk));
  }
  // An even share and one chunk more never needs more blocks; full blocks need the fewest.
  const std::size_t even = total / static_cast<std::size_t>(std::max(blocks, 1)) + largest;
  for (const std::size_t room : {std::min(even, shared_bytes), shared_bytes}) {
    ClipPlacement placement{{0}, {}, 0};
    std::size_t used = 0;
    for (const ClipChunk<T>& chunk : list.chunks) {
      const std::size_t bytes = bytes_of(chunk);
      if (used + bytes > room) {
        placement.first_of_block.push_back(static_cast<std::uint32_t>(placement.slot.size()));
        used = 0;
      }
      placement.slot.push_back(static_cast<std::uint32_t>(used / sizeof(T)));
      used += bytes;
      placement.shared_bytes = std::max(placement.shared_bytes, used);
    }
    placement.first_of_block.push_back(static_cast<std::uint32_t>(list.chunks.size()));
    const bool fits = placement.shared_bytes <= shared_bytes;
    if (fits && placement.blocks() <= static_cast<unsigned>(blocks)) return placement;
  }
  return {{0}, {}, 0};
}

}  // namespace gradepth
