#pragma once

#include <cstddef>

#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

/// Vectorised loops over the formulas of kernels/activation/functions.h and kernels/cell/*.h. All
/// run on the calling thread, over n contiguous floats; arrays do not overlap unless said.
namespace gradepth::cpu {

/// One activation as loops.
struct Elementwise {
  /// y = f(x)
  void (*forward)(const float* x, float* y, std::ptrdiff_t n);
  /// dx = dy f', with y = f(x). Reads only y if of_output, else only x. dx may be dy.
  void (*backward)(const float* x, const float* y, const float* dy, float* dx, std::ptrdiff_t n);
  /// The number of elements with |f'| < 0.01; reads x or y like backward.
  std::ptrdiff_t (*saturated)(const float* x, const float* y, std::ptrdiff_t n);
  bool of_output;
};

/// Where one row of a step lies: a segment of the units of one sample. Pointers that the cell has
/// no use for are not read.
struct CellForward {
  float* a;                // of the first gate: the pre-activations
  std::ptrdiff_t stride;   // from gate to gate
  float* m;                // with a reset gate: W h + b of the last gate, apart
  const float *h, *c;      // the state
  float *h_next, *c_next;  // out
};
struct CellBackward {
  const float* a;  // what forward left there
  std::ptrdiff_t stride;
  const float* m;
  const float *h, *c, *h_next, *c_next;
  const float* dh;  // at the next state
  float* dc;        // in at the next state, out at the state
  float* da;        // out, `stride` from gate to gate
  float* dm;        // out
  float* carry;     // out: what reaches h past W
};

/// A cell as loops, for slopes of one kind. From the output: the gates' values replace their
/// pre-activations on the way forward, and come back. From the input: the pre-activations stay, and
/// give values and slopes once more on the way back.
struct CellLoops {
  Elementwise act;  // of a cell that takes one
  void (*forward)(const Elementwise& act, const CellForward& at, std::ptrdiff_t n);
  void (*backward)(const Elementwise& act, const CellBackward& at, std::ptrdiff_t n);
};

/// The loops as compiled for one kind of vectors. The bits of a result depend on whether these have
/// fused multiply-adds; sums also run in the same order for all.
struct Loops {
  /// std::invalid_argument for an unknown name. Where y does not say the slope it comes from x,
  /// whatever is asked for.
  Elementwise (*elementwise)(Activation act, SlopeFrom slope);
  /// The same of a cell; `act` is that of one which takes it.
  CellLoops (*cell)(RecurrentCell cell, Activation act, SlopeFrom slope);

  /// x clamped to [-limit, limit]; NaN stays.
  void (*clip)(float* x, float limit, std::ptrdiff_t n);
  /// x *= factor, rounded once: a factor too small for float32 is no loss.
  void (*scale)(float* x, double factor, std::ptrdiff_t n);
  /// v = momentum v + factor · (g clamped to [-limit, limit]),  w -= lr v; each rounded once.
  void (*sgd)(const float* g, float limit, double factor, double lr, double momentum, float* w,
              float* v, std::ptrdiff_t n);
  /// x += y
  void (*add)(float* x, const float* y, std::ptrdiff_t n);
  /// a = x + b; a may be x.
  void (*add_bias)(const float* x, const float* b, float* a, std::ptrdiff_t n);
  /// out = h + A f
  void (*add_scaled)(const float* h, float A, const float* f, float* out, std::ptrdiff_t n);
  /// y = w x
  void (*multiply_by)(float w, const float* x, float* y, std::ptrdiff_t n);

  /// Copies n floats past the caches: for results that are written once and larger than these. Ends
  /// with end_streaming().
  void (*stream)(float* to, const float* from, std::ptrdiff_t n);

  /// Σ x² in float64.
  double (*sum_of_squares)(const float* x, std::ptrdiff_t n);
  /// Σ x y in float64, in order.
  double (*dot)(const float* x, const float* y, std::ptrdiff_t n);
  /// sums[j] = Σ over rows of a [rows, n], row stride lda, for n <= 64: parts of 64 rows in
  /// float32, these in float64.
  void (*column_sums)(const float* a, std::ptrdiff_t rows, std::ptrdiff_t lda, float* sums,
                      std::ptrdiff_t n);
};

/// Those of the vectors in use (host/device/vector_target.h).
const Loops& loops();

}  // namespace gradepth::cpu
