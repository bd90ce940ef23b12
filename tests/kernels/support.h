#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string_view>
#include <type_traits>
#include <vector>

#include "host/device/device.h"
#include "kernels/activation/activation.h"
#include "kernels/half.h"
#include "kernels/platform.h"
#include "kernels/simt/sanitizers.h"

/// What the tests of the kernels share.
namespace gradepth::testing {

/// Half the distance from 1 to the next float: the relative error of one operation.
inline constexpr double unit = 0x1p-24;
inline constexpr bool thread_sanitizer = simt::tsan::kEnabled;
inline constexpr bool address_sanitizer = simt::asan::kEnabled;
inline constexpr float nan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float infinity = std::numeric_limits<float>::infinity();

/// What kernels store numbers as. Under ThreadSanitizer one: the others differ in arithmetic alone.
using StoredTypes = std::conditional_t<thread_sanitizer, ::testing::Types<float>,
                                       ::testing::Types<float, float16, bfloat16>>;

inline std::size_t length(std::int64_t n) { return static_cast<std::size_t>(n); }

/// Calls f(Act{}) for every activation; under ThreadSanitizer, which is slow, for one that takes
/// its slope from y and one that takes it from x: the others differ in arithmetic alone.
template <class F>
void for_each_tested_activation(F&& f) {
  for_each_activation([&](auto act) {
    constexpr std::string_view name = decltype(act)::name;
    if (!thread_sanitizer || name == "tanh" || name == "gelu") f(act);
  });
}

/// n standard normal numbers; the same for the same seed.
inline std::vector<float> normal(std::int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> numbers(length(n));
  for (float& x : numbers) x = distribution(random);
  return numbers;
}

/// Numbers as T holds them.
template <class T>
std::vector<T> stored(const std::vector<float>& numbers) {
  std::vector<T> out(numbers.size());
  std::transform(numbers.begin(), numbers.end(), out.begin(),
                 [](float x) { return rounded_to<T>(x); });
  return out;
}

/// "Device" memory between guards, NaN at first, `offset` elements away from a 16-byte address.
template <class T = float>
class Memory {
 public:
  explicit Memory(std::int64_t n, std::int64_t offset = 0)
      : n_(n), offset_(offset), buffer_(length(n + offset)) {}
  explicit Memory(const std::vector<T>& values, std::int64_t offset = 0)
      : Memory(static_cast<std::int64_t>(values.size()), offset) {
    std::copy(values.begin(), values.end(), data());
  }
  [[nodiscard]] T* data() const { return buffer_.data() + offset_; }
  /// The numbers; fails if something was written outside of them.
  [[nodiscard]] std::vector<T> read() const {
    buffer_.check();
    return {data(), data() + n_};
  }

 private:
  std::int64_t n_;
  std::int64_t offset_;
  Buffer<T> buffer_;
};

/// |actual - expected| <= tolerance, or both NaN, or the same infinity.
inline void expect_near(double actual, double expected, double tolerance, const char* what,
                        std::size_t i) {
  const bool same = (std::isnan(actual) && std::isnan(expected)) || actual == expected;
  const bool near = std::abs(actual - expected) <= tolerance;
  if (same || near) return;  // millions of times: an EXPECT of each takes longer than the kernels
  ADD_FAILURE() << what << '[' << i << "]: " << actual << ", expected " << expected << " within "
                << tolerance;
}

/// Bitwise, so that NaN equals NaN and 0 is not -0.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

/// The result of run(stream), a vector, must be the same in every bit on every schedule, with one
/// host thread and with one for every block. Returns it. Under ThreadSanitizer, which sees a race
/// whatever the order, a second one does.
template <class Run>
auto on_all_schedules(Run run) {
  StreamRef stream;
  auto expected = run(stream);
  for (stream.seed = thread_sanitizer ? 2 : 1; stream.seed <= (thread_sanitizer ? 2 : 4);
       ++stream.seed) {
    stream.thread_per_block = stream.seed % 2 == 0;
    EXPECT_TRUE(same_bits(run(stream), expected)) << "schedule " << stream.seed;
  }
  return expected;
}

}  // namespace gradepth::testing
