#pragma once
/// Barriers and warp operations as kernels write them. The last argument, which kernels leave out,
/// is the place in the source, for error messages and to find threads that wait in different
/// places.
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

// CUDA's names are reserved ones. NOLINTBEGIN(bugprone-reserved-identifier)

namespace gradepth::inline simt {

namespace detail {

using Site = std::source_location;
void sync_threads(Site site);
void sync_warp(unsigned mask, Site site);
std::uint64_t shuffle(unsigned mask, std::uint64_t value, unsigned source, Site site);
unsigned vote(unsigned mask, bool predicate, Site site);
unsigned lane();
[[noreturn]] void trap(Site site);

/// Reads `value` from another lane: any trivially copyable type of at most 8 bytes.
template <class T>
T shuffle_value(unsigned mask, T value, unsigned source, Site site) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= sizeof(std::uint64_t));
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = shuffle(mask, bits, source, site);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// The first lane of the group of `width` lanes that `lane` belongs to.
inline unsigned group_start(unsigned lane, unsigned width) { return lane & ~(width - 1); }

}  // namespace detail

inline void __syncthreads(std::source_location site = std::source_location::current()) {
  detail::sync_threads(site);
}

inline void __syncwarp(unsigned mask = 0xffffffffU,
                       std::source_location site = std::source_location::current()) {
  detail::sync_warp(mask, site);
}

/// The lanes of `mask` whose predicate is not 0.
inline unsigned __ballot_sync(unsigned mask, int predicate,
                              std::source_location site = std::source_location::current()) {
  return detail::vote(mask, predicate != 0, site);
}
inline int __any_sync(unsigned mask, int predicate,
                      std::source_location site = std::source_location::current()) {
  return detail::vote(mask, predicate != 0, site) != 0 ? 1 : 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      std::source_location site = std::source_location::current()) {
  return detail::vote(mask, predicate == 0, site) == 0 ? 1 : 0;
}

/// The value of lane `source` of the own group of `width` lanes (a power of two).
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              std::source_location site = std::source_location::current()) {
  const auto lanes = static_cast<unsigned>(width);
  const unsigned start = detail::group_start(detail::lane(), lanes);
  return detail::shuffle_value(mask, value, start + (static_cast<unsigned>(source) & (lanes - 1)),
                               site);
}

/// The value of the lane whose number differs in the bits of `lane_mask`. Groups before the own can
/// be read, groups behind cannot: then it is the own value, as on the hardware.
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask, int width = 32,
                  std::source_location site = std::source_location::current()) {
  const unsigned lane = detail::lane();
  const auto lanes = static_cast<unsigned>(width);
  const unsigned source = lane ^ static_cast<unsigned>(lane_mask);
  const bool inside = source < detail::group_start(lane, lanes) + lanes;
  return detail::shuffle_value(mask, value, inside ? source : lane, site);
}

/// The value of the lane `delta` above; beyond the group's end it is the own value.
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32,
                   std::source_location site = std::source_location::current()) {
  const unsigned lane = detail::lane();
  const auto lanes = static_cast<unsigned>(width);
  const bool inside = lane - detail::group_start(lane, lanes) + delta < lanes;
  return detail::shuffle_value(mask, value, inside ? lane + delta : lane, site);
}

/// The value of the lane `delta` below; before the group's start it is the own value.
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32,
                 std::source_location site = std::source_location::current()) {
  const unsigned lane = detail::lane();
  const bool inside = delta <= lane - detail::group_start(lane, static_cast<unsigned>(width));
  return detail::shuffle_value(mask, value, inside ? lane - delta : lane, site);
}

/// Stops the kernel with an Error.
[[noreturn]] inline void __trap(std::source_location site = std::source_location::current()) {
  detail::trap(site);
}

}  // namespace gradepth::inline simt

namespace gradepth::inline simt::cooperative_groups {

/// All threads of a cooperative launch.
class grid_group {
 public:
  void sync(std::source_location site = std::source_location::current()) const;
  unsigned long long thread_rank() const;
  unsigned long long size() const;
  bool is_valid() const;
};

/// All threads of the block.
class thread_block {
 public:
  void sync(std::source_location site = std::source_location::current()) const {
    detail::sync_threads(site);
  }
  unsigned thread_rank() const;
  unsigned size() const;
};

inline grid_group this_grid() { return {}; }
inline thread_block this_thread_block() { return {}; }

}  // namespace gradepth::inline simt::cooperative_groups

// NOLINTEND(bugprone-reserved-identifier)
