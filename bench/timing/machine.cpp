#include "bench/timing/machine.h"

#include <sched.h>
#include <unistd.h>

#include <ctime>
#include <fstream>

#include "host/device/threads.h"
#include "host/device/vector_target.h"

namespace gradepth {
namespace {

std::string utc_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

Row limits_of(const Limits& limits) {
  Row row{{"gb_per_s", limits.memory() * 1e-9}, {"gflop_per_s", limits.flops_per_second * 1e-9}};
  for (const Bandwidth& b : limits.bandwidth) {
    row["bandwidth"].push_back(
        {{"working_set", b.working_set}, {"gb_per_s", b.bytes_per_second * 1e-9}});
  }
  return row;
}

}  // namespace

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

int processor_count() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
}

Machinery machinery() { return {vector_target(), available_threads()}; }

Row info_row(const Providers& providers, const std::optional<Limits>& limits) {
  Row row;
  row["kind"] = "info";
  row["name"] = "info";
  row["status"] = name(Status::ok);
  row["identity"] = limits ? "kind=info limits=on" : "kind=info limits=off";
  row["version"] = GRADEPTH_VERSION;
  row["date"] = utc_time();
  row["processor"] = processor_name();
  row["cores"] = processor_count();
  row["memory_bytes"] =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
#ifdef _OPENMP
  row["openmp"] = true;
#else
  row["openmp"] = false;
#endif
  row["limits"] = nullptr;
  if (limits) row["limits"] = limits_of(*limits);
  row["providers"] = Row::object();
  for (const auto& provider : providers.present) {
    row["providers"][std::string(provider->name())] = provider->version();
  }
  row["missing"] = Row::object();
  for (const Missing& missing : providers.missing) row["missing"][missing.name] = missing.reason;
  return row;
}

}  // namespace gradepth
