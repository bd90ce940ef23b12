#pragma once

#include <cstdint>

#include "kernels/activation/activation.h"
#include "kernels/platform.h"
#include "kernels/recurrence/step_statistics.h"

/// One map of a chain, pointwise: what stands between two products with W. Recurrent (Elman) and
/// feed-forward nets are the same here, a chain of maps step by step; in a recurrent net they share
/// W. Statistics of the gradient are taken on the way, so that measuring costs no extra pass.
///
/// A state has n elements: `rows` samples of `units` of `pixels` (1, or those of an image).
namespace gradepth::inline GRADEPTH_PLATFORM {

/// h' = skip + scale · f(a),  a = W h + x + b.
///   elman, mlp, cnn: skip null, scale 1;   residual: skip = h;   scaled residual: scale = A
struct PointwiseForward {
  std::int64_t rows = 0;
  std::int64_t units = 0;
  std::int64_t pixels = 1;
  float* a = nullptr;           // [n] in: W h; out: a
  const float* x = nullptr;     // [n] or null
  const float* b = nullptr;     // [units]
  const float* skip = nullptr;  // [n] or null
  float scale = 1;
  float* h = nullptr;  // [n] out: h'
};

/// dh' = through + past, measured, then clipped to ±clip_value; da = scale · dh' · f'(a).
struct PointwiseBackward {
  std::int64_t n = 0;
  const float* through = nullptr;  // [n] or null: what came back through the map behind, Wᵀ da
  const float* past = nullptr;     // [n] or null: what came past it: dL/dy_t, or a residual's skip
  float clip_value = 0;            // 0: off
  float scale = 1;
  const float* a = nullptr;    // [n]
  const float* y = nullptr;    // [n] f(a), or null: then it is computed again where it is needed
  float* dh = nullptr;         // [n] out or null: dh' before the clip
  float* passed = nullptr;     // [n] out or null: dh' after the clip; may be `past`
  float* da = nullptr;         // [n] out or null (state 0 has no map before it)
  double* partials = nullptr;  // [step_quantities, step_blocks(n)] out: sums of this step by block;
                               // null: not measured
};

/// The two of an activation: looked up once, when a plan is made.
struct PointwiseKernels {
  void (*forward)(const PointwiseForward& p, const StreamRef& stream);
  void (*backward)(const PointwiseBackward& p, const StreamRef& stream);
};
PointwiseKernels pointwise_kernels(Activation act);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
