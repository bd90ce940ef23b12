// Clipping a list of tensors: by norm in one launch or two, triggered or not, by value, by unit,
// and as part of the update.
#include <numeric>
#include <stdexcept>

#include "bench/meter/cases/case.h"
#include "bench/meter/numbers.h"
#include "kernels/clip/clip.h"

namespace gradepth {
namespace {

/// Tensors of a net, one after the other: large ones, small ones, an empty one.
const std::vector<std::int64_t> mixed = {65536, 256, 0, 131072, 512, 3, 7, 40000, 25000};
/// Matrices whose rows are units.
const std::vector<std::int64_t> matrices = {65536, 131072};
constexpr std::int64_t row = 256;

std::int64_t total(const std::vector<std::int64_t>& sizes) {
  return std::accumulate(sizes.begin(), sizes.end(), std::int64_t{0});
}

/// Blocks of an on-chip clip, and an H100's shared memory: the list fits.
constexpr int on_chip_blocks = 8;
constexpr std::size_t on_chip_bytes = std::size_t{227} << 10U;

constexpr ClipUpdate scale_only{};
constexpr ClipUpdate sgd{.sgd = true, .learning_rate = 0.1, .momentum = 0.9};

template <class V>
Array<V> upload(Run& run, const char* name, const std::vector<V>& values) {
  Array made = run.array<V>(name, static_cast<std::int64_t>(values.size()));
  std::copy(values.begin(), values.end(), made.data());
  return made;
}

/// A list in device memory, and what it was before clipping.
template <class T>
struct List {
  Array<T> g, w, v;
  std::vector<double> g0, w0, v0;
  ClipList<T> list;
  Array<ClipChunk<T>> chunks;
  Array<ClipState<T>> states;
  Array<std::uint32_t> first_chunk;
  Array<double> partials;
  Array<ClipNorm> norms;
  Array<ClipReport> report;

  List(Run& run, const std::vector<std::int64_t>& sizes, ClipScope scope)
      : g(run.normal<T>("g", total(sizes))),
        w(run.normal<T>("w", total(sizes))),
        v(run.normal<T>("v", total(sizes))),
        g0(doubles(g)),
        w0(doubles(w)),
        v0(doubles(v)),
        list(cut(sizes, scope)),
        chunks(upload(run, "chunks", list.chunks)),
        states(upload(run, "states", list.states)),
        first_chunk(upload(run, "first_chunk", list.first_chunk)),
        partials(run.array<double>("workspace", list.count())),
        norms(run.array<ClipNorm>("norms", list.norms())),
        report(upload(run, "report", std::vector<ClipReport>{{}})) {}

  [[nodiscard]] ClipTables<T> tables() const {
    return {.chunks = chunks.data(),
            .states = states.data(),
            .first_chunk = first_chunk.data(),
            .count = list.count(),
            .norms = list.norms()};
  }
  [[nodiscard]] ClipWorkspace workspace() const {
    return {.partials = partials.data(), .norms = norms.data(), .report = report.data()};
  }
  /// |g| of the elements [first, last), before clipping.
  [[nodiscard]] static double norm(const std::vector<double>& x, std::size_t first,
                                   std::size_t last) {
    double sum = 0;
    for (std::size_t i = first; i < last; ++i) sum += x[i] * x[i];
    return std::sqrt(sum);
  }

