#pragma once

#include <cstdint>
#include <string>

#include "host/problem/tensor.h"

/// What the kinds of problem are made of. Each kind has a header with its members and tensors, and
/// says there of itself what problem.h asks: problem.cpp passes on.
namespace gradepth {

/// What is asked of a net: its outputs, or a training step, forward and back.
enum class Pass : std::uint8_t { forward, training };

struct TensorSpec {
  std::string name;
  Shape shape;
  /// Whether the first extent counts steps, layers or the states between them: each is judged by
  /// its own size.
  bool by_step = false;
};

namespace kinds {

/// The parts of a problem's name, in parts.h.
template <class P>
struct Parts;

}  // namespace kinds
}  // namespace gradepth
