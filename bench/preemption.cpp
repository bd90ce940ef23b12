#include "bench/preemption.h"

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

#include "host/threads.h"

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

/// This thread, there and now, free to go afterwards.
void move_to(int cpu) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  if (sched_setaffinity(0, sizeof one, &one) == 0) sched_setaffinity(0, sizeof allowed, &allowed);
}

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double slices_lost() {
  constexpr double slice = 3e-3;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return slice * static_cast<double>(usage.ru_nivcsw);
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

void spread_team() {
  const int threads = available_threads();
  if (threads == 1 || user_binds_threads()) return;
  const std::vector<int> cpus = processors();
  if (std::ssize(cpus) != threads) return;
  parallel(threads,
           [&](const Worker& worker) { move_to(cpus[static_cast<std::size_t>(worker.id())]); });
}

}  // namespace gradepth
