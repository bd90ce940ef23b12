#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>

#include "host/providers/provider.h"
#include "kernels/linear/gemm.h"
#include "kernels/platform.h"
#include "kernels/recurrence/layout.h"
#include "kernels/simt/sanitizers.h"

namespace gradepth::inline simt {

/// Memory for n elements, "device" memory of the executor. It starts as NaN bytes, so that what
/// nobody wrote is seen in the result, and lies between guard values, so that a write outside is
/// seen by check(). In AddressSanitizer builds there are no guards: it sees such writes at once.
template <class T>
class Buffer {
 public:
  explicit Buffer(std::size_t n)
      : size_(n), bytes_(n * sizeof(T)), memory_(allocate(guard + bytes_ + guard)) {
    std::memset(memory_.get(), guard_byte, guard);
    std::memset(memory_.get() + guard, poison_byte, bytes_);
    std::memset(memory_.get() + guard + bytes_, guard_byte, guard);
  }

  [[nodiscard]] T* data() const { return reinterpret_cast<T*>(memory_.get() + guard); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// std::runtime_error if something was written before or behind the elements.
  void check() const {
    const auto intact = [](const std::byte* first) {
      return std::all_of(first, first + guard, [](std::byte b) { return b == guard_value; });
    };
    if (!intact(memory_.get())) fail("before");
    if (!intact(memory_.get() + guard + bytes_)) fail("behind");
  }

 private:
  static constexpr std::size_t alignment = 64;
  static constexpr std::size_t guard = asan::kEnabled ? 0 : alignment;
  static constexpr int poison_byte = 0xff;  // eight of them are a NaN, and so are four
  static constexpr int guard_byte = 0xa5;
  static constexpr std::byte guard_value{guard_byte};

  struct Free {
    void operator()(std::byte* memory) const noexcept {
      ::operator delete[](memory, std::align_val_t{alignment});
    }
  };
  static std::byte* allocate(std::size_t bytes) {
    return static_cast<std::byte*>(::operator new[](bytes, std::align_val_t{alignment}));
  }
  [[noreturn]] void fail(const char* where) const {
    throw std::runtime_error(std::string("a kernel wrote ") + where + " a buffer of " +
                             std::to_string(size_) + " elements");
  }

  std::size_t size_;
  std::size_t bytes_;
  std::unique_ptr<std::byte[], Free> memory_;
};

/// The executor as a device. Subnormals are kept even if the context would let them go.
class Device {
 public:
  static constexpr std::string_view name = "simt";

  explicit Device(const Context& context) {
    stream_.seed = context.schedule;
    const unsigned threads = context.threads > 0 ? static_cast<unsigned>(context.threads)
                                                 : std::thread::hardware_concurrency();
    stream_.workers = std::max(threads, 1U);
  }

  [[nodiscard]] const StreamRef& stream() const { return stream_; }
  [[nodiscard]] std::string description() const {
    return "CUDA kernels executed on the CPU, " + std::to_string(stream_.workers) + " threads";
  }
  /// What multiplies matrices.
  [[nodiscard]] static std::string gemm_name() { return "tiled GEMM"; }
  void gemm(const Gemm& product) const { simt::gemm(product, stream_); }

  template <class T>
  void upload(T* to, const T* from, std::size_t n) const {
    std::copy_n(from, n, to);
  }
  template <class T>
  void download(T* to, const T* from, std::size_t n) const {
    std::copy_n(from, n, to);
  }
  /// Within the device, in the order of the stream.
  template <class T>
  void copy(T* to, const T* from, std::size_t n) const {
    std::copy_n(from, n, to);
  }
  void wait() const {}

  /// Of a pretend GPU, so small that already the problems of the checks need every variant of a
  /// recurrence.
  [[nodiscard]] static DeviceLimits limits() {
    return {.processors = 6, .shared_per_block = std::size_t{6} * 1024, .l2_bytes = 1 << 20};
  }
  /// What a plan was made for, if that is not this device.
  [[nodiscard]] static std::string planned_for() {
    return "planned for a pretend GPU of 6 multiprocessors with 6 KB";
  }
  /// The executor works on the host's time.
  [[nodiscard]] static std::unique_ptr<DeviceTimer> timer() { return nullptr; }

 private:
  Stream stream_;
};

/// Work that is the same each time. Here it simply runs; a GPU replays a captured graph.
class Recording {
 public:
  template <class Work>
  void run(const Device& /*device*/, Work&& work) {
    work();
  }
};

}  // namespace gradepth::inline simt
