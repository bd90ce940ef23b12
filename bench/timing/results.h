#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bench/rows/row.h"

namespace gradepth {

/// A folder of results and the JSON lines in it, held by one process at a time. Rows that are there
/// stay: a run into the folder adds to them. Each row is on disk when write() returns, so that an
/// interrupted run keeps what it measured.
class Results {
 public:
  /// Makes the folder, locks it, and reads the rows in it; a last line that a killed run left
  /// unfinished is cut off. The lock goes with the process, however that ends; where the file
  /// system has none, stderr says so.
  /// std::invalid_argument, in one line, when another process holds the folder;
  /// std::runtime_error when it cannot be written, or another line is not a JSON object.
  explicit Results(std::filesystem::path folder);

  /// The rows that were there before.
  [[nodiscard]] const std::vector<Row>& earlier() const { return earlier_; }
  /// The earlier row that answers the same question and can stand for a new one: it is ok, or what
  /// it asked for is not supported. nullptr if there is none. Rows of schema 0 do not say what they
  /// answer, and are never found.
  [[nodiscard]] const Row* find(const std::string& identity) const;
  /// How many earlier rows do not say what they answer.
  [[nodiscard]] std::size_t without_identity() const;
  /// std::runtime_error when the disk is full or gone.
  void write(const Row& row);
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  /// An open file that is closed with its owner, and the lock on it with it.
  class File {
   public:
    File() = default;
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    ~File();
    int number = -1;
  };

  void lock();
  void read_earlier();
  [[noreturn]] void fail(const std::string& reason) const;

  std::filesystem::path folder_;
  std::filesystem::path path_;
  File file_;
  std::vector<Row> earlier_;
  std::map<std::string, std::size_t> by_identity_;  // the last of each
};

/// The folder that all results go to unless `--out` says otherwise: what the environment's
/// GRADEPTH_RESULTS names, or `results` of the source tree.
std::filesystem::path results_root();
/// A new folder in it, named by the time: `results/2026-11-23T061500Z`.
std::filesystem::path new_results_folder();
/// Lets the link `results/latest` point at the folder, if it is one of results_root().
void point_latest_at(const std::filesystem::path& folder);

}  // namespace gradepth
