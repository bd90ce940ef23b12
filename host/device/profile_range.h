#pragma once

#include <string>

namespace gradepth {

/// A named span of time on this thread, from construction to destruction, which Nsight shows
/// (NVTX). Some nanoseconds without a tool; nothing at all in a build without CUDA.
class ProfileRange {
 public:
  /// A '/' of the name is shown as '.', since ncu's filter reads it as a level of nesting.
  explicit ProfileRange(std::string name);
  ProfileRange(const ProfileRange&) = delete;
  ProfileRange& operator=(const ProfileRange&) = delete;
  ~ProfileRange();  // NOLINT(performance-trivially-destructible): not so with CUDA
};

}  // namespace gradepth
