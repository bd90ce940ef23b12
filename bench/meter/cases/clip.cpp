// Clipping a list of tensors by every rule: by norm in one launch or two, triggered or not, by
// value, by unit, and as part of the update.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

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
  Array<double> sizes;
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
        sizes(upload(run, "sizes", list.sizes)),
        partials(run.array<double>("workspace", list.count())),
        norms(run.array<ClipNorm>("norms", list.norms())),
        report(upload(run, "report", std::vector<ClipReport>{{}})) {}

  [[nodiscard]] ClipTables<T> tables() const {
    return {.chunks = chunks.data(),
            .states = states.data(),
            .first_chunk = first_chunk.data(),
            .sizes = sizes.data(),
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
  [[nodiscard]] ClipList<T> cut(const std::vector<std::int64_t>& lengths, ClipScope scope) const {
    std::vector<ClipTensor<T>> tensors;
    std::int64_t at = 0;
    for (const std::int64_t size : lengths) {
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

/// What is metered of a rule.
struct Clip {
  ClipMode rule;
  bool triggered = true;  // every norm, or none
  bool on_chip = false;
  ClipUpdate update = scale_only;
};

/// What shares a norm: elements [first, last) and what the rule's limit goes by.
struct Piece {
  std::size_t first, last;
  double norm;
  ClipGroup group;
};

template <class T>
std::vector<Piece> pieces(const List<T>& list, ClipScope scope,
                          const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> lengths = sizes;
  if (scope == ClipScope::all) lengths = {total(sizes)};
  if (scope == ClipScope::unit) {
    lengths.assign(static_cast<std::size_t>(total(sizes) / row), row);
  }
  std::vector<Piece> all;
  std::size_t first = 0;
  for (const std::int64_t n : lengths) {
    const std::size_t last = first + static_cast<std::size_t>(n);
    all.push_back({first,
                   last,
                   List<T>::norm(list.g0, first, last),
                   {static_cast<double>(n), List<T>::norm(list.w0, first, last)}});
    first = last;
  }
  return all;
}

/// A threshold that clips every norm to half of it or less, or none: limits are proportional to it.
double threshold_for(const ClipRule& rule, const std::vector<Piece>& all, bool triggered) {
  double least = std::numeric_limits<double>::infinity();
  double most = 0;
  for (const Piece& piece : all) {
    if (piece.norm == 0) continue;
    const double just = piece.norm / rule.limit(1, piece.group);
    least = std::min(least, just);
    most = std::max(most, just);
  }
  return triggered ? 0.5 * least : 2 * most;
}

template <class T>
void run_clip(Run& run, const Clip& clip, const std::vector<std::int64_t>& sizes) {
  const ClipRule& rule = *clip.rule;
  const List<T> list(run, sizes, rule.scope);
  const ClipLauncher<T> launcher = clip_launcher<T>(clip.rule);
  if (!rule.has_norms()) {
    launcher.run(list.tables(), 1, clip.update, list.workspace(), run.stream(), clip_most_blocks);
    for (std::size_t i = 0; i < list.g.size(); ++i) {
      run.compare("g", i, as_double(list.g[i]), std::clamp(list.g0[i], -1.0, 1.0), 0);
    }
    return;
  }
  const std::vector<Piece> all = pieces(list, rule.scope, sizes);
  const double threshold = threshold_for(rule, all, clip.triggered);
  if (clip.on_chip) {
    const ClipPlacement placed = place_on_chip(list.list, on_chip_blocks, on_chip_bytes);
    if (placed.blocks() == 0) throw std::runtime_error("the list does not fit on chip");
    const Array first_of_block = upload(run, "first_of_block", placed.first_of_block);
    const Array slot = upload(run, "slot", placed.slot);
    const ClipPlaces places{.first_of_block = first_of_block.data(),
                            .slot = slot.data(),
                            .blocks = placed.blocks(),
                            .shared_bytes = placed.shared_bytes};
    launcher.plan_on_chip(places)(list.tables(), threshold, clip.update, list.workspace(),
                                  run.stream());
  } else {
    launcher.run(list.tables(), threshold, clip.update, list.workspace(), run.stream(),
                 clip_most_blocks);
  }
  for (const Piece& piece : all) {
    const double limit = rule.limit(threshold, piece.group);
    const double scale = piece.norm > limit ? limit / piece.norm : 1;
    for (std::size_t i = piece.first; i < piece.last; ++i)
      compare(run, list, i, scale, clip.update);
  }
}

/// `passes` over the gradient, or over all that the update touches.
template <class T>
void add(std::vector<Case>& cases, const std::string& mode, double passes, std::string_view formula,
         const Clip& clip) {
  const std::vector<std::int64_t>& sizes = clip.rule->scope == ClipScope::unit ? matrices : mixed;
  const auto n = static_cast<double>(total(sizes));
  std::string name = "clip/" + mode;
  name.append("/").append(dtype_name<T>()).append("/n").append(std::to_string(total(sizes)));
  cases.push_back({.name = name,
                   .dtype = dtype_name<T>(),
                   .unit = "parameter",
                   .units = n,
                   .floor_bytes = passes * sizeof(T) * n,
                   .floor_formula = formula,
                   .run = [=](Run& run) { run_clip<T>(run, clip, sizes); }});
}

template <class T>
void add_on_chip(std::vector<Case>& cases, ClipMode rule) {
  add<T>(cases, std::string(rule.name()) + "/on-chip", 2, "g in, out",
         {.rule = rule, .on_chip = true});
}
template <class T>
void add_two_pass(std::vector<Case>& cases, ClipMode rule) {
  add<T>(cases, std::string(rule.name()) + "/two-pass", 3, "g in, in again, out", {.rule = rule});
}

template <class T>
void add_common(std::vector<Case>& cases) {
  add_on_chip<T>(cases, "norm");
  add_two_pass<T>(cases, "norm");
  add<T>(cases, "norm/not-triggered", 1, "g in", {.rule = "norm", .triggered = false});
  add<T>(cases, "value", 2, "g in, out", {.rule = "value"});
}

/// Those that add_common() and add_clip_cases() do not have by name.
void add_other_rules(std::vector<Case>& cases) {
  for (const ClipRule& rule : all_clip_rules) {
    const ClipMode mode = rule;
    if (mode == "norm" || mode == "agc" || mode == "value") continue;
    if (rule.takes_route()) {
      add_on_chip<float>(cases, rule);
      add_two_pass<float>(cases, rule);
    } else if (rule.reads_weights) {
      add<float>(cases, std::string(rule.name), 3, "g, w in; g out", {.rule = rule});
    } else {
      add<float>(cases, std::string(rule.name), 2, "g in, out", {.rule = rule});
    }
  }
}

}  // namespace

void add_clip_cases(std::vector<Case>& cases) {
  add_common<float>(cases);
  add<float>(cases, "norm/on-chip/idle", 1, "g in",
             {.rule = "norm", .triggered = false, .on_chip = true});
  add<float>(cases, "adaptive", 3, "g, w in; g out", {.rule = "agc"});
  add<float>(cases, "sgd/on-chip", 5, "g, v, w in; v, w out",
             {.rule = "norm", .on_chip = true, .update = sgd});
  add<float>(cases, "sgd/two-pass", 6, "g in; g, v, w in; v, w out",
             {.rule = "norm", .update = sgd});
  add_common<float16>(cases);
  add_common<bfloat16>(cases);
  add_other_rules(cases);
}

}  // namespace gradepth
