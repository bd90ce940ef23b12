#include "kernels/meter/meter.h"

#include <stdexcept>
#include <utility>

namespace gradepth::inline simt::meter {
namespace {

constinit Meter* the_active = nullptr;

}  // namespace

Meter* Meter::active() { return the_active; }

Meter::Meter() {
  if (the_active != nullptr) throw std::logic_error("a second Meter");
  the_active = this;
}

Meter::~Meter() { the_active = nullptr; }

void Meter::name(std::string name, const void* memory, std::size_t bytes) {
  const auto first = reinterpret_cast<std::uintptr_t>(memory);
  std::erase_if(memory_, [&](const NamedMemory& old) {
    return first < old.first + old.bytes && old.first < first + bytes;
  });
  memory_.push_back({std::move(name), first, bytes});
}

std::vector<LaunchCounts> Meter::take() { return std::exchange(ended_, {}); }

void Meter::launch_begins(LaunchCounts launch) {
  launch_ = std::make_unique<LaunchMeter>(memory_, std::move(launch));
}

void Meter::launch_ends() {
  ended_.push_back(launch_->finish());
  launch_.reset();
}

void Meter::zeroes(std::size_t bytes) {
  ++zeroed_.calls;
  zeroed_.bytes += bytes;
}

}  // namespace gradepth::inline simt::meter
