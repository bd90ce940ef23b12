#pragma once

#include "kernels/clip/norm.cuh"
#include "kernels/clip/pass.cuh"

/// The launchers of clip.h. Each of f32.cu, f16.cu and bf16.cu instantiates those of every rule for
/// one T.
namespace gradepth::inline GRADEPTH_PLATFORM {

/// One warp per chunk, up to most_blocks.
inline dim3 clip_grid(std::int64_t count, std::int64_t most_blocks) {
  return {std::max(blocks_for(count, block_threads / 32, most_blocks), 1U)};
}

template <class T, class Limit>
void clip_norm(const ClipTables<T>& list, double threshold, const ClipUpdate& update,
               const ClipWorkspace& workspace, const StreamRef& stream, std::int64_t most_blocks) {
  const dim3 grid = clip_grid(list.count, most_blocks);
  launch(clip_squares_kernel<T, Limit>, grid, dim3(block_threads), 0, stream, list, threshold,
         workspace);
  if (list.count == 0) return;
  launch(clip_apply_kernel<T>, grid, dim3(block_threads), 0, stream, list,
         static_cast<const ClipNorm*>(workspace.norms), update);
}

template <class T, class Limit>
OnChipClip<T> plan_clip_norm_on_chip(const ClipPlaces& places) {
  return
      [places, kernel = plan_cooperative_launch(clip_on_chip_kernel<T, Limit>, dim3(places.blocks),
                                                dim3(on_chip_threads), places.shared_bytes)](
          const ClipTables<T>& list, double threshold, const ClipUpdate& update,
          const ClipWorkspace& workspace,
          const StreamRef& stream) { kernel(stream, list, places, threshold, update, workspace); };
}

template <class T, class Limit>
void clip_units(const ClipTables<T>& list, double threshold, const ClipUpdate& update,
                const ClipWorkspace& workspace, const StreamRef& stream, std::int64_t most_blocks) {
  zero_async(&workspace.report->skipped, sizeof workspace.report->skipped, stream);
  if (list.count == 0) return;
  launch(clip_adaptive_kernel<T, Limit>, clip_grid(list.count, most_blocks), dim3(block_threads),
         block_threads / 32 * clip_staged_bytes, stream, list, threshold, update, workspace);
}

template <class T>
void clip_elements(const ClipTables<T>& list, double threshold, const ClipUpdate& update,
                   const ClipWorkspace& /*workspace*/, const StreamRef& stream,
                   std::int64_t most_blocks) {
  if (list.count == 0) return;
  const auto limit = static_cast<float>(rounded_to<T>(threshold));
  launch(clip_value_kernel<T>, clip_grid(list.count, most_blocks), dim3(block_threads), 0, stream,
         list, limit, update);
}

template <class T>
ClipLauncher<T> clip_launcher(ClipMode mode) {
  ClipLauncher<T> launcher;
  with_clip_rule(mode, [&]<class Rule>(Rule) {
    if constexpr (Rule::scope == ClipScope::element) {
      launcher.run = clip_elements<T>;
    } else if constexpr (Rule::scope == ClipScope::unit) {
      launcher.run = clip_units<T, typename Rule::Limit>;
    } else {
      launcher.run = clip_norm<T, typename Rule::Limit>;
      launcher.plan_on_chip = plan_clip_norm_on_chip<T, typename Rule::Limit>;
    }
  });
  return launcher;
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
