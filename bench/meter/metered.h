#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "bench/meter/cases/case.h"
#include "bench/meter/model.h"
#include "host/text/status.h"

namespace gradepth {

/// How cases are run. None of it may change a count.
struct MeterSettings {
  std::uint64_t seed = 1;      // of the inputs
  std::uint64_t schedule = 0;  // of the executor's order of threads
  unsigned workers = 1;        // host threads
};

/// What a case came to.
struct Metered {
  Status status = Status::ok;  // or incorrect, error; then nothing is counted
  std::string reason;
  std::vector<meter::LaunchCounts> launches;
  std::uint64_t memsets = 0;

  [[nodiscard]] meter::Traffic loads() const;
  [[nodiscard]] meter::Traffic stores() const;
  [[nodiscard]] std::uint64_t bytes() const;                            // asked for, both ways
  [[nodiscard]] std::uint64_t loaded(const std::string& buffer) const;  // bytes
  [[nodiscard]] double sector_efficiency() const;  // sectors that would do / sectors moved
  [[nodiscard]] std::uint64_t conflicts() const;   // wavefronts beyond the least
  [[nodiscard]] std::uint64_t grid_barriers() const;
  [[nodiscard]] std::uint64_t block_barriers() const;
  [[nodiscard]] std::uint64_t atomics() const;
};

Metered run_case(const Case& which, const MeterSettings& settings);

/// The row of bench/ROWS.md, with predictions for these GPUs.
nlohmann::ordered_json meter_row(const Case& which, const Metered& metered, std::uint64_t seed,
                                 std::span<const Gpu> gpus);

}  // namespace gradepth
