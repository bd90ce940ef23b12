#include "kernels/recurrence/layout.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace gradepth {
namespace {

/// Shared memory that a kernel has beside what the layout counts: the sums of its warps.
constexpr std::size_t other_shared = 1024;

// The time model. Arithmetic and shared memory are the hardware's; the rest are assumptions:
// on an H200 a barrier takes what they say, a step of `small` up to four times as long.
constexpr double fma_per_clock = 128;
constexpr double shared_floats_per_clock = 32;
constexpr double l2_bytes_per_clock = 24;  // of one processor, when all read
constexpr double barrier_ns = 1000;
constexpr double arrival_ns = 3;    // each further block at a barrier
constexpr double round_trip = 100;  // clocks to read shared memory, per piece of k
constexpr double reduction = 200;   // clocks to add up a tile over its warp
constexpr double pointwise = 200;   // clocks for the rest of a step
constexpr double launch_ns = 2000;  // a kernel in a stream, when many are queued
constexpr double gemm_efficiency = 0.75;
constexpr double beyond_l2 = 3;  // how much slower memory is than L2
constexpr int warp = 32;
constexpr int piece = 4 * warp;  // a warp reads 4 floats per lane

std::int64_t divide_up(std::int64_t n, std::int64_t d) { return (n + d - 1) / d; }
std::int64_t round_up(std::int64_t n, std::int64_t to) { return divide_up(n, to) * to; }

/// Rows are whole 16-byte pieces, and an odd number of them: eight rows at one k are then in
/// different banks, which transposing W on its way into shared memory asks for.
std::int64_t pitch_of(std::int64_t depth) { return 4 * (divide_up(depth, 4) | 1); }

/// The most floats that tile_stride leaves free behind a tile's sums.
int most_gap(TileShape tile) { return tile.batch; }

/// Extra passes through the banks of shared memory that a block's threads take to read their sums,
/// a thread one unit (neighbours are neighbours) of one entry.
int read_conflicts(const RecurrenceLayout& p, TileShape tile, int rows_per_unit, int stride) {
  const int units = p.rows / rows_per_unit;
  const int row_tiles = p.rows / tile.rows;
  const int readers = std::min(p.threads, units * std::min(p.chunk, p.threads / units));
  int conflicts = 0;
  for (int first = 0; first < readers; first += warp) {
    std::array<int, warp> asked{};  // how many threads of the warp ask each bank
    for (int thread = first; thread < std::min(first + warp, readers); ++thread) {
      const int row = thread % units * rows_per_unit;
      const int b = thread / units;
      const int at = (b / tile.batch * row_tiles + row / tile.rows) * stride +
                     row % tile.rows * tile.batch + b % tile.batch;
      ++asked[static_cast<std::size_t>(at % warp)];
    }
    conflicts += *std::max_element(asked.begin(), asked.end()) - 1;
  }
  return conflicts;
}

/// Clocks of a block's product: the arithmetic or the reads of shared memory, or, where few tiles
/// leave the processor idle, the time of one warp.
double product_clocks(TileShape tile, std::int64_t rows, std::int64_t batch, std::int64_t depth,
                      int threads) {
  const auto tiles = static_cast<double>(divide_up(rows, tile.rows) * divide_up(batch, tile.batch));
  const double macs = tiles * tile.rows * tile.batch * static_cast<double>(depth);
  const double throughput = std::max(
      macs / fma_per_clock, macs * (1.0 / tile.rows + 1.0 / tile.batch) / shared_floats_per_clock);
  const double rounds = std::ceil(tiles / (threads / static_cast<double>(warp)));
  const double pieces = std::ceil(static_cast<double>(depth) / piece);
  return std::max(throughput,
                  rounds * (pieces * (4.0 * tile.rows * tile.batch + round_trip) + reduction));
}

std::size_t shared_bytes(const RecurrenceLayout& p, TileShape tile) {
  const std::int64_t tiles = std::int64_t{p.rows / tile.rows} * (p.chunk / tile.batch);
  const std::int64_t floats =
      std::int64_t{p.rows + p.chunk} * p.pitch + tiles * std::int64_t{p.tile_stride};
  return static_cast<std::size_t>(floats) * sizeof(float);
}

bool fits(const DeviceLimits& device, const RecurrenceLayout& p) {
  return p.shared + other_shared <= device.shared_per_block;
}

/// As many entries of the batch as there is room for beside the rows of W; 0: none.
int staged_at_once(const DeviceLimits& device, RecurrenceLayout p, TileShape tile) {
  p.chunk = tile.batch;
  p.shared = shared_bytes(p, tile);
  if (!fits(device, p)) return 0;
  const std::size_t first = p.shared;
  p.chunk += tile.batch;
  const std::size_t next = shared_bytes(p, tile) - first;
  const auto more =
      static_cast<std::int64_t>((device.shared_per_block - other_shared - first) / next);
  return static_cast<int>(std::min((more + 1) * tile.batch, round_up(p.batch, tile.batch)));
}

/// A tile's sums lie side by side, as its warp writes them. The gap behind them is chosen so that
/// the threads, which read them unit by unit, find them in different banks.
void choose_gap(RecurrenceLayout& p, int rows_per_unit) {
  const TileShape tile = tile_shape(rows_per_unit, p.shape);
  const int most = p.tile_stride;
  int fewest = std::numeric_limits<int>::max();
  for (int stride = tile_outputs(tile); stride <= most && fewest > 0; ++stride) {
    const int conflicts = read_conflicts(p, tile, rows_per_unit, stride);
    if (conflicts >= fewest) continue;
    fewest = conflicts;
    p.tile_stride = stride;
  }
  p.shared = shared_bytes(p, tile);
}

void keep_better(std::optional<RecurrenceLayout>& best, const RecurrenceLayout& layout) {
  if (!best || layout.predicted_step < best->predicted_step) best = layout;
}

/// A layout for `slices` slices of the batch with at most `row_blocks` blocks each, all but the
/// chunk; no layout where the rows are too many for a block.
std::optional<RecurrenceLayout> cut(const RecurrentProduct& product, int shape, std::int64_t slices,
                                    std::int64_t row_blocks, int most_threads) {
  const TileShape tile = tile_shape(product.rows_per_unit, shape);
  const std::int64_t rows = round_up(divide_up(product.rows(), row_blocks), tile.rows);
  const std::int64_t batch = divide_up(product.batch, slices);
  // A thread has one unit; more rows than this fit no shared memory anyway.
  if (rows / product.rows_per_unit > most_threads || pitch_of(product.depth) > (1 << 24)) return {};
  RecurrenceLayout p;
  p.shape = shape;
  p.rows = static_cast<int>(rows);
  p.batch = static_cast<int>(batch);
  p.pitch = static_cast<int>(pitch_of(product.depth));
  p.tile_stride = tile_outputs(tile) + most_gap(tile);
  p.row_blocks = static_cast<int>(divide_up(product.rows(), rows));
  p.batch_slices = static_cast<int>(divide_up(product.batch, batch));
  return p;
}

/// A matrix product, which reads W again, and a pointwise kernel.
double step_by_step_ns(const DeviceLimits& device, const RecurrentProduct& product) {
  const double weights = static_cast<double>(product.rows()) * static_cast<double>(product.depth);
  const double bytes = sizeof(float) * weights;
  const bool in_l2 = bytes <= static_cast<double>(device.l2_bytes);
  const double clocks =
      std::max(weights * static_cast<double>(product.batch) / (fma_per_clock * gemm_efficiency),
               bytes / l2_bytes_per_clock * (in_l2 ? 1 : beyond_l2)) /
      device.processors;
  return 2 * launch_ns + clocks / device.clock_ghz;
}

/// "2.5 us a step"
std::string model_time(const RecurrenceLayout& layout) {
  std::ostringstream text;
  text.precision(3);
  text << layout.predicted_step / 1000 << " us a step";
  return text.str();
}

std::string kilobytes(std::size_t bytes) { return std::to_string(bytes / 1024) + " KB"; }

}  // namespace