 private:
  static std::vector<double> doubles(const Array<T>& from) {
    std::vector<double> to(from.size());
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = as_double(from[i]);
    return to;
  }
  [[nodiscard]] ClipList<T> cut(const std::vector<std::int64_t>& sizes, ClipScope scope) const {
    std::vector<ClipTensor<T>> tensors;
    std::int64_t at = 0;
    for (const std::int64_t size : sizes) {
      tensors.push_back({g.data() + at, size, w.data() + at, v.data() + at,
                         scope == ClipScope::unit ? size / row : 1});
      at += size;
    }
    return make_clip_list<T>(tensors, scope);
  }
};

/// One rounding to T, whose smallest numbers are not finer than float16's.
template <class T>
double tolerance(double expected) {
  return 1.01 * roundoff<T>() * std::abs(expected) + 0x1p-25;
}

/// g = scale g0, or the update with it.
template <class T>
void compare(Run& run, const List<T>& list, std::size_t i, double scale, const ClipUpdate& update) {
  const double clipped = scale * list.g0[i];
  if (!update.sgd) {
    run.compare("g", i, as_double(list.g[i]), clipped, tolerance<T>(clipped));
    return;
  }
  const double next = update.momentum * list.v0[i] + clipped;
  run.compare("v", i, as_double(list.v[i]), next, tolerance<T>(next));
  const double w = list.w0[i] - update.learning_rate * next;
  run.compare("w", i, as_double(list.w[i]), w, tolerance<T>(w));
}

template <class T>
void run_norm(Run& run, bool on_chip, double threshold_of_norm, const ClipUpdate& update) {
  const List<T> list(run, mixed, ClipScope::all);
  const double threshold = threshold_of_norm * List<T>::norm(list.g0, 0, list.g0.size());
  if (on_chip) {
    const ClipPlacement placed = place_on_chip(list.list, on_chip_blocks, on_chip_bytes);
    if (placed.blocks() == 0) throw std::runtime_error("the list does not fit on chip");
    const Array first_of_block = upload(run, "first_of_block", placed.first_of_block);
    const Array slot = upload(run, "slot", placed.slot);
    const ClipPlaces places{.first_of_block = first_of_block.data(),
                            .slot = slot.data(),
                            .blocks = placed.blocks(),
                            .shared_bytes = placed.shared_bytes};
    clip_norm_on_chip<T>(list.tables(), places, threshold, update, list.workspace(), run.stream());
  } else {
    clip_norm<T>(list.tables(), threshold, update, list.workspace(), run.stream());
  }
  const double scale = std::min(1.0, threshold_of_norm);
  for (std::size_t i = 0; i < list.g.size(); ++i) compare(run, list, i, scale, update);
}

template <class T>
void run_value(Run& run) {
  const List<T> list(run, mixed, ClipScope::all);
  clip_value<T>(list.tables(), 1, scale_only, run.stream());
  for (std::size_t i = 0; i < list.g.size(); ++i) {
    run.compare("g", i, as_double(list.g[i]), std::clamp(list.g0[i], -1.0, 1.0), 0);
  }
}

template <class T>
void run_adaptive(Run& run) {
  List<T> list(run, matrices, ClipScope::unit);
  constexpr double factor = 0.5;  // clips every row
  clip_adaptive<T>(list.tables(), factor, scale_only, list.workspace(), run.stream());
  for (std::size_t first = 0; first < list.g.size(); first += row) {
    const double limit =
        factor * std::max(List<T>::norm(list.w0, first, first + row), clip_least_weight);
    const double scale = std::min(1.0, limit / List<T>::norm(list.g0, first, first + row));
    for (std::size_t i = first; i < first + row; ++i) compare(run, list, i, scale, scale_only);
  }
}

/// `passes` over the gradient, or over all that the update touches.
template <class T>
Case make(const std::string& mode, double passes, std::string_view formula,
          std::function<void(Run&)> run, const std::vector<std::int64_t>& sizes = mixed) {
  const auto n = static_cast<double>(total(sizes));
  std::string name = "clip/" + mode;
  name.append("/").append(dtype_name<T>()).append("/n").append(std::to_string(total(sizes)));
  return {.name = name,
          .dtype = dtype_name<T>(),
          .unit = "parameter",
          .units = n,
          .floor_bytes = passes * sizeof(T) * n,
          .floor_formula = formula,
          .run = std::move(run)};
}

template <class T>
void add_common(std::vector<Case>& cases) {
  cases.push_back(make<T>("norm/on-chip", 2, "g in, out",
                          [](Run& run) { run_norm<T>(run, true, 0.5, scale_only); }));
  cases.push_back(make<T>("norm/two-pass", 3, "g in, in again, out",
                          [](Run& run) { run_norm<T>(run, false, 0.5, scale_only); }));
  cases.push_back(make<T>("norm/not-triggered", 1, "g in",
                          [](Run& run) { run_norm<T>(run, false, 2, scale_only); }));
  cases.push_back(make<T>("value", 2, "g in, out", run_value<T>));
}

}  // namespace

void add_clip_cases(std::vector<Case>& cases) {
  add_common<float>(cases);
  cases.push_back(make<float>("norm/on-chip/idle", 1, "g in",
                              [](Run& run) { run_norm<float>(run, true, 2, scale_only); }));
  cases.push_back(make<float>("adaptive", 3, "g, w in; g out", run_adaptive<float>, matrices));
  cases.push_back(make<float>("sgd/on-chip", 5, "g, v, w in; v, w out",
                              [](Run& run) { run_norm<float>(run, true, 0.5, sgd); }));
  cases.push_back(make<float>("sgd/two-pass", 6, "g in; g, v, w in; v, w out",
                              [](Run& run) { run_norm<float>(run, false, 0.5, sgd); }));
  add_common<float16>(cases);
  add_common<bfloat16>(cases);
}

}  // namespace gradepth
