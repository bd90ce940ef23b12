// Kernels whose costs were worked out by hand: the meter must count exactly that, on every
// schedule.
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <random>
#include <vector>

#include "kernels/meter/meter.h"
#include "tests/meter/known_kernels.h"

namespace gradepth {
namespace {

using meter::LaunchCounts;
using meter::Meter;

/// "Device" memory, aligned as a GPU's allocator does it; 0 at first.
template <class T>
class Memory {
 public:
  explicit Memory(int n) : size_(static_cast<std::size_t>(n)), data_(allocate(bytes())) {
    std::memset(data_.get(), 0, bytes());
  }
  [[nodiscard]] T* data() const { return reinterpret_cast<T*>(data_.get()); }
  [[nodiscard]] std::size_t bytes() const { return size_ * sizeof(T); }
  T& operator[](int i) const { return data()[i]; }

 private:
  static constexpr std::align_val_t alignment{256};
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete[](memory, alignment); }
  };
  static std::byte* allocate(std::size_t n) {
    return static_cast<std::byte*>(::operator new[](n, alignment));
  }
  std::size_t size_;
  std::unique_ptr<std::byte[], Free> data_;
};

Memory<float> normal(int n, unsigned seed) {
  Memory<float> numbers(n);
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution;
  for (int i = 0; i < n; ++i) numbers[i] = distribution(random);
  return numbers;
}

/// A launch's counts as numbers that can be compared; places in the code included.
std::vector<std::uint64_t> flat(const LaunchCounts& c) {
  std::vector<std::uint64_t> all = {c.blocks,         c.threads,        c.shared_bytes,
                                    c.block_barriers, c.grid_barriers,  c.warp_operations,
                                    c.global_atomics, c.shared_atomics, c.atomic_steps};
  for (const auto& b : c.buffers) {
    for (const auto& t : {b.loads, b.stores}) {
      all.insert(all.end(), {t.requests, t.bytes, t.sectors, t.least_sectors, t.lines,
                             t.unique_bytes, t.unique_sectors, t.block_sectors});
    }
    all.push_back(b.atomics);
  }
  for (const auto& t : {c.shared_loads, c.shared_stores}) {
    all.insert(all.end(), {t.requests, t.bytes, t.wavefronts, t.least_wavefronts});
  }
  for (const auto& s : c.sites) all.insert(all.end(), {s.place, s.requests, s.cost, s.least});
  return all;
}

/// Meters one launch, on several schedules and numbers of host threads: the counts must be the
/// same.
class Metered {
 public:
  template <class T>
  Metered& with(const char* name, const Memory<T>& memory) {
    meter_.name(name, memory.data(), memory.bytes());
    return *this;
  }
  LaunchCounts run(const std::function<void(const StreamRef&)>& launch) {
    StreamRef stream;
    LaunchCounts first;
    for (stream.seed = 0; stream.seed < 5; ++stream.seed) {
      stream.workers = 1 + static_cast<unsigned>(stream.seed) % 3;
      launch(stream);
      const std::vector<LaunchCounts> launches = meter_.take();
      EXPECT_EQ(launches.size(), 1U);
      EXPECT_EQ(launches[0].buffer(meter::unnamed), nullptr);
      if (stream.seed == 0) first = launches[0];
      EXPECT_EQ(flat(launches[0]), flat(first)) << "schedule " << stream.seed;
    }
    return first;
  }
  [[nodiscard]] const Meter& meter() const { return meter_; }

 private:
  Meter meter_;
};