RecurrentProduct forward_product(int gates, std::int64_t batch, std::int64_t units) {
  return {.batch = batch, .units = units, .rows_per_unit = gates, .depth = units};
}
RecurrentProduct backward_product(int gates, std::int64_t batch, std::int64_t units) {
  return {.batch = batch, .units = units, .rows_per_unit = 1, .depth = gates * units};
}

std::string_view name(RecurrenceVariant variant) {
  switch (variant) {
    case RecurrenceVariant::small:
      return "small";
    case RecurrenceVariant::persistent:
      return "persistent";
    default:
      return "step by step";
  }
}

std::optional<RecurrenceLayout> small_layout(const DeviceLimits& device,
                                             const RecurrentProduct& product) {
  std::optional<RecurrenceLayout> best;
  const std::int64_t most_slices = std::min<std::int64_t>(product.batch, device.processors);
  for (int shape = 0; shape < tile_shapes; ++shape) {
    const TileShape tile = tile_shape(product.rows_per_unit, shape);
    for (std::int64_t slices = 1; slices <= most_slices; ++slices) {
      std::optional<RecurrenceLayout> p = cut(product, shape, slices, 1, small_threads);
      if (!p) continue;
      p->variant = RecurrenceVariant::small;
      p->chunk = static_cast<int>(round_up(p->batch, tile.batch));
      p->shared = shared_bytes(*p, tile);
      if (!fits(device, *p)) continue;
      const std::int64_t tiles = std::int64_t{p->rows / tile.rows} * (p->chunk / tile.batch);
      const std::int64_t wanted =
          std::max<std::int64_t>(tiles * warp, round_up(p->rows / product.rows_per_unit, warp));
      p->threads = static_cast<int>(std::clamp<std::int64_t>(wanted, 2 * warp, small_threads));
      p->predicted_step =
          (product_clocks(tile, p->rows, p->chunk, product.depth, p->threads) + pointwise) /
          device.clock_ghz;
      keep_better(best, *p);
    }
  }
  if (best) choose_gap(*best, product.rows_per_unit);
  return best;
}

