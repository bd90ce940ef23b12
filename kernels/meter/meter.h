#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "kernels/meter/counts.h"
#include "kernels/meter/launch_meter.h"

namespace gradepth::inline simt::meter {

/// Counts what kernels do while it lives. One at a time, and one launch at a time: instrumented
/// code finds it by a pointer that the program has once. std::logic_error for a second one.
class Meter {
 public:
  Meter();
  ~Meter();
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

  /// Memory that launches from now on may touch. Its place among the sectors is that of its
  /// address, so align it as a GPU's allocator does: to 256 bytes. What had a name in the same
  /// place before is forgotten: it was freed.
  void name(std::string name, const void* memory, std::size_t bytes);

  /// Calls of zero_async so far, and their bytes.
  struct Zeroed {
    std::uint64_t calls = 0;
    std::uint64_t bytes = 0;
  };
  [[nodiscard]] Zeroed zeroed() const { return zeroed_; }

  /// The launches that have ended since the last call.
  std::vector<LaunchCounts> take();

  // For the hooks.
  static Meter* active();
  void launch_begins(LaunchCounts launch);
  void launch_ends();
  void zeroes(std::size_t bytes);
  /// Null outside of a launch.
  [[nodiscard]] LaunchMeter* launch() const { return launch_.get(); }

 private:
  std::vector<NamedMemory> memory_;
  Zeroed zeroed_;
  std::unique_ptr<LaunchMeter> launch_;
  std::vector<LaunchCounts> ended_;
};

}  // namespace gradepth::inline simt::meter
