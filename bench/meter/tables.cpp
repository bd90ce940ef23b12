#include "bench/meter/tables.h"

#include <cstdio>
#include <ostream>
#include <string>

#include "bench/tables/table.h"

namespace gradepth {
namespace {

bool ok(const Row& row) { return status_of(row) == Status::ok; }

std::string text(const char* format, double x) {
  char digits[32];
  std::snprintf(digits, sizeof digits, format, x);
  return digits;
}

std::string count(const Row& row, const char* key) {
  return std::to_string(row[key].get<std::uint64_t>());
}

/// Bytes, floor, sector efficiency, conflicts, grid barriers, launches.
std::vector<std::string> counted(const Row& row) {
  return {text("%.2f", row["bytes_per_unit"]),
          text("%.2f", row["floor_bytes_per_unit"]),
          text("%.1f", 100 * row["sector_efficiency"].get<double>()),
          count(row, "bank_conflicts"),
          count(row, "grid_barriers"),
          count(row, "launches")};
}

std::vector<std::string> join(std::vector<std::string> head, const std::vector<std::string>& tail) {
  head.insert(head.end(), tail.begin(), tail.end());
  return head;
}

/// GPUs that the rows have predictions for.
std::vector<std::string> gpu_names(const std::vector<Row>& rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) {
    if (!ok(row)) continue;
    for (const auto& [name, us] : row["model_us"].items()) names.push_back(name);
    break;
  }
  return names;
}

}  // namespace

void print_meter_tables(const std::vector<Row>& rows, std::ostream& out) {
  out << "Counted: bytes asked for and floor, per unit; sectors that would do, in % of\n"
         "those moved; bank conflicts; grid barriers; launches (runs)\n\n";
  Table counts({"case", "bytes", "floor", "sect%", "confl", "grid", "runs"});
  const std::vector<std::string> gpus = gpu_names(rows);
  Table model(join({"case"}, gpus));
  for (const Row& row : rows) {
    // Without the sizes, which would not fit beside the numbers.
    std::string name = row["problem"];
    name.erase(name.find_last_of('/'));
    if (!ok(row)) {
      counts.add({name, row["status"], "", "", "", "", ""});
      continue;
    }
    counts.add(join({name}, counted(row)));
    std::vector<std::string> us = {name};
    for (const std::string& gpu : gpus) us.push_back(text("%.1f", row["model_us"][gpu]));
    model.add(us);
  }
  counts.print(out);
  if (gpus.empty()) return;
  out << "\nModel, not measured: us of these small sizes, launches and barriers included\n\n";
  model.print(out);
}

std::vector<Column> meter_columns(const std::vector<Row>& rows) {
  std::vector<Column> columns;
  for (const char* key :
       {"unit", "units", "bytes", "bytes_per_unit", "floor_bytes", "floor_bytes_per_unit",
        "unique_bytes", "sectors", "sector_efficiency", "bank_conflicts", "grid_barriers",
        "block_barriers", "atomics", "launches", "memsets"}) {
    columns.push_back({key, std::string("/") + key});
  }
  for (const std::string& gpu : gpu_names(rows)) {
    columns.push_back({"model_us_" + gpu, "/model_us/" + gpu});
  }
  return with_common_columns(columns);
}

}  // namespace gradepth
