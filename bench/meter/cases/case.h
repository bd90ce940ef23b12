#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/half.h"
#include "kernels/meter/meter.h"
#include "kernels/platform.h"

/// What the meter runs: launches of our kernels on buffers with names, each with the least traffic
/// that its problem allows and a check against float64.
namespace gradepth {

/// "Device" memory aligned as a GPU's allocator does it, NaN at first.
template <class T>
class Array {
 public:
  explicit Array(std::size_t n)
      : size_(n), memory_(static_cast<std::byte*>(::operator new[](bytes() + 1, alignment))) {
    std::memset(memory_.get(), 0xff, bytes());
  }
  [[nodiscard]] T* data() const { return reinterpret_cast<T*>(memory_.get()); }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return size_ * sizeof(T); }
  T& operator[](std::size_t i) const { return data()[i]; }

 private:
  static constexpr std::align_val_t alignment{256};
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete[](memory, alignment); }
  };
  std::size_t size_;
  std::unique_ptr<std::byte[], Free> memory_;
};

/// One run of a case: makes its buffers, launches, and compares what comes out.
class Run {
 public:
  Run(meter::Meter& meter, StreamRef stream, std::uint64_t seed)
      : meter_(meter), stream_(std::move(stream)), random_(seed) {}

  [[nodiscard]] const StreamRef& stream() const { return stream_; }

  /// n numbers in device memory that kernels may touch.
  template <class T = float>
  Array<T> array(const char* name, std::int64_t n) {
    Array<T> made(static_cast<std::size_t>(n));
    meter_.name(name, made.data(), made.bytes());
    return made;
  }
  /// The same with standard normal numbers in it, times `scale`.
  template <class T = float>
  Array<T> normal(const char* name, std::int64_t n, double scale = 1) {
    Array<T> made = array<T>(name, n);
    std::normal_distribution<double> distribution(0, scale);
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = rounded_to<T>(distribution(random_));
    return made;
  }

  /// Takes note if |actual - expected| > tolerance, or if one of them is not finite.
  void compare(std::string_view what, std::size_t i, double actual, double expected,
               double tolerance) {
    if (std::abs(actual - expected) <= tolerance || !wrong_.empty()) return;
    wrong_ = std::string(what) + "[" + std::to_string(i) + "] = " + std::to_string(actual) +
             ", expected " + std::to_string(expected);
  }
  /// What compare() found first; empty: nothing.
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  meter::Meter& meter_;
  StreamRef stream_;
  std::mt19937_64 random_;
  std::string wrong_;
};

/// One thing to meter.
struct Case {
  std::string name;        // the problem and its sizes, without the provider
  std::string_view dtype;  // of what is stored
  std::string_view unit;   // what costs are divided by: "element", "parameter", "step"
  double units = 0;
  double floor_bytes = 0;  // the least global traffic: each input read, each output written once
  std::string_view floor_formula;  // the same in words, by unit
  double flops = 0;                // fp32 arithmetic of a product; 0: next to none
  double weights_bytes = 0;        // of a buffer "W" that stays the same for many steps; 0: none
  std::function<void(Run&)> run;
};

/// All of them, in the order of the table.
std::vector<Case> meter_cases();

// By family, in the order of the table.
void add_activation_cases(std::vector<Case>& cases);
void add_clip_cases(std::vector<Case>& cases);
void add_recurrent_cases(std::vector<Case>& cases);
void add_pointwise_cases(std::vector<Case>& cases);
void add_product_cases(std::vector<Case>& cases);

}  // namespace gradepth
