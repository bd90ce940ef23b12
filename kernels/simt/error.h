#pragma once
#include <stdexcept>

namespace gradepth::inline simt {

/// A kernel did what CUDA forbids. The text names the block, the seed of the schedule, and the
/// places in the source; the same seed with one worker shows it again.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace gradepth::inline simt
