#pragma once

#include <cstdint>

#include "kernels/clip/list.h"
#include "kernels/half.h"
#include "kernels/platform.h"

/// Clips a list of tensors of any size, in place or as part of the weights' update. No norm visits
/// the host: decisions are taken on the device. Numbers are stored as T: float, float16 or
/// bfloat16. Norms, products and updates are float64, and each result is rounded to T once. Results
/// have the same bits on every run and for every number of blocks.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// A list in device memory.
template <class T>
struct ClipTables {
  const ClipChunk<T>* chunks = nullptr;        // [count]
  const ClipState<T>* states = nullptr;        // [count]; null if w and v are not needed
  const std::uint32_t* first_chunk = nullptr;  // [norms + 1]
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
  unsigned decided;                  // launches of clip_norm_on_chip
};

/// Memory of the device that a call needs beside the list.
struct ClipWorkspace {
  double* partials = nullptr;    // [count]; not for clip_value and clip_adaptive
  ClipNorm* norms = nullptr;     // [norms]
  ClipReport* report = nullptr;  // [1], all zero before the first call
};

/// g · min(1, threshold / |g|), by the norm of all tensors (Pascanu et al. 2013) or of each, as the
/// list was cut. Squares of the formats' numbers and their sum neither over- nor underflow in
/// float64. Two launches; the second leaves at once when there is nothing to do.
///   most_blocks: of one launch; the result does not depend on it
template <class T>
void clip_norm(const ClipTables<T>& list, double threshold, const ClipUpdate& update,
               const ClipWorkspace& workspace, const StreamRef& stream,
               std::int64_t most_blocks = 4096);

/// The same, bit for bit, in one cooperative launch that reads the gradient once and keeps it in
/// shared memory until the norm is known.
template <class T>
void clip_norm_on_chip(const ClipTables<T>& list, const ClipPlaces& places, double threshold,
                       const ClipUpdate& update, const ClipWorkspace& workspace,
                       const StreamRef& stream);

/// Each element to [-threshold, threshold], the threshold rounded to T; NaN stays NaN.
template <class T>
void clip_value(const ClipTables<T>& list, double threshold, const ClipUpdate& update,
                const StreamRef& stream);

/// Adaptive clipping of a list cut by units: each by  g · min(1, factor max(|w|, 1e-3) / |g|)
/// (Brock et al. 2021, 2102.06171, equation 3). One launch; one warp per unit, which reads g once
/// if it has at most clip_staged_bytes, and else a second time.
template <class T>
void clip_adaptive(const ClipTables<T>& list, double factor, const ClipUpdate& update,
                   const ClipWorkspace& workspace, const StreamRef& stream,
                   std::int64_t most_blocks = 4096);

/// The smallest |w| that adaptive clipping assumes.
inline constexpr double clip_least_weight = 1e-3;
/// Shared memory of a warp in adaptive clipping.
inline constexpr std::size_t clip_staged_bytes = 6144;

}  // namespace gradepth::inline GRADEPTH_PLATFORM