std::optional<RecurrenceLayout> persistent_layout(const DeviceLimits& device,
                                                  const RecurrentProduct& product) {
  std::optional<RecurrenceLayout> best;
  if (!device.cooperative) return best;
  const std::int64_t most_slices = std::min<std::int64_t>(product.batch, device.processors);
  for (int shape = 0; shape < tile_shapes; ++shape) {
    const TileShape tile = tile_shape(product.rows_per_unit, shape);
    for (std::int64_t slices = 1; slices <= most_slices; ++slices) {
      // Every block must be resident at once: one per processor.
      std::optional<RecurrenceLayout> p =
          cut(product, shape, slices, device.processors / slices, persistent_threads);
      if (!p) continue;
      p->variant = RecurrenceVariant::persistent;
      p->threads = persistent_threads;
      p->chunk = staged_at_once(device, *p, tile);
      if (p->chunk == 0) continue;
      p->shared = shared_bytes(*p, tile);
      const double traffic = 4.0 * p->batch * static_cast<double>(product.depth);
      const double clocks = traffic / l2_bytes_per_clock +
                            product_clocks(tile, p->rows, p->batch, product.depth, p->threads) +
                            pointwise;
      p->predicted_step = barrier_ns + arrival_ns * p->row_blocks + clocks / device.clock_ghz;
      keep_better(best, *p);
    }
  }
  if (best) choose_gap(*best, product.rows_per_unit);
  return best;
}

std::string why_not(RecurrenceVariant variant, const DeviceLimits& device,
                    const RecurrentProduct& product) {
  const std::size_t room =
      device.shared_per_block - std::min(other_shared, device.shared_per_block);
  const auto row_bytes = static_cast<std::size_t>(pitch_of(product.depth)) * sizeof(float);
  const auto rows = static_cast<std::size_t>(product.rows());
  if (variant == RecurrenceVariant::small) {
    if (small_layout(device, product)) return {};
    return "W of " + kilobytes(rows * row_bytes) + " and a state do not fit in one block's " +
           kilobytes(room);
  }
  if (variant == RecurrenceVariant::persistent) {
    if (persistent_layout(device, product)) return {};
    if (!device.cooperative) return "the device has no cooperative launch";
    return "W of " + kilobytes(rows * row_bytes) + " and a staged vector per block do not fit in " +
           std::to_string(device.processors) + " x " + kilobytes(room);
  }
  return {};
}

RecurrenceLayout choose_layout(const DeviceLimits& device, const RecurrentProduct& product) {
  const std::optional<RecurrenceLayout> small = small_layout(device, product);
  const std::optional<RecurrenceLayout> persistent = persistent_layout(device, product);
  RecurrenceLayout best;
  best.predicted_step = step_by_step_ns(device, product);
  for (const auto& layout : {persistent, small}) {
    if (layout && layout->predicted_step <= best.predicted_step) best = *layout;
  }
  // What was not chosen did not fit, or the model has it slower.
  const auto against = [&](RecurrenceVariant variant,
                           const std::optional<RecurrenceLayout>& layout) {
    if (best.variant == variant) return;
    best.why += best.why.empty() ? "" : "; ";
    best.why +=
        std::string(name(variant)) + ": " +
        (layout ? "by the model " + model_time(*layout) : why_not(variant, device, product));
  };
  best.why = "by the model " + model_time(best);
  against(RecurrenceVariant::small, small);
  against(RecurrenceVariant::persistent, persistent);
  return best;
}

RecurrenceLayout choose_layout(const DeviceLimits& device, const RecurrentProduct& product,
                               RecurrenceVariant variant) {
  std::optional<RecurrenceLayout> layout;
  if (variant == RecurrenceVariant::small) {
    layout = small_layout(device, product);
  } else if (variant == RecurrenceVariant::persistent) {
    layout = persistent_layout(device, product);
  } else {
    layout.emplace().predicted_step = step_by_step_ns(device, product);
  }
  if (!layout) {
    throw std::invalid_argument(std::string(name(variant)) + ": " +
                                why_not(variant, device, product));
  }
  return *layout;
}

std::string description(const RecurrenceLayout& layout, const RecurrentProduct& product) {
  std::string text(name(layout.variant));
  if (layout.variant == RecurrenceVariant::step_by_step) return text;
  const TileShape tile = tile_shape(product.rows_per_unit, layout.shape);
  text += ", " + std::to_string(tile.rows) + " x " + std::to_string(tile.batch) + " tiles, " +
          std::to_string(layout.rows) + " rows x " + std::to_string(layout.batch) + " per block, " +
          std::to_string(layout.row_blocks) + " x " + std::to_string(layout.batch_slices) +
          (layout.blocks() == 1 ? " block, " : " blocks, ") + kilobytes(layout.shared);
  return text;
}

}  // namespace gradepth
