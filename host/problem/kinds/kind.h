#pragma once

#include <cstdint>
#include <string>
#include <string_view>

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

/// Whether the tensor is the squared norm of each step's gradients: float64 on every provider, and
/// left out by one that cannot see inside.
constexpr bool is_norm2(std::string_view tensor) {
  return tensor == "dh_norm2" || tensor == "da_norm2";
}

namespace kinds {

/// The parts of a problem's name, in parts.h.
template <class P>
struct Parts;

}  // namespace kinds
}  // namespace gradepth
