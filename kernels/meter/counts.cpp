#include "kernels/meter/counts.h"

#include <algorithm>

namespace gradepth::inline simt::meter {

Traffic& Traffic::operator+=(const Traffic& other) {
  requests += other.requests;
  bytes += other.bytes;
  sectors += other.sectors;
  least_sectors += other.least_sectors;
  lines += other.lines;
  unique_bytes += other.unique_bytes;
  unique_sectors += other.unique_sectors;
  block_sectors += other.block_sectors;
  return *this;
}

SharedTraffic& SharedTraffic::operator+=(const SharedTraffic& other) {
  requests += other.requests;
  bytes += other.bytes;
  wavefronts += other.wavefronts;
  least_wavefronts += other.least_wavefronts;
  return *this;
}

Traffic LaunchCounts::loads() const {
  Traffic sum;
  for (const BufferCounts& b : buffers) sum += b.loads;
  return sum;
}

Traffic LaunchCounts::stores() const {
  Traffic sum;
  for (const BufferCounts& b : buffers) sum += b.stores;
  return sum;
}

const BufferCounts* LaunchCounts::buffer(const std::string& name) const {
  const auto found =
      std::find_if(buffers.begin(), buffers.end(), [&](const auto& b) { return b.name == name; });
  return found == buffers.end() ? nullptr : &*found;
}

}  // namespace gradepth::inline simt::meter
