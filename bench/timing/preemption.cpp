#include "bench/timing/preemption.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <utility>
#include <vector>

#include "host/device/threads.h"

namespace gradepth {
namespace {

constexpr const char* tasks_folder = "/proc/self/task";

/// An open file of /proc, read from its beginning as often as asked.
class ProcFile {
 public:
  explicit ProcFile(const std::filesystem::path& path)
      : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~ProcFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  ProcFile(ProcFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  ProcFile& operator=(ProcFile&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

  /// The second number of `running waiting slices`, in seconds; 0 for a thread that has ended.
  [[nodiscard]] double waited() const {
    char text[96];
    const ssize_t length = descriptor_ < 0 ? -1 : pread(descriptor_, text, sizeof text - 1, 0);
    if (length <= 0) return 0;
    text[length] = '\0';
    char* second = nullptr;
    std::strtoull(text, &second, 10);
    return 1e-9 * static_cast<double>(std::strtoull(second, nullptr, 10));
  }

 private:
  int descriptor_;
};

/// The run-queue wait of all threads. Their files stay open: a reading takes a few microseconds.
class Tasks {
 public:
  double waited() {
    struct stat folder {};
    if (stat(tasks_folder, &folder) == 0 && folder.st_nlink != links_) {  // a link for each thread
      links_ = folder.st_nlink;
      list();
    }
    double sum = 0;
    for (const ProcFile& file : files_) sum += file.waited();
    return sum;
  }

 private:
  void list() {
    files_.clear();
    std::error_code ignored;  // a thread may end meanwhile
    for (const auto& task : std::filesystem::directory_iterator(tasks_folder, ignored)) {
      files_.emplace_back(task.path() / "schedstat");
    }
  }

  nlink_t links_ = 0;
  std::vector<ProcFile> files_;
};

/// The processors that this thread may use.
std::vector<int> processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<int> list;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return list;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) list.push_back(cpu);
  }
  return list;
}

bool user_binds_threads() {
#ifdef _OPENMP
  return omp_get_proc_bind() != omp_proc_bind_false;
#else
  return false;
#endif
}

/// This thread runs on these processors alone.
void run_on(const std::vector<int>& cpus) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int cpu : cpus) CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof set, &set);
}

/// Threads of this process, whoever made them.
int count_threads() {
  struct stat folder {};
  constexpr int dots = 2;  // links to the folder itself
  return stat(tasks_folder, &folder) == 0 ? static_cast<int>(folder.st_nlink) - dots : 0;
}

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double slices_lost() {
  constexpr double time_slice = 3e-3;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return time_slice * static_cast<double>(usage.ru_nivcsw);
}

}  // namespace

UsageReader process_usage() {
  if (access("/proc/self/schedstat", R_OK) != 0) {
    return [] { return Usage{processor_seconds(), slices_lost()}; };
  }
  return [tasks = std::make_shared<Tasks>()] {
    return Usage{processor_seconds(), tasks->waited()};
  };
}

double lost_seconds(const Usage& before, const Usage& after, double seconds, bool sleeps) {
  const double waited = std::max(0.0, after.waited - before.waited);
  if (sleeps) return waited;
  return std::max(waited, seconds - (after.processor - before.processor));
}

PinnedTeam::PinnedTeam() {
  const int threads = available_threads();
  if (threads == 1 || user_binds_threads()) return;
  parallel(threads, [](const Worker&) {});  // the whole team is there
  const std::vector<int> cpus = processors();
  if (std::ssize(cpus) != threads || count_threads() != threads) return;
  processors_ = cpus;
  parallel(threads, [&](const Worker& worker) {
    run_on({processors_[static_cast<std::size_t>(worker.id())]});
  });
}

PinnedTeam::~PinnedTeam() {
  if (processors_.empty()) return;
  parallel(static_cast<int>(std::ssize(processors_)), [&](const Worker&) { run_on(processors_); });
}

}  // namespace gradepth
