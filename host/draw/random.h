#pragma once

#include <Random123/philox.h>

#include <cstdint>
#include <utility>

namespace gradepth {

/// Two uniform numbers in [0, 1), 53 bits each: number `index` of a stream. They depend on seed,
/// stream and index alone (Philox 4x32-10, Salmon et al. 2011), so any thread can draw any of them.
inline std::pair<double, double> uniform_pair(std::uint64_t seed, std::uint32_t stream,
                                              std::uint64_t index) {
  const r123::Philox4x32::ctr_type counter{
      {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32), stream, 0}};
  const r123::Philox4x32::key_type key{
      {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}};
  const auto bits = r123::Philox4x32{}(counter, key);
  const auto uniform = [](std::uint64_t high, std::uint64_t low) {
    return static_cast<double>((high << 32 | low) >> 11) * 0x1p-53;
  };
  return {uniform(bits[0], bits[1]), uniform(bits[2], bits[3])};
}

}  // namespace gradepth