TEST(Sectors, OfStridesAndOffsets) {
  constexpr int n = 4096;
  const auto x = normal(8 * n + 8, 1);
  const Memory<float> y(n);
  const auto loads = [&](int stride, int offset) {
    const LaunchCounts c = Metered().with("x", x).with("y", y).run(
        [&](const StreamRef& s) { known::copy(n, stride, offset, x.data(), y.data(), s); });
    EXPECT_EQ(c.kernel, "known::copy_kernel");
    EXPECT_EQ(c.blocks, n / 256U);
    EXPECT_EQ(c.threads, 256U);
    EXPECT_EQ(c.stores().bytes, 4U * n);
    EXPECT_EQ(c.stores().sectors, n / 8U);
    EXPECT_EQ(c.stores().requests, n / 32U);
    EXPECT_EQ(c.loads().bytes, 4U * n);
    EXPECT_EQ(c.loads().unique_bytes, 4U * n);
    EXPECT_EQ(c.loads().requests, n / 32U);
    EXPECT_EQ(c.loads().least_sectors, n / 8U);
    return c.loads();
  };
  EXPECT_EQ(loads(1, 0).sectors, n / 8U);
  EXPECT_EQ(loads(2, 0).sectors, n / 4U);
  EXPECT_EQ(loads(8, 0).sectors, n);            // eight times as many
  EXPECT_EQ(loads(1, 1).sectors, n / 32U * 5);  // 4 of 5 sectors would do: 80 %
  EXPECT_EQ(loads(1, 1).unique_sectors, n / 8U + 1);
  EXPECT_EQ(loads(1, 8).sectors, n / 8U);  // a whole sector off
  EXPECT_EQ(loads(8, 0).lines, n / 4U);
}

TEST(Sectors, OfWideAndNarrowAccesses) {
  constexpr int n = 1024;
  const auto x = normal(4 * n, 1);
  const Memory<float> y(4 * n);
  const auto* const x4 = reinterpret_cast<const float4*>(x.data());
  auto* const y4 = reinterpret_cast<float4*>(y.data());
  const LaunchCounts wide = Metered().with("x", x).with("y", y).run(
      [&](const StreamRef& s) { known::copy_packs(n, x4, y4, s); });
  for (const auto& t : {wide.loads(), wide.stores()}) {
    EXPECT_EQ(t.requests, n / 32U);
    EXPECT_EQ(t.bytes, 16U * n);
    EXPECT_EQ(t.sectors, n / 2U);
  }
  // The same bytes one float at a time: each request touches all of the warp's 16 sectors.
  const LaunchCounts narrow = Metered().with("x", x).with("y", y).run(
      [&](const StreamRef& s) { known::sum_of_four(n, x.data(), y.data(), s); });
  EXPECT_EQ(narrow.loads().bytes, 16U * n);
  EXPECT_EQ(narrow.loads().sectors, 2U * n);
  EXPECT_EQ(narrow.loads().least_sectors, n / 2U);
  EXPECT_EQ(narrow.loads().block_sectors, n / 2U);  // a perfect L1 cache would hide it
}

TEST(Sectors, OfStructsAreThoseOfTheirWords) {
  constexpr int n = 256;
  const Memory<known::Six> x(n);
  const Memory<known::Six> y(n);
  const LaunchCounts c = Metered().with("x", x).with("y", y).run(
      [&](const StreamRef& s) { known::copy_structs(n, x.data(), y.data(), s); });
  EXPECT_EQ(c.loads().bytes, 24U * n);
  EXPECT_EQ(c.stores().bytes, 24U * n);
  EXPECT_EQ(c.loads().requests, 6U * n / 32);
  // 32 words 24 bytes apart lie in 24 sectors: 4 of them in every 3.
  EXPECT_EQ(c.loads().sectors, 6U * n / 32 * 24);
}

