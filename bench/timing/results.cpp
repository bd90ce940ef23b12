#include "bench/timing/results.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <optional>
#include <stdexcept>

namespace gradepth {

namespace fs = std::filesystem;

namespace {

bool is_regular(int file) {
  struct stat status {};
  return fstat(file, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

Results::Results(fs::path folder) : folder_(std::move(folder)), path_(folder_ / "results.jsonl") {
  std::error_code error;
  fs::create_directories(folder_, error);
  if (error) fail(error.message());
  file_.number = open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (file_.number == -1) fail(std::strerror(errno));
  lock();
  if (is_regular(file_.number)) read_earlier();
}

Results::File::~File() {
  if (number != -1) close(number);
}

void Results::fail(const std::string& reason) const {
  throw std::runtime_error("--out " + folder_.string() + ": cannot write there (" + reason + ')');
}

void Results::lock() {
  if (flock(file_.number, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EWOULDBLOCK) {
    throw std::invalid_argument("--out " + folder_.string() +
                                ": another run is writing there; wait for it, or choose another "
                                "folder");
  }
  std::cerr << "(the file system of " << folder_.string() << " has no locks ("
            << std::strerror(errno) << "): let no second run write there meanwhile)\n";
}

void Results::read_earlier() {
  std::ifstream before(path_);
  std::uintmax_t complete = 0;  // bytes of whole lines
  std::string line;
  for (std::size_t number = 1; std::getline(before, line) && !before.eof(); ++number) {
    Row row = Row::parse(line, nullptr, false);
    if (!row.is_object()) {
      throw std::runtime_error(path_.string() + ", line " + std::to_string(number) +
                               ": not a row of results; choose another folder");
    }
    const std::string identity = text_of(row, "identity");
    if (!identity.empty()) by_identity_[identity] = earlier_.size();
    earlier_.push_back(std::move(row));
    complete += line.size() + 1;
  }
  if (ftruncate(file_.number, static_cast<off_t>(complete)) != 0) fail(std::strerror(errno));
}

const Row* Results::find(const std::string& identity) const {
  const auto found = by_identity_.find(identity);
  if (found == by_identity_.end()) return nullptr;
  const Row& row = earlier_[found->second];
  const std::optional<Status> status = status_of(row);
  return status && !is_failure(*status) ? &row : nullptr;
}

std::size_t Results::without_identity() const {
  return static_cast<std::size_t>(
      std::count_if(earlier_.begin(), earlier_.end(),
                    [](const Row& row) { return text_of(row, "identity").empty(); }));
}

void Results::write(const Row& row) {
  const std::string line = json_text(row) + '\n';
  for (std::size_t done = 0; done < line.size();) {
    const ssize_t written = ::write(file_.number, line.data() + done, line.size() - done);
    if (written >= 0) {
      done += static_cast<std::size_t>(written);
    } else if (errno != EINTR) {
      throw std::runtime_error(path_.string() +
                               ": cannot write (disk full?); the rows before are kept");
    }
  }
}

fs::path results_root() {
  const char* chosen = std::getenv("GRADEPTH_RESULTS");
  if (chosen != nullptr && *chosen != '\0') return chosen;
  return fs::path(GRADEPTH_SOURCE_DIR) / "results";
}

fs::path new_results_folder() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  char time[32];
  std::strftime(time, sizeof time, "%Y-%m-%dT%H%M%SZ", &parts);
  std::error_code error;
  fs::create_directories(results_root(), error);
  fs::path folder = results_root() / time;
  // Runs that start in the same second get folders of their own.
  for (int i = 2; !error && !fs::create_directory(folder, error) && !error; ++i) {
    folder = results_root() / (std::string(time) + '-' + std::to_string(i));
  }
  if (error) {
    throw std::runtime_error(results_root().string() + ": cannot write there (" + error.message() +
                             ")");
  }
  return folder;
}

void point_latest_at(const fs::path& folder) {
  std::error_code error;
  const fs::path whole = fs::canonical(folder, error);
  if (error || whole.parent_path() != fs::canonical(results_root(), error) || error) return;
  // A new link is made beside and renamed over the old one, so that `latest` always exists.
  const fs::path fresh = results_root() / ".latest";
  fs::remove(fresh, error);
  fs::create_directory_symlink(whole.filename(), fresh, error);
  if (!error) fs::rename(fresh, results_root() / "latest", error);
  if (error) {
    std::cerr << "(the link " << (results_root() / "latest").string()
              << " stays as it was: " << error.message() << ")\n";
  }
}

}  // namespace gradepth
