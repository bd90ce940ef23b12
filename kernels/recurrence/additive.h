#pragma once

#include <cstdint>

#include "kernels/platform.h"

/// The additive recurrence with one scalar weight w, element by element:
///   two-term  f_{t+1} = w (f_t + f_{t-1}), f_{-1} = 0
///   sum       f_{t+1} = w (f_0 + … + f_t)
namespace gradepth::inline GRADEPTH_PLATFORM {

struct Additive {
  bool sum = false;  // the form
  std::int64_t T = 0;
  std::int64_t n = 0;             // elements of a state, [B, H]
  const float* w = nullptr;       // [1]
  float* h = nullptr;             // [T + 1, n] states f_0 … f_T; f_0 is given
  float* a = nullptr;             // [T, n] what w multiplies: f_{t+1} = w a_t
  const float* dy = nullptr;      // [T, n] dL/df_{t+1} from outside
  float clip_value = 0;           // of dL/df_t, t = 1 … T; 0: off
  float* dh0 = nullptr;           // [n] out
  float* dh = nullptr;            // [T + 1, n] out or null: dL/df_t before the clip
  float* da = nullptr;            // [T, n] out or null: dL/d(w a_t), dL/df_{t+1} after the clip
  double* partials = nullptr;     // [T + 1, step_quantities, additive_blocks(n)] out, or null
  double* dw_partials = nullptr;  // [additive_blocks(n)] out: dL/dw by block
};

std::int64_t additive_blocks(std::int64_t n);

void additive_forward(const Additive& net, const StreamRef& stream);
void additive_backward(const Additive& net, const StreamRef& stream);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