TEST(BankConflicts, OfTransposes) {
  constexpr int n = 128;
  constexpr unsigned requests = n * n / 32;  // of each kind
  const auto x = normal(n * n, 1);
  const Memory<float> y(n * n);
  const auto run = [&](auto launch) {
    LaunchCounts c = Metered().with("x", x).with("y", y).run(
        [&](const StreamRef& s) { launch(x.data(), y.data(), s); });
    EXPECT_EQ(y[3 * n + 5], x[5 * n + 3]);
    EXPECT_EQ(c.loads().sectors, requests * 4);
    return c;
  };
  const LaunchCounts bare = run([](auto... a) { known::transpose(n, false, a...); });
  EXPECT_EQ(bare.stores().sectors, requests * 4);
  EXPECT_EQ(bare.shared_stores.conflicts(), 0U);
  EXPECT_EQ(bare.shared_loads.wavefronts, requests * 32);
  EXPECT_EQ(bare.shared_loads.conflicts(), requests * 31);
  EXPECT_EQ(bare.block_barriers, 1U);
  const LaunchCounts padded = run([](auto... a) { known::transpose(n, true, a...); });
  EXPECT_EQ(padded.shared_loads.wavefronts, requests);
  EXPECT_EQ(padded.shared_loads.conflicts(), 0U);
  const LaunchCounts naive = run([](auto... a) { known::transpose_naively(n, a...); });
  EXPECT_EQ(naive.stores().sectors, requests * 32);
  EXPECT_EQ(naive.shared_loads.requests, 0U);
}

TEST(BankConflicts, OfThePaddedTileOfASampleProduct) {
  constexpr int n = 48;
  constexpr unsigned tiles = (n / 16) * (n / 16) * (n / 16);
  const auto A = normal(n * n, 1);
  const auto B = normal(n * n, 2);
  const Memory<float> C(n * n);
  const LaunchCounts c = Metered().with("A", A).with("B", B).with("C", C).run(
      [&](const StreamRef& s) { known::multiply(n, A.data(), B.data(), C.data(), s); });
  EXPECT_EQ(c.buffer("A")->loads.bytes, tiles * 1024);
  EXPECT_EQ(c.buffer("A")->loads.sectors, tiles * 32);
  EXPECT_EQ(c.buffer("B")->loads.unique_bytes, 4U * n * n);
  EXPECT_EQ(c.buffer("C")->stores.bytes, 4U * n * n);
  EXPECT_EQ(c.block_barriers, 2U * n / 16);
  // A warp stores two rows of 16; 17 apart they overlap in one bank.
  EXPECT_EQ(c.shared_stores.requests, tiles * 8 * 2);
  EXPECT_EQ(c.shared_stores.conflicts(), tiles * 8);
  EXPECT_EQ(c.shared_loads.requests, tiles * 8 * 32);
  EXPECT_EQ(c.shared_loads.conflicts(), 0U);
  // By place: all conflicts are at one.
  unsigned places = 0;
  for (const auto& site : c.sites) {
    if (site.access != meter::Access::kSharedStore || site.cost == site.least) continue;
    ++places;
    EXPECT_EQ(site.cost - site.least, tiles * 8);
  }
  EXPECT_EQ(places, 1U);
}

TEST(BankConflicts, OfWideAccesses) {
  const auto x = normal(512, 1);
  const Memory<float> y(512);
  const LaunchCounts c = Metered().with("x", x).with("y", y).run([&](const StreamRef& s) {
    known::reverse_packs(reinterpret_cast<const float4*>(x.data()),
                         reinterpret_cast<float4*>(y.data()), s);
  });
  EXPECT_EQ(c.shared_stores.wavefronts, 4U * 4);  // 4 warps in 4 quarters
  EXPECT_EQ(c.shared_loads.wavefronts, 4U * 4);
  EXPECT_EQ(c.shared_loads.conflicts(), 0U);
  EXPECT_EQ(c.loads().sectors, 64U);
}

TEST(BankConflicts, OfStores) {
  const Memory<float> y(32);
  for (const auto& [pitch, wavefronts] :
       std::vector<std::pair<int, unsigned>>{{1, 1}, {2, 2}, {3, 1}, {32, 32}, {33, 1}}) {
    const LaunchCounts c = Metered().with("y", y).run(
        [&](const StreamRef& s) { known::store_shared(pitch, y.data(), s); });
    EXPECT_EQ(c.shared_stores.wavefronts, 2 + wavefronts) << pitch;  // the doubles take two
    EXPECT_EQ(c.shared_stores.conflicts(), wavefronts - 1) << pitch;
    EXPECT_EQ(c.shared_loads.conflicts(), wavefronts - 1) << pitch;
  }
}

