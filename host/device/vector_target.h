#pragma once

#include <string>
#include <vector>

/// Which vector instructions our own loops and products use. They are compiled for several
/// instruction sets, and one is chosen when the program runs (Highway's dynamic dispatch), so that
/// a binary runs on any processor of its architecture.
namespace gradepth {

/// The name that Highway gives the instruction set in use: AVX3 (AVX-512), AVX2, SSE4, NEON, SCALAR
/// … The best that the processor has or, where the environment variable GRADEPTH_VECTOR is set, the
/// one that it names (in any case; AVX512 is AVX3). oneDNN is then held to the same.
/// std::invalid_argument when this processor or this build lacks that one.
std::string vector_target();

/// What `dispatch`, a call of HWY_DYNAMIC_DISPATCH, returns: the target must be chosen before the
/// first one.
template <class Dispatch>
auto on_vector_target(Dispatch&& dispatch) {
  (void)vector_target();
  return dispatch();
}

/// All that this processor and this build have, the best first.
std::vector<std::string> vector_targets();

}  // namespace gradepth
