// Clipping a list of tensors: by norm, triggered or not, and by value.
#include <numeric>

#include "bench/meter/case.h"
#include "kernels/clip.h"

namespace gradepth {
namespace {

/// Tensors of a net, one after the other: large ones, small ones, an empty one.
const std::vector<std::int64_t> tensors = {65536, 256, 0, 131072, 512, 3, 7, 40000, 25000};

std::int64_t parameters() {
  return std::accumulate(tensors.begin(), tensors.end(), std::int64_t{0});
}

/// The list of chunks in device memory.
Array<ClipChunk> chunks_of(Run& run, const Array<float>& g) {
  std::vector<ClipTensor> list;
  float* next = g.data();
  for (const std::int64_t size : tensors) {
    list.push_back({next, size});
    next += size;
  }
  const std::vector<ClipChunk> made = make_clip_chunks(list);
  Array chunks = run.array<ClipChunk>("chunks", static_cast<std::int64_t>(made.size()));
  std::copy(made.begin(), made.end(), chunks.data());
  return chunks;
}

std::vector<double> values(const Array<float>& g) { return {g.data(), g.data() + g.size()}; }

void compare_scaled(Run& run, const std::vector<double>& before, const Array<float>& after,
                    double scale) {
  for (std::size_t i = 0; i < after.size(); ++i) {
    run.compare("g", i, after[i], scale * before[i], 0x1p-23 * std::abs(scale * before[i]));
  }
}

void run_norm(Run& run, double threshold_of_norm) {
  const Array g = run.normal("g", parameters());
  const Array chunks = chunks_of(run, g);
  const auto count = static_cast<std::int64_t>(chunks.size());
  const Array partials = run.array<double>("workspace", count);
  const Array result = run.array<ClipResult>("result", 1);
  const std::vector<double> before = values(g);
  const double norm =
      std::sqrt(std::inner_product(before.begin(), before.end(), before.begin(), 0.0));
  const double threshold = threshold_of_norm * norm;
  clip_norm(chunks.data(), count, threshold, partials.data(), result.data(), run.stream());
  compare_scaled(run, before, g, std::min(1.0, threshold_of_norm));
}

void run_value(Run& run) {
  const Array g = run.normal("g", parameters());
  const Array chunks = chunks_of(run, g);
  const std::vector<double> before = values(g);
  clip_value(chunks.data(), static_cast<std::int64_t>(chunks.size()), 1, run.stream());
  for (std::size_t i = 0; i < g.size(); ++i) {
    run.compare("g", i, g[i], std::clamp(before[i], -1.0, 1.0), 0);
  }
}

Case make(const std::string& mode, double floor_per_parameter, std::string_view formula,
          std::function<void(Run&)> run) {
  const auto n = static_cast<double>(parameters());
  return {.name = "clip/" + mode + "/f32/n" + std::to_string(parameters()),
          .dtype = "f32",
          .unit = "parameter",
          .units = n,
          .floor_bytes = floor_per_parameter * n,
          .floor_formula = formula,
          .run = std::move(run)};
}

}  // namespace

void add_clip_cases(std::vector<Case>& cases) {
  cases.push_back(
      make("norm/two-pass", 12, "g in, in again, out", [](Run& run) { run_norm(run, 0.5); }));
  cases.push_back(make("norm/not-triggered", 4, "g in", [](Run& run) { run_norm(run, 2); }));
  cases.push_back(make("value", 8, "g in, out", run_value));
}

}  // namespace gradepth
