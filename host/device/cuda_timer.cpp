#include "host/device/cuda_timer.h"

#include <cuda_profiler_api.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "host/device/cuda_owners.h"
#include "kernels/cuda/timing.h"

namespace gradepth::inline cuda {
namespace {

constexpr long long hold_timeout_ns = 300'000'000;

int attribute(cudaDeviceAttr which) {
  int device = 0;
  int value = 0;
  check(cudaGetDevice(&device));
  check(cudaDeviceGetAttribute(&value, which, device));
  return value;
}

/// f32 lanes of one multiprocessor, by compute capability (CUDA C++ Programming Guide, "Arithmetic
/// Instructions": results per clock cycle).
int lanes_per_processor() {
  const int major = attribute(cudaDevAttrComputeCapabilityMajor);
  const int minor = attribute(cudaDevAttrComputeCapabilityMinor);
  return major == 7 || (major == 8 && minor == 0) ? 64 : 128;
}

/// Host memory that the device sees: two flags, which say that the stream may go on, and that the
/// device has stopped to wait for that.
class HoldFlags {
 public:
  HoldFlags() {
    void* memory = nullptr;
    check(cudaHostAlloc(&memory, 2 * sizeof(int), cudaHostAllocMapped));
    host_.reset(static_cast<int*>(memory));
    check(cudaHostGetDevicePointer(&memory, host_.get(), 0));
    device_ = static_cast<int*>(memory);
  }
  /// Queues the wait. Nothing may be waiting already.
  void hold(cudaStream_t stream) {
    flag(released).store(0);
    flag(gave_up).store(0);
    hold_stream(device_ + released, device_ + gave_up, hold_timeout_ns, stream);
  }
  void release() { flag(released).store(1); }
  [[nodiscard]] bool timed_out() const { return flag(gave_up).load() != 0; }

 private:
  static constexpr int released = 0;
  static constexpr int gave_up = 1;
  [[nodiscard]] std::atomic_ref<int> flag(int which) const {
    return std::atomic_ref<int>(host_.get()[which]);
  }

  std::unique_ptr<int, Destroyer<cudaFreeHost>> host_;
  int* device_ = nullptr;
};

class CudaTimer final : public DeviceTimer {
 public:
  explicit CudaTimer(cudaStream_t stream)
      : stream_(stream),
        processors_(attribute(cudaDevAttrMultiProcessorCount)),
        flush_(2 * static_cast<std::size_t>(std::max(attribute(cudaDevAttrL2CacheSize), 1 << 20))),
        clocks_(2 * static_cast<std::size_t>(processors_)) {}

  DeviceTime hot(const std::function<void()>& run, int runs, bool hold) override {
    return time(
        [&] {
          for (int i = 0; i < runs; ++i) run();
        },
        hold, false);
  }
  DeviceTime cold(const std::function<void()>& run, bool hold) override {
    return time(run, hold, true);
  }
  void profile(const std::function<void()>& run) override {
    check(cudaStreamSynchronize(stream_));
    check(cudaProfilerStart());
    run();
    check(cudaStreamSynchronize(stream_));
    check(cudaProfilerStop());
  }
  [[nodiscard]] DeviceRates peak() const override {
    constexpr double khz = 1e3;
    constexpr double data_rate = 2;  // transfers per clock of double data rate memory
    const double memory = attribute(cudaDevAttrMemoryClockRate) * khz * data_rate *
                          attribute(cudaDevAttrGlobalMemoryBusWidth) / 8;
    const double flops =
        attribute(cudaDevAttrClockRate) * khz * processors_ * 2.0 * lanes_per_processor();
    return {memory, flops};
  }

 private:
  /// Order on the stream: clocks, flush, wait for the host, event, work, event, clocks.
  DeviceTime time(const std::function<void()>& work, bool hold, bool flush) {
    const bool held = hold && may_hold_;
    read_clocks(clocks_.data(), processors_, stream_);
    if (flush) check(cudaMemsetAsync(flush_.data(), 0, flush_.bytes(), stream_));
    if (held) flags_.hold(stream_);
    try {
      check(cudaEventRecord(begin_.get(), stream_));
      work();
      check(cudaEventRecord(end_.get(), stream_));
      read_clocks(clocks_.data() + processors_, processors_, stream_);
    } catch (...) {
      flags_.release();  // a device that waits for ever would be worse
      throw;
    }
    if (held) flags_.release();
    check(cudaStreamSynchronize(stream_));
    if (held && flags_.timed_out()) may_hold_ = false;
    float ms = 0;
    check(cudaEventElapsedTime(&ms, begin_.get(), end_.get()));
    return {static_cast<double>(ms) * 1e-3, clock_share()};
  }

  /// Median over the multiprocessors of cycles per nanosecond between the two readings, as a share
  /// of the default rate; 1 if no reading is complete.
  double clock_share() {
    std::vector<ClockReading> readings(2 * static_cast<std::size_t>(processors_));
    check(cudaMemcpy(readings.data(), clocks_.data(), clocks_.bytes(), cudaMemcpyDeviceToHost));
    check(cudaMemsetAsync(clocks_.data(), 0, clocks_.bytes(), stream_));
    std::vector<double> rates;
    for (std::size_t i = 0; i < readings.size() / 2; ++i) {
      const ClockReading& first = readings[i];
      const ClockReading& last = readings[i + readings.size() / 2];
      // A multiprocessor that no block met has 0 (or, at first, -1).
      if (first.nanoseconds <= 0 || last.nanoseconds <= first.nanoseconds) continue;
      rates.push_back(static_cast<double>(last.cycles - first.cycles) /
                      static_cast<double>(last.nanoseconds - first.nanoseconds));
    }
    if (rates.empty()) return 1;
    const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
    std::nth_element(rates.begin(), middle, rates.end());
    constexpr double ghz_per_khz = 1e-6;
    return *middle / (attribute(cudaDevAttrClockRate) * ghz_per_khz);
  }

  cudaStream_t stream_;
  int processors_;
  Buffer<char> flush_;           // twice the L2 cache
  Buffer<ClockReading> clocks_;  // before, after: [2, processors]
  HoldFlags flags_;
  Event begin_ = make_event();
  Event end_ = make_event();
  bool may_hold_ = true;  // until a wait has timed out: then the queue cannot take all of a run
};

}  // namespace

std::unique_ptr<DeviceTimer> make_timer(cudaStream_t stream) {
  return std::make_unique<CudaTimer>(stream);
}

}  // namespace gradepth::inline cuda
