#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/meter/request.h"

namespace gradepth::inline simt::meter {

/// One step of a CUDA thread: it enters a basic block of the code, or makes an access in it.
struct Event {
  std::uint64_t address = 0;
  std::uint32_t block = 0;  // the basic block's number, in the order of the code
  std::uint32_t place = 0;  // of the access; 0 where a basic block is entered
  Access access{};
  std::uint8_t bytes = 0;  // 0 where a basic block is entered

  /// Where in the code it stands.
  [[nodiscard]] std::uint64_t position() const { return std::uint64_t{block} << 32U | place; }
};
using Trace = std::vector<Event>;

/// Puts the traces of a warp's lanes side by side, as the hardware runs them: always those lanes go
/// on that stand at the lowest place of the code, so that lanes which took different branches or
/// left a loop early are joined again behind it. Calls take(request) for each request.
///
/// Grouping the lanes' accesses by place and occurrence alone would be wrong there: the third
/// iteration of one lane may run beside the first of another.
template <class Take>
void replay(std::span<const Trace> lanes, Take take) {
  std::array<std::size_t, 32> next{};
  for (;;) {
    std::uint64_t lowest = ~std::uint64_t{0};
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      if (next[lane] == lanes[lane].size()) continue;
      lowest = std::min(lowest, lanes[lane][next[lane]].position());
    }
    if (lowest == ~std::uint64_t{0}) return;
    Request request;
    for (std::size_t lane = 0; lane < lanes.size(); ++lane) {
      if (next[lane] == lanes[lane].size()) continue;
      const Event& event = lanes[lane][next[lane]];
      if (event.position() != lowest) continue;
      // One pointer can lead to global memory in one lane and to shared memory in another: these
      // are two requests.
      if (request.lanes != 0 && event.access != request.access) continue;
      ++next[lane];
      if (event.bytes == 0) continue;
      request.access = event.access;
      request.bytes = event.bytes;
      request.place = event.place;
      request.lanes |= 1U << lane;
      request.address[lane] = event.address;
    }
    if (request.lanes != 0) take(request);
  }
}

}  // namespace gradepth::inline simt::meter
