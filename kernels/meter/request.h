#pragma once

#include <array>
#include <cstdint>

#include "kernels/meter/counts.h"

namespace gradepth::inline simt::meter {

/// What the lanes of a warp ask for with one instruction.
struct Request {
  Access access{};
  unsigned bytes = 0;       // of one lane: 1, 2, 4, 8 or 16
  std::uint32_t place = 0;  // of the instruction
  unsigned lanes = 0;       // those that take part, as bits
  std::array<std::uint64_t, 32> address{};
};

/// Passes through the banks, and how few would do.
struct Wavefronts {
  unsigned count = 0;
  unsigned least = 0;
};

/// Shared memory has 32 banks of 4 bytes; lanes that read the same word share it. Accesses of 8
/// bytes pass in two halves of the warp, of 16 bytes in four quarters; the least is one wavefront
/// for each part that has lanes (CUDA C++ Best Practices Guide, "Shared Memory").
Wavefronts shared_wavefronts(const Request& request);

/// Lanes that change the same address go one after the other: the largest number of them.
unsigned atomic_steps(const Request& request);

/// Sectors of 32 bytes, and what else Traffic holds for one request.
struct Sectors {
  unsigned count = 0;
  unsigned least = 0;
  unsigned bytes = 0;                      // asked for, each address once
  std::array<std::uint64_t, 64> number{};  // the first `count`: address / 32, ascending
};

/// Of those lanes of the request that are in `lanes`.
Sectors global_sectors(const Request& request, unsigned lanes);

}  // namespace gradepth::inline simt::meter
