#include "bench/timing/preemption.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <filesystem>
#include <future>
#include <thread>
#include <utility>
#include <vector>

#include "bench/timing/measure.h"
#include "host/device/threads.h"

namespace gradepth {
namespace {

/// Spins for so long by the wall's clock, on processor 0 alone if asked.
void spin(double seconds, bool pinned) {
  if (pinned) {
    cpu_set_t first;
    CPU_ZERO(&first);
    cpu_set_t allowed;
    ASSERT_EQ(sched_getaffinity(0, sizeof allowed, &allowed), 0);
    int cpu = 0;
    while (!CPU_ISSET(cpu, &allowed)) ++cpu;
    CPU_SET(cpu, &first);
    ASSERT_EQ(sched_setaffinity(0, sizeof first, &first), 0);
  }
  const Clock clock = steady_clock();
  for (const double begin = clock(); clock() - begin < seconds;) {
  }
}

TEST(Preemption, SeesProcessorTimeAndWaiting) {
  const UsageReader read = process_usage();
  const Usage before = read();
  std::thread one([] { spin(0.2, true); });
  std::thread other([] { spin(0.2, true); });
  one.join();
  other.join();
  const Usage after = read();
  // Together they had one processor at most, and each waited while the other had it. Threads that
  // have ended keep no account of their waiting: only what was read before.
  EXPECT_LT(after.processor - before.processor, 0.25);
  EXPECT_GT(after.processor - before.processor, 0.01);
}

TEST(Preemption, SeesAThreadThatWaits) {
  const UsageReader read = process_usage();
  std::atomic<bool> stop = false;
  std::thread neighbour([&] {
    while (!stop) spin(1e-3, true);
  });
  double lost = 0;
  std::thread timed([&] {
    spin(0.02, true);
    const Usage before = read();
    spin(0.2, true);
    lost = lost_seconds(before, read(), 0.2, false);
  });
  timed.join();
  stop = true;
  neighbour.join();
  EXPECT_GT(lost, 0.05);
}

TEST(Preemption, LosesTheLargerOfBothAccounts) {
  EXPECT_DOUBLE_EQ(lost_seconds({1, 1}, {2, 1.5}, 1.2, false), 0.5);
  EXPECT_DOUBLE_EQ(lost_seconds({1, 1}, {2, 1}, 1.75, false), 0.75);
  EXPECT_DOUBLE_EQ(lost_seconds({1, 1}, {2, 1}, 1.75, true), 0);
  EXPECT_DOUBLE_EQ(lost_seconds({1, 1}, {4, 0.5}, 1, false), 0);  // a thread that waited has ended
}

/// Where each thread of the team may run.
std::vector<cpu_set_t> affinities() {
  std::vector<cpu_set_t> sets(static_cast<std::size_t>(available_threads()));
  parallel(available_threads(), [&](const Worker& worker) {
    cpu_set_t& set = sets[static_cast<std::size_t>(worker.id())];
    EXPECT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  });
  return sets;
}

TEST(PinnedTeam, HasAProcessorForEachThreadAndGivesThemBack) {
  const std::vector<cpu_set_t> before = affinities();
  const auto threads = std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
  if (before.size() == 1 || std::cmp_not_equal(CPU_COUNT(before.data()), before.size()) ||
      std::cmp_not_equal(threads, before.size())) {
    GTEST_SKIP() << "a team of one, or one that does not fill the processors, or others' threads";
  }
  {
    const PinnedTeam pinned;
    cpu_set_t all;
    CPU_ZERO(&all);
    for (const cpu_set_t& set : affinities()) {
      EXPECT_EQ(CPU_COUNT(&set), 1);
      CPU_OR(&all, &all, &set);
    }
    EXPECT_TRUE(CPU_EQUAL(&all, before.data()));  // each its own
  }
  for (const cpu_set_t& set : affinities()) EXPECT_TRUE(CPU_EQUAL(&set, before.data()));
}

TEST(PinnedTeam, LeavesOthersThreadsFree) {
  std::promise<void> done;
  std::thread other([&] { done.get_future().wait(); });
  const std::vector<cpu_set_t> before = affinities();
  {
    const PinnedTeam pinned;
    for (const cpu_set_t& set : affinities()) EXPECT_TRUE(CPU_EQUAL(&set, before.data()));
  }
  done.set_value();
  other.join();
}

}  // namespace
}  // namespace gradepth
