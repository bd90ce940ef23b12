#include "bench/meter/model.h"

#include <algorithm>
#include <array>

namespace gradepth {
namespace {

constexpr double l2_bytes_per_clock = 5120;
constexpr double launch_us = 2;
constexpr double grid_barrier_us = 1;

enum Part : std::size_t { memory, l2, on_chip, fp32, fixed };
constexpr std::array<std::string_view, 5> part_names = {"memory", "L2", "on chip", "fp32", "fixed"};

double number(std::uint64_t n) { return static_cast<double>(n); }

/// us of the first three parts on `processors` processors.
std::array<double, 3> parts_of(const meter::LaunchCounts& launch, const Gpu& gpu,
                               double processors) {
  const meter::Traffic loads = launch.loads();
  const meter::Traffic stores = launch.stores();
  const double sector = meter::sector_bytes;
  const double moved = sector * number(loads.unique_sectors + stores.unique_sectors);
  const double through_l2 = sector * number(loads.block_sectors + stores.sectors);
  const double passes = number(loads.lines + stores.lines + launch.shared_loads.wavefronts +
                               launch.shared_stores.wavefronts);
  const double clocks_per_us = gpu.clock_ghz * 1e3;
  return {moved / (gpu.memory_gb_per_s * 1e3), through_l2 / (l2_bytes_per_clock * clocks_per_us),
          passes / (processors * clocks_per_us)};
}

}  // namespace

Prediction predict(std::span<const meter::LaunchCounts> launches, double flops, const Gpu& gpu) {
  std::array<double, 5> us{};  // of all launches, by what limits each
  double in_use = 0;           // the most processors of a launch
  double full = 0;
  for (const meter::LaunchCounts& launch : launches) {
    const double processors = std::min<double>(gpu.processors, number(launch.blocks));
    in_use = std::max(in_use, processors);
    const auto parts = parts_of(launch, gpu, processors);
    const auto slowest = std::max_element(parts.begin(), parts.end());
    us[static_cast<std::size_t>(slowest - parts.begin())] += *slowest;
    us[fixed] += launch_us + grid_barrier_us * number(launch.grid_barriers);
    const auto all = parts_of(launch, gpu, gpu.processors);
    full += *std::max_element(all.begin(), all.end());
  }
  const double flops_per_us = gpu.fp32_per_clock * 2 * gpu.clock_ghz * 1e3;  // of a processor
  const double arithmetic = in_use > 0 ? flops / (flops_per_us * in_use) : 0;
  if (arithmetic > us[memory] + us[l2] + us[on_chip]) {
    us = {0, 0, 0, arithmetic, us[fixed]};
  }
  Prediction prediction;
  for (const double part : us) prediction.us += part;
  prediction.limiter =
      part_names[static_cast<std::size_t>(std::max_element(us.begin(), us.end()) - us.begin())];
  prediction.us_without_fixed = std::max(full, flops / (flops_per_us * gpu.processors));
  return prediction;
}

}  // namespace gradepth
