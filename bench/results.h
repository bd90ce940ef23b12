#pragma once

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

namespace gradepth {

/// A folder of results and the JSON lines in it. Each row is on disk when write() returns, so that
/// an interrupted run keeps what it measured.
class Results {
 public:
  /// Makes the folder; an older results.jsonl in it is replaced. std::runtime_error, in one line,
  /// when that cannot be done.
  explicit Results(std::filesystem::path folder);
  /// Keeps an older results.jsonl and the rows in it. A last line that a killed run left unfinished
  /// is cut off. std::runtime_error also when another line is not a JSON object.
  struct GoOn {};
  Results(std::filesystem::path folder, GoOn /*tag*/);
  /// The rows that were there before (GoOn only).
  [[nodiscard]] const std::vector<nlohmann::ordered_json>& earlier() const { return earlier_; }
  /// std::runtime_error when the disk is full or gone.
  void write(const nlohmann::ordered_json& row);
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
  std::ofstream file_;
  std::vector<nlohmann::ordered_json> earlier_;
};

/// `results/2026-11-23T061500Z` under `root`, and a link `latest` beside it that points there.
std::filesystem::path new_results_folder(const std::filesystem::path& root);

}  // namespace gradepth
