// Clipping a list of tensors: by norm, on chip and in two launches, triggered or not, by unit, by
// value, and as part of an update.
#include <algorithm>
#include <numeric>

#include "bench/meter/case.h"
#include "kernels/clip.h"

namespace gradepth {
namespace {

/// Tensors of a net, one after the other: large ones, small ones, an empty one.
const std::vector<std::int64_t> tensors = {16384, 256, 0, 32768, 512, 4, 8, 10000, 6000};
/// Their units: fan-ins of 256 and less.
const std::vector<std::int64_t> units = {64, 1, 1, 128, 2, 1, 1, 50, 24};

std::int64_t parameters() {
  return std::accumulate(tensors.begin(), tensors.end(), std::int64_t{0});
}

template <class T>
constexpr double unit_of = std::is_same_v<T, float> ? 0x1p-24 : 0x1p-8;

constexpr ClipUpdate sgd{.sgd = true, .learning_rate = 0.05, .momentum = 0.9};

/// What is done, and on which route.
struct Clipping {
  enum class Mode { norm, unit, value } mode = Mode::norm;
  double of_norm = 0.5;  // the threshold as a share of the norm; by value: the threshold
  bool on_chip = false;
  ClipUpdate update = {};
};

template <class T>
class ClipRun {
 public:
  ClipRun(Run& run, const Clipping& clipping) : run_(run), clipping_(clipping) {
    g_ = run.normal<T>("g", parameters());
    w_ = run.normal<T>("w", parameters());
    v_ = run.normal<T>("v", parameters());
    std::int64_t at = 0;
    std::vector<ClipTensor<T>> list;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      list.push_back({g_.data() + at, tensors[i], w_.data() + at, v_.data() + at, units[i]});
      at += tensors[i];
    }
    const bool by_unit = clipping.mode == Clipping::Mode::unit;
    list_ = make_clip_list<T>(list, by_unit ? ClipScope::unit : ClipScope::all);
  }

  void operator()() {
    const Array chunks = copy_of("chunks", list_.chunks);
    const Array states = copy_of("states", list_.states);
    const Array first_chunk = copy_of("first_chunk", list_.first_chunk);
    const ClipTables<T> tables{chunks.data(), states.data(), first_chunk.data(), list_.count(),
                               list_.norms()};
    const Array partials = run_.array<double>("partials", list_.count());
    const Array norms = run_.array<ClipNorm>("norms", list_.norms());
    const Array report = copy_of("report", std::vector<ClipReport>(1));
    const ClipWorkspace workspace{partials.data(), norms.data(), report.data()};
    const std::vector<double> g = numbers(g_);
    const std::vector<double> w = numbers(w_);
    const std::vector<double> v = numbers(v_);
    launch(tables, workspace, norm(g, 0, g.size()));
    std::size_t first = 0;
    for (const ClipChunk<T>& chunk : list_.chunks) {
      const double scale = scale_of(g, w, first, chunk.size);
      for (const std::size_t end = first + chunk.size; first < end; ++first) {
        const double limit = clipping_.of_norm;
        const bool by_value = clipping_.mode == Clipping::Mode::value;
        compare(first, by_value ? std::clamp(g[first], -limit, limit) : scale * g[first], w, v);
      }
    }
  }

 private:
  template <class U>
  Array<U> copy_of(const char* name, const std::vector<U>& from) {
    Array<U> made = run_.template array<U>(name, static_cast<std::int64_t>(from.size()));
    std::copy(from.begin(), from.end(), made.data());
    return made;
  }
  static std::vector<double> numbers(const Array<T>& array) {
    std::vector<double> out(array.size());
    std::transform(array.data(), array.data() + array.size(), out.begin(),
                   [](T x) { return static_cast<double>(static_cast<float>(x)); });
    return out;
  }
  static double norm(const std::vector<double>& x, std::size_t first, std::size_t n) {
    const auto begin = x.begin() + static_cast<std::ptrdiff_t>(first);
    return std::sqrt(std::inner_product(begin, begin + static_cast<std::ptrdiff_t>(n), begin, 0.0));
  }

