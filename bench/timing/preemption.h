#pragma once

#include <functional>
#include <vector>

/// What the operating system's scheduler took from this process.
namespace gradepth {

/// Accounts of a process so far, in seconds.
struct Usage {
  double processor = 0;  // time on a processor, of all threads together
  double waited = 0;     // ready to run but waiting for a processor, of all threads together
};

/// Read before and after whatever is timed. Injected, as the clock is.
using UsageReader = std::function<Usage()>;

/// The accounts that Linux keeps: CLOCK_PROCESS_CPUTIME_ID, and the run-queue wait of each task
/// (schedstat). A kernel without schedstat counts involuntary context switches only: each then
/// counts as a wait of a time slice, 3 ms.
UsageReader process_usage();

/// The time out of `seconds` that the process may have lost to others between two readings: its
/// threads wait for each other, so what one lost all may have lost. `sleeps`: it waits for another
/// device, so that being off the processor says nothing.
double lost_seconds(const Usage& before, const Usage& after, double seconds, bool sleeps);

/// Holds each thread of the team on a processor of its own while it lives; the scheduler has them
/// back afterwards. Where two threads share a processor they never run at the same time, and each
/// wakes the other there again: a virtual machine's scheduler may take an idle processor for a lost
/// one and prefer the waker's, for seconds. Does nothing where the team does not fill the
/// processors (the scheduler finds idle ones), where the user binds threads (OMP_PROC_BIND,
/// GOMP_CPU_AFFINITY), or where there are threads of others, which may be made by ours meanwhile.
class PinnedTeam {
 public:
  PinnedTeam();
  ~PinnedTeam();
  PinnedTeam(const PinnedTeam&) = delete;
  PinnedTeam& operator=(const PinnedTeam&) = delete;

 private:
  std::vector<int> processors_;  // of the team; empty: nothing is held
};

}  // namespace gradepth