TEST(Divergence, LanesThatBeginLateReadBesideTheOthers) {
  constexpr int n = 1024;
  const auto x = normal(8 * n, 1);
  const Memory<float> y(n);
  const LaunchCounts c = Metered().with("x", x).with("y", y).run(
      [&](const StreamRef& s) { known::begin_late(n, x.data(), y.data(), s); });
  EXPECT_EQ(c.loads().bytes, 4U * n * 26 / 4);  // 8 + 7 + 6 + 5 of every four lanes
  EXPECT_EQ(c.loads().requests, n / 32U * 8);
  EXPECT_EQ(c.loads().sectors, n / 32U * 32);
}

TEST(Divergence, LoopsOfDifferentLengthsRunTogether) {
  constexpr int n = 256;
  constexpr int rows = 6;
  const auto x = normal(n * 5 * rows, 1);
  const Memory<float> y(n);
  const LaunchCounts c = Metered().with("x", x).with("y", y).run(
      [&](const StreamRef& s) { known::inner_loop(n, rows, x.data(), y.data(), s); });
  unsigned bytes = 0;
  unsigned requests = 0;
  unsigned sectors = 0;
  for (int warp = 0; warp < n / 32; ++warp) {
    for (int r = 0; r < rows; ++r) {
      for (int j = 0; j < 5; ++j) {
        unsigned touched = 0;
        for (int lane = 0; lane < 32; ++lane) {
          if (j >= ((warp * 32 + lane) * 7 + r * 3) % 5) continue;
          bytes += 4;
          touched |= 1U << lane / 8;
        }
        requests += touched != 0 ? 1 : 0;
        sectors += static_cast<unsigned>(std::popcount(touched));
      }
    }
  }
  EXPECT_EQ(c.loads().bytes, bytes);
  EXPECT_EQ(c.loads().requests, requests);
  EXPECT_EQ(c.loads().sectors, sectors);
}

TEST(Divergence, LanesThatLeaveEarlyAreNotWaitedFor) {
  constexpr int n = 256;
  constexpr int rows = 12;
  const auto x = normal(n * rows, 1);
  const auto z = normal(n * rows, 2);
  const Memory<float> y(n);
  const LaunchCounts c = Metered().with("x", x).with("z", z).with("y", y).run(
      [&](const StreamRef& s) { known::leave_early(n, rows, x.data(), z.data(), y.data(), s); });
  unsigned requests = 0;
  unsigned sectors = 0;
  for (int warp = 0; warp < n / 32; ++warp) {
    unsigned alive = ~0U;
    for (int r = 0; r < rows; ++r) {
      unsigned of_x = 0;
      unsigned of_z = 0;
      for (int lane = 0; lane < 32; ++lane) {
        if ((alive >> lane & 1U) == 0) continue;
        of_x |= 1U << lane / 8;
        const float v = x[r * n + warp * 32 + lane];
        if (v > 1.F) {
          alive &= ~(1U << lane);
        } else if (v < 0.F) {
          of_z |= 1U << lane / 8;
        }
      }
      for (const unsigned touched : {of_x, of_z}) {
        requests += touched != 0 ? 1 : 0;
        sectors += static_cast<unsigned>(std::popcount(touched));
      }
    }
  }
  EXPECT_EQ(c.loads().requests, requests);
  EXPECT_EQ(c.loads().sectors, sectors);
}

