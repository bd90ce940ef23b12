#include "bench/meter/metered.h"

#include <algorithm>
#include <exception>
#include <map>
#include <set>

#include "bench/meter/source_lines.h"

namespace gradepth {
namespace {

using Json = nlohmann::ordered_json;

Json traffic_row(const meter::Traffic& t) {
  return {{"bytes", t.bytes},
          {"requests", t.requests},
          {"sectors", t.sectors},
          {"least_sectors", t.least_sectors},
          {"unique_bytes", t.unique_bytes},
          {"unique_sectors", t.unique_sectors},
          {"block_sectors", t.block_sectors}};
}

Json shared_row(const meter::SharedTraffic& t) {
  return {{"bytes", t.bytes},
          {"requests", t.requests},
          {"wavefronts", t.wavefronts},
          {"conflicts", t.conflicts()}};
}

/// Places with bank conflicts: source line, whether loads or stores, wavefronts too many.
Json conflict_sites(const meter::LaunchCounts& launch) {
  std::map<std::pair<std::string, std::string>, std::uint64_t> by_line;
  for (const meter::SiteCounts& site : launch.sites) {
    const bool load = site.access == meter::Access::kSharedLoad;
    if (!load && site.access != meter::Access::kSharedStore) continue;
    if (site.cost == site.least) continue;
    by_line[{source_line(site.place), load ? "load" : "store"}] += site.cost - site.least;
  }
  Json sites = Json::array();
  for (const auto& [at, conflicts] : by_line) {
    sites.push_back({{"line", at.first}, {"access", at.second}, {"conflicts", conflicts}});
  }
  return sites;
}

/// Widths in bytes of a kernel's global accesses of one kind, ascending.
std::set<unsigned> widths(const meter::LaunchCounts& launch, meter::Access access) {
  std::set<unsigned> found;
  for (const meter::SiteCounts& site : launch.sites) {
    if (site.access == access) found.insert(site.bytes);
  }
  return found;
}

Json launch_row(const meter::LaunchCounts& launch) {
  Json row = {{"kernel", launch.kernel},
              {"blocks", launch.blocks},
              {"threads", launch.threads},
              {"dynamic_shared_bytes", launch.shared_bytes},
              {"block_barriers", launch.block_barriers},
              {"grid_barriers", launch.grid_barriers},
              {"warp_operations", launch.warp_operations},
              {"global_atomics", launch.global_atomics},
              {"shared_atomics", launch.shared_atomics},
              {"atomic_steps", launch.atomic_steps},
              {"load_widths", widths(launch, meter::Access::kGlobalLoad)},
              {"store_widths", widths(launch, meter::Access::kGlobalStore)}};
  Json buffers = Json::object();
  for (const meter::BufferCounts& buffer : launch.buffers) {
    buffers[buffer.name] = {{"loads", traffic_row(buffer.loads)},
                            {"stores", traffic_row(buffer.stores)},
                            {"atomics", buffer.atomics}};
  }
  row["buffers"] = buffers;
  row["shared"] = {{"loads", shared_row(launch.shared_loads)},
                   {"stores", shared_row(launch.shared_stores)},
                   {"conflict_sites", conflict_sites(launch)}};
  return row;
}

/// What the row answers: what host/problem/identity.h is for other rows, which the meter is built
/// without.
std::string identity(const Case& which, std::uint64_t seed, std::span<const Gpu> gpus) {
  std::string text = "kind=meter case=" + which.name + " seed=" + std::to_string(seed) + " gpus=";
  for (const Gpu& gpu : gpus) text += (text.back() == '=' ? "" : ",") + std::string(gpu.name);
  return text;
}

template <class F>
std::uint64_t sum(const std::vector<meter::LaunchCounts>& launches, F f) {
  std::uint64_t total = 0;
  for (const meter::LaunchCounts& launch : launches) total += f(launch);
  return total;
}

}  // namespace

meter::Traffic Metered::loads() const {
  meter::Traffic total;
  for (const meter::LaunchCounts& launch : launches) total += launch.loads();
  return total;
}
meter::Traffic Metered::stores() const {
  meter::Traffic total;
  for (const meter::LaunchCounts& launch : launches) total += launch.stores();
  return total;
}
std::uint64_t Metered::bytes() const { return loads().bytes + stores().bytes; }
double Metered::sector_efficiency() const {
  meter::Traffic all = loads();
  all += stores();
  return all.sectors == 0
             ? 1
             : static_cast<double>(all.least_sectors) / static_cast<double>(all.sectors);
}
std::uint64_t Metered::conflicts() const {
  return sum(launches, [](const auto& l) {
    return l.shared_loads.conflicts() + l.shared_stores.conflicts();
  });
}
std::uint64_t Metered::loaded(const std::string& buffer) const {
  return sum(launches, [&](const auto& l) {
    const meter::BufferCounts* const counts = l.buffer(buffer);
    return counts == nullptr ? std::uint64_t{0} : counts->loads.bytes;
  });
}
std::uint64_t Metered::grid_barriers() const {
  return sum(launches, [](const auto& l) { return l.grid_barriers; });
}
std::uint64_t Metered::block_barriers() const {
  return sum(launches, [](const auto& l) { return l.block_barriers; });
}
std::uint64_t Metered::atomics() const {
  return sum(launches, [](const auto& l) { return l.global_atomics + l.shared_atomics; });
}

Metered run_case(const Case& which, const MeterSettings& settings) {
  Metered result;
  meter::Meter meter;
  StreamRef stream;
  stream.seed = settings.schedule;
  stream.workers = settings.workers;
  Run run(meter, stream, settings.seed);
  try {
    which.run(run);
  } catch (const std::exception& failure) {
    return {.status = Status::error, .reason = failure.what(), .launches = {}, .memsets = 0};
  }
  if (!run.wrong().empty()) {
    return {.status = Status::incorrect, .reason = run.wrong(), .launches = {}, .memsets = 0};
  }
  result.launches = meter.take();
  result.memsets = meter.zeroed().calls;
  for (const meter::LaunchCounts& launch : result.launches) {
    if (launch.buffer(meter::unnamed) == nullptr) continue;
    const std::string reason = launch.kernel + " touches memory outside of its buffers";
    return {.status = Status::error, .reason = reason, .launches = {}, .memsets = 0};
  }
  return result;
}

nlohmann::ordered_json meter_row(const Case& which, const Metered& metered, std::uint64_t seed,
                                 std::span<const Gpu> gpus) {
  Json row = {{"kind", "meter"},
              {"name", which.name + "/simt"},
              {"provider", "simt"},
              {"dtype", which.dtype},
              {"status", name(metered.status)},
              {"reason", metered.reason},
              {"identity", identity(which, seed, gpus)},
              {"problem", which.name},
              {"seed", seed},
              {"compiler", "clang " __clang_version__},
              {"flags", GRADEPTH_METER_FLAGS}};
  if (metered.status != Status::ok) return row;
  const auto bytes = static_cast<double>(metered.bytes());
  const meter::Traffic loads = metered.loads();
  const meter::Traffic stores = metered.stores();
  row["unit"] = which.unit;
  row["units"] = which.units;
  row["bytes"] = metered.bytes();
  row["bytes_per_unit"] = bytes / which.units;
  row["floor_bytes"] = which.floor_bytes;
  row["floor_bytes_per_unit"] = which.floor_bytes / which.units;
  row["floor"] = which.floor_formula;
  row["of_floor"] = bytes / which.floor_bytes;
  if (which.weights_bytes > 0) {
    row["weights_bytes"] = which.weights_bytes;
    row["weights_loaded_bytes"] = metered.loaded("W");
  }
  row["unique_bytes"] = loads.unique_bytes + stores.unique_bytes;
  row["sectors"] = loads.sectors + stores.sectors;
  row["sector_efficiency"] = metered.sector_efficiency();
  row["bank_conflicts"] = metered.conflicts();
  row["launches"] = metered.launches.size();
  row["memsets"] = metered.memsets;
  row["block_barriers"] = metered.block_barriers();
  row["grid_barriers"] = metered.grid_barriers();
  row["atomics"] = metered.atomics();
  Json kernels = Json::array();
  for (const meter::LaunchCounts& launch : metered.launches) kernels.push_back(launch_row(launch));
  row["kernels"] = kernels;
  for (const Gpu& gpu : gpus) {
    const Prediction prediction = predict(metered.launches, which.flops, gpu);
    const std::string name(gpu.name);
    row["model_us"][name] = prediction.us;
    row["model_limiter"][name] = prediction.limiter;
    row["model_us_per_million_units"][name] = prediction.us_without_fixed / which.units * 1e6;
  }
  return row;
}

}  // namespace gradepth
