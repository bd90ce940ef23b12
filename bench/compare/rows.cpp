#include "bench/compare/rows.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "host/problem/identity.h"
#include "host/text/not_finite.h"
#include "host/text/value_named.h"

namespace gradepth {
namespace {

namespace fs = std::filesystem;
using Row = nlohmann::ordered_json;

const Row& member(const Row& row, const char* key) {
  static const Row null;
  const auto found = row.is_object() ? row.find(key) : row.end();
  return !row.is_object() || found == row.end() ? null : *found;
}

/// NaN where there is none. Anything else than a number from `least` on is no row.
double number(const Row& row, const char* key, double least) {
  const Row& value = member(row, key);
  if (value.is_null()) return nan;
  if (!value.is_number() || !(value.get<double>() >= least)) {
    throw std::invalid_argument(std::string(key) + " is " + value.dump());
  }
  return value.get<double>();
}

std::string required_text(const Row& row, const char* key) {
  const Row& value = member(row, key);
  if (!value.is_string()) throw std::invalid_argument(std::string("no text `") + key + '`');
  return value.get<std::string>();
}

Status required_status(const Row& row) {
  const std::string text = required_text(row, "status");
  const auto status = value_named<Status>(status_names, text);
  if (!status) throw std::invalid_argument("status is " + text);
  return *status;
}

TimedRow timed_row(const Row& row) {
  constexpr double least_positive = std::numeric_limits<double>::min();
  const Row& disturbed = member(row, "disturbed");
  if (!disturbed.is_boolean() && !disturbed.is_null()) {
    throw std::invalid_argument("disturbed is " + disturbed.dump());
  }
  return {.status = required_status(row),
          .ms = number(row, "ms", least_positive),
          .noise = number(row, "noise", 0),
          .disturbed = disturbed == true,
          .blocks = static_cast<int>(std::fmin(1e6, std::fmax(0, number(row, "blocks", 0)))),
          .pace = number(row, "pace_gflop_per_s", least_positive)};
}

GrownRow grown_row(const Row& row) {
  constexpr double any = std::numeric_limits<double>::lowest();
  GrownRow grown{.status = required_status(row), .rate = {nan, {}, {}}, .depth = 1, .verdict = ""};
  if (grown.status != Status::ok) return grown;
  grown.verdict = required_text(row, "verdict");
  grown.depth = number(row, "depth", 1);
  if (std::isnan(grown.depth)) throw std::invalid_argument("no number `depth`");
  const Row& rate = member(row, "rate");
  if (!rate.is_object() && !rate.is_null()) {
    throw std::invalid_argument("rate is " + rate.dump());
  }
  grown.rate.value = number(rate, "value", any);
  const double low = number(rate, "low", any);
  const double high = number(rate, "high", any);
  if (std::isnan(low) || std::isnan(high)) return grown;
  if (low > high) throw std::invalid_argument("rate is " + rate.dump());
  grown.rate.low = low;
  grown.rate.high = high;
  return grown;
}

/// What the row says of its machine; the rest from `info`.
Machine machine_of(const Row& row, const Machine& info) {
  Machine machine = info;
  for (const char* key : {"processor", "cores", "threads", "vector", "device"}) {
    const Row& value = member(row, key);
    if (value.is_string()) machine[key] = value.get<std::string>();
    if (value.is_number()) machine[key] = value.dump();
  }
  return machine;
}

/// The machine that a row of kind info is about. A provider's version begins with its GPU's name.
Machine machine_of_info(const Row& row) {
  Machine machine = machine_of(row, {});
  const Row& gpu = member(member(row, "providers"), "cuda");
  if (gpu.is_string()) {
    const auto version = gpu.get<std::string>();
    machine.emplace("device", version.substr(0, version.find(',')));
  }
  return machine;
}

/// Whether `later` is what a run that went on made in place of a row that had failed.
bool is_replaced(const Row& earlier, const Row& later) {
  return is_failure(required_status(earlier)) && member(later, "identity").is_string() &&
         member(earlier, "identity") == member(later, "identity");
}

class Reader {
 public:
  explicit Reader(const std::function<bool(const std::string&)>& wanted) : wanted_(wanted) {}

  void add(const Row& row) {
    const std::string kind = required_text(row, "kind");
    if (kind == "info") info_ = machine_of_info(row);
    if (kind != "speed" && kind != "growth") return;
    const std::string name = required_text(row, "name");
    if (!wanted_(name)) return;
    const Row& repetition = member(row, "repetition");
    const auto [seen, is_new] = seen_.emplace(kind + ' ' + name + ' ' + repetition.dump(), row);
    if (!is_new && !is_replaced(seen->second, row)) {
      throw std::invalid_argument(name + " is there twice");
    }
    if (kind == "speed") {
      run_.machines.insert_or_assign(name, machine_of(row, info_));
      repetitions_[name].insert_or_assign(repetition.dump(), timed_row(row));
    } else {
      run_.growths.insert_or_assign(name, grown_row(row));
    }
  }

  ComparedRun run() {
    for (const auto& [name, rows] : repetitions_) {
      std::vector<TimedRow> all;
      for (const auto& [repetition, row] : rows) all.push_back(row);
      run_.times.emplace(name, pooled(all));
    }
    return std::move(run_);
  }

 private:
  const std::function<bool(const std::string&)>& wanted_;
  ComparedRun run_;
  Machine info_;
  std::map<std::string, Row> seen_;  // by kind, name and repetition
  std::map<std::string, std::map<std::string, TimedRow>> repetitions_;
};

/// `results.jsonl` of a folder, or all its .jsonl where there is none; else the file itself.
std::vector<fs::path> files_of(const fs::path& path) {
  if (!fs::is_directory(path)) return {path};
  if (fs::exists(path / "results.jsonl")) return {path / "results.jsonl"};
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void read_file(const fs::path& file, Reader& reader) {
  std::ifstream in(file);
  if (!in || fs::is_directory(file)) {
    throw std::invalid_argument(file.string() + ": cannot read it; a file or folder of results");
  }
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const std::string where = file.string() + " line " + std::to_string(number) + ": ";
    try {
      reader.add(Row::parse(line));
    } catch (const Row::exception&) {
      throw std::invalid_argument(where + "not a row of results");
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(where + error.what());
    }
  }
}

}  // namespace

ComparedRun read_compared_run(const std::string& path,
                              const std::function<bool(const std::string& name)>& wanted) {
  Reader reader(wanted);
  for (const fs::path& file : files_of(path)) read_file(file, reader);
  ComparedRun run = reader.run();
  if (run.times.empty() && run.growths.empty()) {
    throw std::invalid_argument(path + ": no such rows of speed or growth in it");
  }
  return run;
}

std::string checksum_of_run(const std::string& path) {
  std::string checksums;
  for (const fs::path& file : files_of(path)) {
    checksums += (checksums.empty() ? "" : ",") + checksum_of_file(file.string());
  }
  return checksums;
}

}  // namespace gradepth