TEST(Atomics, AreCountedByLaneAndByCollision) {
  constexpr int n = 8192;
  const Memory<int> x(n);
  const Memory<int> counts(64);
  for (int i = 0; i < n; ++i) x[i] = i * 7 % 64;
  const LaunchCounts c = Metered().with("x", x).with("counts", counts).run([&](const StreamRef& s) {
    known::histogram(n, x.data(), counts.data(), s);
  });
  EXPECT_EQ(c.shared_atomics, n);
  EXPECT_EQ(c.global_atomics, 4U * 64);
  EXPECT_EQ(c.buffer("counts")->atomics, 4U * 64);
  EXPECT_EQ(c.atomic_steps, n / 32U + 4 * 2);  // no two lanes of a warp at one address
  EXPECT_EQ(c.block_barriers, 2U);
  for (int i = 0; i < n; ++i) x[i] = 5;
  const LaunchCounts same =
      Metered().with("x", x).with("counts", counts).run([&](const StreamRef& s) {
        known::histogram(n, x.data(), counts.data(), s);
      });
  EXPECT_EQ(same.atomic_steps, n + 4U * 2);
}

TEST(GridBarriers, AreCountedAsGridSyncAndAsWaits) {
  constexpr int H = 100;  // the last block has 4 units
  constexpr unsigned T = 9;
  constexpr unsigned blocks = 4;
  const auto W = normal(H * H, 1);
  const auto x = normal(static_cast<int>(T) * H, 2);
  const Memory<float> h(2 * H);
  const Memory<unsigned> counter(1);
  for (unsigned* const at : {static_cast<unsigned*>(nullptr), counter.data()}) {
    Metered metered;
    metered.with("W", W).with("x", x).with("h", h).with("counter", counter);
    const LaunchCounts c = metered.run([&](const StreamRef& s) {
      known::run_chain({static_cast<int>(T), H, W.data(), x.data(), h.data(), at}, s);
    });
    EXPECT_EQ(c.grid_barriers, T);
    EXPECT_EQ(c.buffer("W")->loads.bytes, 4U * H * H * T);
    EXPECT_EQ(c.buffer("W")->loads.unique_bytes, 4U * H * H);
    EXPECT_EQ(c.buffer("h")->loads.bytes, 4U * H * T * blocks);
    EXPECT_EQ(c.buffer("h")->stores.bytes, 4U * H * T);
    EXPECT_EQ(c.global_atomics, at == nullptr ? 0U : T * blocks);
    EXPECT_EQ(c.block_barriers, at == nullptr ? T : 3 * T);
    EXPECT_EQ(c.shared_bytes, 4U * H);
    EXPECT_EQ(c.shared_stores.bytes, 4U * H * T * blocks);
    EXPECT_EQ(metered.meter().zeroed().calls, at == nullptr ? 0U : 5U);
  }
}

TEST(Meter, SeesWhatHasNoName) {
  const auto x = normal(256, 1);
  const Memory<float> y(256);
  Meter meter;
  meter.name("x", x.data(), x.bytes());
  known::copy(256, 1, 0, x.data(), y.data(), {});
  const auto launches = meter.take();
  ASSERT_EQ(launches.size(), 1U);
  EXPECT_EQ(launches[0].buffer(meter::unnamed)->stores.bytes, 1024U);
  EXPECT_THROW(Meter(), std::logic_error);
}

TEST(Meter, ForgetsTheNameOfMemoryThatIsNamedAgain) {
  const auto x = normal(256, 1);
  const Memory<float> y(256);
  Meter meter;
  meter.name("old", x.data(), 64);
  meter.name("x", x.data(), x.bytes());
  meter.name("y", y.data(), y.bytes());
  known::copy(256, 1, 0, x.data(), y.data(), {});
  const auto launches = meter.take();
  EXPECT_EQ(launches[0].buffer("old"), nullptr);
  EXPECT_EQ(launches[0].buffer("x")->loads.bytes, 1024U);
}

TEST(Meter, CountsNothingBeforeAndAfter) {
  const auto x = normal(256, 1);
  const Memory<float> y(256);
  known::copy(256, 1, 0, x.data(), y.data(), {});
  EXPECT_TRUE(Meter().take().empty());
}

}  // namespace
}  // namespace gradepth
