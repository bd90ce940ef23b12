#include "bench/results.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <stdexcept>

namespace gradepth {

namespace fs = std::filesystem;

Results::Results(fs::path folder) : folder_(std::move(folder)) {
  std::error_code error;
  fs::create_directories(folder_, error);
  const fs::path path = folder_ / "results.jsonl";
  if (!error) file_.open(path, std::ios::trunc);
  if (error || !file_) {
    throw std::runtime_error("--out " + folder_.string() + ": cannot write there (" +
                             (error ? error.message() : std::strerror(errno)) + ")");
  }
}

void Results::write(const nlohmann::ordered_json& row) {
  // Text that a library or a file brought in may not be UTF-8; replace what is not.
  file_ << row.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
  if (!file_.flush()) {
    throw std::runtime_error((folder_ / "results.jsonl").string() +
                             ": cannot write (disk full?); the rows before are kept");
  }
}

fs::path new_results_folder(const fs::path& root) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H%M%SZ", &parts);
  fs::path folder = root / text;
  std::error_code error;
  fs::create_directories(folder, error);
  if (!error) {
    // A new link is made beside and renamed over the old one, so that `latest` always exists.
    const fs::path fresh = root / ".latest";
    fs::remove(fresh, error);
    fs::create_directory_symlink(text, fresh, error);
    if (!error) fs::rename(fresh, root / "latest", error);
  }
  if (error) {
    throw std::runtime_error(root.string() + ": cannot write there (" + error.message() + ")");
  }
  return folder;
}

}  // namespace gradepth
