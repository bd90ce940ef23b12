#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "kernels/clip/list.h"
#include "kernels/half.h"
#include "kernels/platform.h"

/// Clips a list of tensors of any size by a rule of kernels/clip/rules.h, in place or as part of
/// the weights' update. No norm visits the host: decisions are taken on the device. Numbers are
/// stored as T: float, float16 or bfloat16. Norms, products and updates are float64, and each
/// result is rounded to T once. Results have the same bits on every run and for every number of
/// blocks.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// A list in device memory.
template <class T>
struct ClipTables {
  const ClipChunk<T>* chunks = nullptr;        // [count]
  const ClipState<T>* states = nullptr;        // [count]; null if w and v are not needed
  const std::uint32_t* first_chunk = nullptr;  // [norms + 1]
  const double* sizes = nullptr;               // [norms]
  std::int64_t count = 0;
  std::int64_t norms = 0;
};

/// A list's placement in device memory.
struct ClipPlaces {
  const std::uint32_t* first_of_block = nullptr;  // [blocks + 1]
  const std::uint32_t* slot = nullptr;            // [count]
  unsigned blocks = 0;
  std::size_t shared_bytes = 0;
};

/// What happens to the clipped gradient: it is written back; or, with sgd, it is not, and goes
/// straight into the update:  v = momentum v + clipped g,  w -= learning_rate v  (v before it is
/// rounded to T).
struct ClipUpdate {
  bool sgd = false;
  double learning_rate = 0;
  double momentum = 0;
};

/// What became of one norm.
struct ClipNorm {
  double norm;   // of the gradient, before clipping
  double scale;  // what it is multiplied with
};

/// Where a norm is not finite, its tensors stay as they are: no clip, no update.
struct ClipReport {
  unsigned long long skipped;        // norms that were not finite
  unsigned long long skipped_total;  // the same over all calls
  unsigned finished;                 // blocks; 0 between launches
  unsigned decided;                  // launches on chip
};

/// Memory of the device that a call needs beside the list.
struct ClipWorkspace {
  double* partials = nullptr;    // [count]; not by element nor by unit
  ClipNorm* norms = nullptr;     // [norms]; not by element, nor is the report
  ClipReport* report = nullptr;  // [1], all zero before the first call
};

/// A clip on chip of the list with these places, planned: the device has been asked whether it can.
template <class T>
using OnChipClip =
    std::function<void(const ClipTables<T>& list, double threshold, const ClipUpdate& update,
                       const ClipWorkspace& workspace, const StreamRef& stream)>;

/// The launchers of a rule, the same for every list.
///   all, tensor  Squares of the formats' numbers and their sum neither over- nor underflow in
///                float64. Two launches; the second leaves at once when there is nothing to do.
///   unit         One launch; one warp per unit, which reads g once if it has at most
///                clip_staged_bytes, and else a second time.
///   element      One launch. The threshold is rounded to T; NaN stays NaN.
template <class T>
struct ClipLauncher {
  ///   most_blocks: of one launch; the result does not depend on it
  void (*run)(const ClipTables<T>& list, double threshold, const ClipUpdate& update,
              const ClipWorkspace& workspace, const StreamRef& stream,
              std::int64_t most_blocks) = nullptr;
  /// all, tensor: the same, bit for bit, in one cooperative launch that reads the gradient once and
  /// keeps it in shared memory until the norm is known. Else nullptr.
  OnChipClip<T> (*plan_on_chip)(const ClipPlaces& places) = nullptr;
};

/// std::invalid_argument for an unknown rule.
template <class T>
ClipLauncher<T> clip_launcher(ClipMode mode);

inline constexpr std::int64_t clip_most_blocks = 4096;
/// Shared memory of a warp that clips by unit.
inline constexpr std::size_t clip_staged_bytes = 6144;

}  // namespace gradepth::inline GRADEPTH_PLATFORM
