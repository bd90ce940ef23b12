#pragma once

#include <numeric>
#include <string_view>
#include <vector>

#include "kernels/clip/clip.h"
#include "tests/kernels/support.h"

/// A list of tensors to clip, in "device" memory, for the tests of clipping.
namespace gradepth::testing {

inline std::int64_t total(const std::vector<std::int64_t>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
}

template <class T>
std::vector<double> widened(const std::vector<T>& numbers) {
  std::vector<double> out(numbers.size());
  std::transform(numbers.begin(), numbers.end(), out.begin(),
                 [](T x) { return static_cast<double>(static_cast<float>(x)); });
  return out;
}

/// The relative error of rounding to T, and the distance of its smallest numbers.
template <class T>
constexpr double unit_of = std::is_same_v<T, float>     ? 0x1p-24
                           : std::is_same_v<T, float16> ? 0x1p-11
                                                        : 0x1p-8;
template <class T>
constexpr double least_spacing = std::is_same_v<T, float>     ? 0x1p-149
                                 : std::is_same_v<T, float16> ? 0x1p-24
                                                              : 0x1p-133;

/// How a list is laid out.
struct ListShape {
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> units = {};  // of each tensor; empty: 1
  std::int64_t offset = 0;               // of g from a 16-byte address, in elements
  std::int64_t state_offset = 0;         // of w and v
};

/// The tensors lie one after the other, so that most start off a 16-byte address.
template <class T>
class List {
 public:
  List(const ListShape& shape, ClipMode rule, const std::vector<float>& g,
       const std::vector<float>& w = {}, const std::vector<float>& v = {})
      : g_(stored<T>(g), shape.offset),
        w_(stored<T>(w), shape.state_offset),
        v_(stored<T>(v), shape.state_offset),
        launcher_(clip_launcher<T>(rule)),
        list_(cut(shape, rule->scope, !w.empty(), !v.empty())),
        chunks_(list_.chunks),
        states_(list_.states),
        first_chunk_(list_.first_chunk),
        sizes_(list_.sizes),
        partials_(list_.count()),
        norms_(list_.norms()),
        report_(std::vector<ClipReport>(1)),
        workspace_{partials_.data(), norms_.data(), report_.data()} {}

  [[nodiscard]] ClipTables<T> tables() const {
    return {chunks_.data(), states_.data(), first_chunk_.data(),
            sizes_.data(),  list_.count(),  list_.norms()};
  }
  void clip(double threshold, const ClipUpdate& update = {}, const StreamRef& stream = {},
            std::int64_t most_blocks = clip_most_blocks) {
    launcher_.run(tables(), threshold, update, workspace_, stream, most_blocks);
  }
  void clip_on_chip(double threshold, const ClipUpdate& update = {}, const StreamRef& stream = {},
                    int blocks = 3) {
    const ClipPlacement placement = place_on_chip(list_, blocks, std::size_t{200} << 10);
    ASSERT_GT(placement.blocks(), 0U) << "the list does not fit";
    const Memory first(placement.first_of_block);
    const Memory slot(placement.slot);
    const ClipPlaces places{first.data(), slot.data(), placement.blocks(), placement.shared_bytes};
    launcher_.plan_on_chip(places)(tables(), threshold, update, workspace_, stream);
  }

  [[nodiscard]] std::vector<T> g() const { return g_.read(); }
  [[nodiscard]] std::vector<T> w() const { return w_.read(); }
  [[nodiscard]] std::vector<T> v() const { return v_.read(); }
  [[nodiscard]] std::vector<ClipNorm> norms() const {
    (void)partials_.read();  // checks the guards
    return norms_.read();
  }
  [[nodiscard]] ClipReport report() const { return report_.read()[0]; }
  [[nodiscard]] const ClipList<T>& list() const { return list_; }

  /// All numbers that a call may change, one after the other.
  [[nodiscard]] std::vector<T> everything() const {
    std::vector<T> all = g();
    for (const auto& more : {w(), v()}) all.insert(all.end(), more.begin(), more.end());
    return all;
  }

 private:
  ClipList<T> cut(const ListShape& shape, ClipScope scope, bool has_w, bool has_v) const {
    std::vector<ClipTensor<T>> tensors;
    std::int64_t at = 0;
    for (std::size_t i = 0; i < shape.sizes.size(); ++i) {
      tensors.push_back({.g = g_.data() + at,
                         .size = shape.sizes[i],
                         .w = has_w ? w_.data() + at : nullptr,
                         .v = has_v ? v_.data() + at : nullptr,
                         .units = shape.units.empty() ? 1 : shape.units[i]});
      at += shape.sizes[i];
    }
    return make_clip_list<T>(tensors, scope);
  }

  Memory<T> g_, w_, v_;
  ClipLauncher<T> launcher_;
  ClipList<T> list_;
  Memory<ClipChunk<T>> chunks_;
  Memory<ClipState<T>> states_;
  Memory<std::uint32_t> first_chunk_;
  Memory<double> sizes_;
  Memory<double> partials_;
  Memory<ClipNorm> norms_;
  Memory<ClipReport> report_;
  ClipWorkspace workspace_;
};

/// Thousands of small tensors, some empty; hundreds (more than a block has threads) under
/// AddressSanitizer and dozens under ThreadSanitizer, which are slow.
inline std::vector<std::int64_t> thousands() {
  const std::int64_t count = thread_sanitizer ? 60 : address_sanitizer ? 500 : 3000;
  std::vector<std::int64_t> sizes;
  for (std::int64_t i = 0; i < count; ++i) sizes.push_back(i % 6);
  return sizes;
}

/// Sizes that are awkward in every way.
inline std::vector<ListShape> list_shapes() {
  constexpr std::int64_t chunk = clip_chunk_size;
  if (thread_sanitizer) return {{{7, 0, 33, 200}, {}, 3, 3}, {{chunk + 11, 64}}};  // slow there
  return {{{}},
          {{0}},
          {{1}},
          {{1}, {}, 1},
          {{2, 1}},
          {{7, 0, 33, 200}, {}, 0, 1},
          {{7, 0, 33, 200}, {}, 3, 3},
          {{chunk}},
          {{chunk - 1, 1, chunk + 1}, {}, 1, 2},
          {{5, 3 * chunk + 11, 0, 0, 64}},
          {{40 * chunk, 9}},  // one norm of more chunks than a thread adds up
          {thousands()}};
}

inline double norm_of(const std::vector<double>& values, std::size_t first, std::size_t n) {
  double sum = 0;
  for (std::size_t i = first; i < first + n; ++i) sum += values[i] * values[i];
  return std::sqrt(sum);
}

}  // namespace gradepth::testing
