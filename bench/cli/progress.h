#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace gradepth {

/// `[ 12 s] 3 of 40  speed …, about 2 min left` on stderr, from how long the work so far took.
class Progress {
 public:
  /// `work` is in any unit that time is roughly proportional to.
  Progress(std::size_t items, double work) : items_(items), work_(work) {}

  /// Says that an item begins, and which.
  void begin(const std::string& what);
  /// An item of that much work is done. `measured` is false for one that an earlier run has done:
  /// it tells nothing about time.
  void done(double work, bool measured = true);
  /// Says how many are done, at most every two seconds and at the end.
  void say_done(const std::string& items);

  [[nodiscard]] double seconds() const;
  /// `, about 2 min left`; empty until there is something to judge by.
  [[nodiscard]] std::string left() const;

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] std::string elapsed() const;

  std::size_t items_;
  double work_;           // of what is not done
  std::size_t done_ = 0;  // items
  double measured_ = 0;   // work that was done here, in the time since begin_
  double next_ = 2;       // seconds, when say_done speaks again
  Clock::time_point begin_ = Clock::now();
};

}  // namespace gradepth
