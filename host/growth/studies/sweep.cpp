#include "host/growth/studies/sweep.h"

#include <algorithm>
#include <limits>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "host/growth/knobs/knobs.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/seeds.h"

namespace gradepth::growth {
namespace {

constexpr std::size_t cache_bytes = std::size_t{2} << 30;

/// Passes results on in the order of their numbers.
class InOrder {
 public:
  InOrder(const std::function<void(std::size_t, const GrowthResult&)>& report) : report_(report) {}

  void add(std::size_t i, GrowthResult result) {
    const std::lock_guard lock(mutex_);
    waiting_.emplace(i, std::move(result));
    for (auto at = waiting_.begin(); at != waiting_.end() && at->first == next_;) {
      // After a report that throws there are no more, though threads at work still come here.
      const std::size_t last = std::exchange(next_, ended);
      report_(at->first, at->second);
      next_ = last + 1;
      at = waiting_.erase(at);
    }
  }

 private:
  static constexpr std::size_t ended = std::numeric_limits<std::size_t>::max();
  const std::function<void(std::size_t, const GrowthResult&)>& report_;
  std::size_t next_ = 0;  // to be reported; `ended` during a report and after one that threw
  std::map<std::size_t, GrowthResult> waiting_;
  std::mutex mutex_;
};

GrowthResult measure_cell(const SweepCell& cell, Provider& provider, WeightCache& cache) {
  try {
    return measure_growth(cell.spec, provider, &cache);
  } catch (const std::invalid_argument& refusal) {
    GrowthResult result;
    result.provider = provider.name();
    result.name = row_name(cell.spec, provider.name());
    result.status = Status::unsupported;
    result.reason = refusal.what();
    return result;
  }
}

}  // namespace

void run_sweep(const std::vector<SweepCell>& cells, Provider& provider,
               const std::function<void(std::size_t, const GrowthResult&)>& report) {
  if (cells.empty()) return;
  const auto largest = std::max_element(
      cells.begin(), cells.end(),
      [](const SweepCell& a, const SweepCell& b) { return work(a.spec) < work(b.spec); });
  const int threads = concurrent_seeds(provider, make_problem(largest->spec));
  WeightCache cache(cache_bytes);
  InOrder results(report);
  for_each_seed(
      cells.size(), threads, [] { return 0; },
      [&](int, std::size_t i) { results.add(i, measure_cell(cells[i], provider, cache)); });
}

double work(const GrowthSpec& spec) {
  const auto width = static_cast<double>(spec.width);
  const double taps = is_cnn(spec) ? image::taps * image::pixels : 1;
  return static_cast<double>(spec.seeds * spec.batch * spec.depth) * width * width * taps;
}

}  // namespace gradepth::growth
