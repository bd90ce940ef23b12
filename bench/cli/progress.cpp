#include "bench/cli/progress.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

namespace gradepth {
namespace {

std::string in_words(double seconds) {
  const long s = std::lround(seconds);
  return s < 120 ? std::to_string(s) + " s" : std::to_string(s / 60) + " min";
}

}  // namespace

double Progress::seconds() const {
  return std::chrono::duration<double>(Clock::now() - begin_).count();
}

std::string Progress::elapsed() const {
  std::ostringstream text;
  text << '[' << std::setw(3) << std::lround(seconds()) << " s] ";
  return text.str();
}

std::string Progress::left() const {
  if (measured_ <= 0 || work_ <= 0) return {};
  return ", about " + in_words(seconds() * work_ / measured_) + " left";
}

void Progress::begin(const std::string& what) {
  std::cerr << elapsed() << done_ + 1 << " of " << items_ << "  " << what << left() << '\n';
}

void Progress::done(double work, bool measured) {
  ++done_;
  work_ = std::max(0.0, work_ - work);
  if (measured) measured_ += work;
}

void Progress::say_done(const std::string& items) {
  if (done_ < items_ && seconds() < next_) return;
  next_ = seconds() + 2;
  std::cerr << elapsed() << done_ << " of " << items_ << ' ' << items
            << (done_ < items_ ? left() : "") << '\n';
}

}  // namespace gradepth
