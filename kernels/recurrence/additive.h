#pragma once

#include <cstdint>

#include "kernels/platform.h"

/// The additive recurrence with one scalar weight w, element by element:
///   f_{t+1} = w (f_t + … + f_{t-terms+1}), states before f_0 being 0
namespace gradepth::inline GRADEPTH_PLATFORM {

struct Additive {
  std::int64_t terms = 2;  // that a state adds up; T: all
  std::int64_t T = 0;
  std::int64_t n = 0;             // elements of a state, [B, H]
  const float* w = nullptr;       // [1]
  float* h = nullptr;             // [T + 1, n] states f_0 … f_T; f_0 is given
  float* a = nullptr;             // [T, n] what w multiplies: f_{t+1} = w a_t
  const float* dy = nullptr;      // [T, n] dL/df_{t+1} from outside
  float clip_value = 0;           // of dL/df_t, t = 1 … T; 0: off
  float* dh0 = nullptr;           // [n] out
  float* dh = nullptr;            // [T + 1, n] out or null: dL/df_t before the clip
  float* da = nullptr;            // [T, n] out: dL/d(w a_t), dL/df_{t+1} after the clip; may be
                                  // null where the net is not windowed
  double* partials = nullptr;     // [T + 1, step_quantities, additive_blocks(n)] out, or null
  double* dw_partials = nullptr;  // [additive_blocks(n)] out: dL/dw by block
};

/// Whether a step adds up states from memory: neither all, whose sum goes on from step to step, nor
/// the last two, which a thread keeps. That takes min(terms, t) loads and additions in step t; to
/// add the newest to a sum and take the oldest out would be one, but then a state that has become
/// small stands beside the rounding of those that were large.
inline bool is_windowed(const Additive& net) { return net.terms != net.T && net.terms != 2; }

std::int64_t additive_blocks(std::int64_t n);

void additive_forward(const Additive& net, const StreamRef& stream);
void additive_backward(const Additive& net, const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
