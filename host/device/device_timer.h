#pragma once

#include <functional>

namespace gradepth {

/// What a device clock saw.
struct DeviceTime {
  double seconds = 0;
  double clock = 1;  // the processors' rate meanwhile, as a share of their default rate
};

/// What a device can do at best, from its data sheet: its driver names clocks and widths.
struct DeviceRates {
  double bytes_per_second = 0;  // main memory
  double flops_per_second = 0;  // f32 fused multiply-adds, two operations each
};

/// The clock of a device that works behind the host's back, on the stream of one provider.
///
/// `hold`: the device waits until the host has queued everything, so that what is timed holds no
/// launch latency. Only for work of some hundred launches: a full queue makes the host wait for a
/// device that waits for the host. Such a knot is cut after a while, and from then on nothing is
/// held.
class DeviceTimer {
 public:
  DeviceTimer() = default;
  DeviceTimer(const DeviceTimer&) = delete;
  DeviceTimer& operator=(const DeviceTimer&) = delete;
  virtual ~DeviceTimer() = default;

  /// So many runs in a row, between two events: what is in a cache stays there.
  virtual DeviceTime hot(const std::function<void()>& run, int runs, bool hold) = 0;
  /// One run between two events, with nothing of it in the L2 cache at first.
  virtual DeviceTime cold(const std::function<void()>& run, bool hold) = 0;
  /// One run, and nothing else, for a profiler that waits for cudaProfilerStart.
  virtual void profile(const std::function<void()>& run) = 0;
  [[nodiscard]] virtual DeviceRates peak() const = 0;
};

}  // namespace gradepth
