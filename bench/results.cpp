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

Results::Results(fs::path folder, GoOn /*tag*/) : folder_(std::move(folder)) {
  const fs::path path = folder_ / "results.jsonl";
  std::error_code error;
  fs::create_directories(folder_, error);
  std::uintmax_t complete = 0;  // bytes of whole lines
  if (!error && fs::exists(path)) {
    if (!fs::is_regular_file(path)) throw std::runtime_error(path.string() + ": not a file");
    std::ifstream before(path);
    std::string line;
    for (std::size_t number = 1; std::getline(before, line) && !before.eof(); ++number) {
      nlohmann::ordered_json row = nlohmann::ordered_json::parse(line, nullptr, false);
      if (!row.is_object()) {
        throw std::runtime_error(path.string() + ", line " + std::to_string(number) +
                                 ": not a row of results; choose another folder");
      }
      earlier_.push_back(std::move(row));
      complete += line.size() + 1;
    }
    before.close();
    fs::resize_file(path, complete, error);
  }
  if (!error) file_.open(path, std::ios::app);
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
