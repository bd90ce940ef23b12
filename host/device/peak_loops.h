#pragma once

#include <cstddef>

/// The loops that a processor's limits are measured with, on the vectors in use
/// (host/device/vector_target.h).
namespace gradepth {

struct PeakLoops {
  /// STREAM's triad: a = b + s c.
  void (*triad)(float* a, const float* b, const float* c, float s, std::ptrdiff_t n);
  /// What multiply_add() did: `keep` depends on all of it, so that none can be left out.
  struct Work {
    double flops;
    float keep;
  };
  /// `steps` float32 multiply-adds in each of as many independent vectors as hide their latency.
  Work (*multiply_add)(int steps);
};

const PeakLoops& peak_loops();

}  // namespace gradepth