  void launch(const ClipTables<T>& tables, const ClipWorkspace& workspace, double whole_norm) {
    const double threshold = clipping_.of_norm * whole_norm;
    if (clipping_.mode == Clipping::Mode::value) {
      clip_value(tables, clipping_.of_norm, clipping_.update, run_.stream());
    } else if (clipping_.mode == Clipping::Mode::unit) {
      clip_adaptive(tables, clipping_.of_norm, clipping_.update, workspace, run_.stream());
    } else if (clipping_.on_chip) {
      const ClipPlacement placement = place_on_chip(list_, 8, std::size_t{226} << 10);
      const Array first = copy_of("first_of_block", placement.first_of_block);
      const Array slot = copy_of("slot", placement.slot);
      const ClipPlaces places{first.data(), slot.data(), placement.blocks(),
                              placement.shared_bytes};
      clip_norm_on_chip(tables, places, threshold, clipping_.update, workspace, run_.stream());
    } else {
      clip_norm(tables, threshold, clipping_.update, workspace, run_.stream());
    }
  }

  [[nodiscard]] double scale_of(const std::vector<double>& g, const std::vector<double>& w,
                                std::size_t first, std::size_t n) const {
    if (clipping_.mode == Clipping::Mode::norm) return std::min(1.0, clipping_.of_norm);
    return std::min(1.0, clipping_.of_norm * norm(w, first, n) / norm(g, first, n));
  }

  void compare(std::size_t i, double clipped, const std::vector<double>& w,
               const std::vector<double>& v) {
    const auto check = [&](const char* what, const Array<T>& got, double expected) {
      run_.compare(what, i, static_cast<float>(got[i]), expected,
                   unit_of<T> * std::abs(expected) + 1e-10);
    };
    if (!clipping_.update.sgd) {
      check("g", g_, clipped);
      return;
    }
    const double next = sgd.momentum * v[i] + clipped;
    check("v", v_, next);
    check("w", w_, w[i] - sgd.learning_rate * next);
  }

  Run& run_;
  Clipping clipping_;
  Array<T> g_{0}, w_{0}, v_{0};
  ClipList<T> list_;
};

template <class T>
Case make(const std::string& mode, double floor_per_parameter, std::string_view formula,
          const Clipping& clipping) {
  const auto n = static_cast<double>(parameters());
  const char* dtype = sizeof(T) == 4 ? "f32" : "bf16";
  return {.name = "clip/" + mode + "/" + dtype + "/n" + std::to_string(parameters()),
          .dtype = dtype,
          .unit = "parameter",
          .units = n,
          .floor_bytes = floor_per_parameter * n,
          .floor_formula = formula,
          .run = [clipping](Run& run) { ClipRun<T>(run, clipping)(); }};
}

}  // namespace

void add_clip_cases(std::vector<Case>& cases) {
  using Mode = Clipping::Mode;
  cases.push_back(make<float>("norm/on-chip", 8, "g in, out", {.on_chip = true}));
  cases.push_back(make<float>("norm/two-pass", 12, "g in, in again, out", {}));
  cases.push_back(make<float>("norm/not-triggered", 4, "g in", {.of_norm = 2}));
  cases.push_back(
      make<float>("norm/on-chip-not-triggered", 4, "g in", {.of_norm = 2, .on_chip = true}));
  cases.push_back(make<float>("norm/on-chip-sgd", 20, "g, w, v in; w, v out",
                              {.on_chip = true, .update = sgd}));
  cases.push_back(
      make<float>("norm/two-pass-sgd", 24, "g in, in again; w, v in, out", {.update = sgd}));
  cases.push_back(make<bfloat16>("norm/on-chip", 4, "g in, out", {.on_chip = true}));
  cases.push_back(make<bfloat16>("norm/two-pass", 6, "g in, in again, out", {}));
  cases.push_back(make<float>("agc", 12, "g, w in; g out", {.mode = Mode::unit, .of_norm = 0.5}));
  cases.push_back(make<float>("value", 8, "g in, out", {.mode = Mode::value, .of_norm = 1}));
}

}  // namespace gradepth
