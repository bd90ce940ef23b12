#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// How a recurrence runs on a device: which variant, cut into which pieces. Arithmetic on a few
/// numbers of the device, without a call of CUDA, so that layouts for any GPU are tested on any
/// machine.
///
/// Every step of a recurrence is a product  sums[b, r] = Σ_k w[r, k] v[b, k]  and something
/// pointwise. W is the same at every step, so the fast variants keep it on chip:
///   small         one block holds the whole of W and a slice of the batch; blocks never wait for
///                 each other
///   persistent    a block holds some rows of W and a slice of the batch; all blocks of a slice
///                 exchange the vector through L2 and wait for each other once a step
///   step_by_step  W is read again at each step: a matrix product and a pointwise kernel per step
namespace gradepth {

/// What a layout must know of a device.
struct DeviceLimits {
  int processors = 1;                // cudaDevAttrMultiProcessorCount
  std::size_t shared_per_block = 0;  // bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin
  bool cooperative = true;           // cudaDevAttrCooperativeLaunch
  double clock_ghz = 1;              // cudaDevAttrClockRate; for the time model only
  std::size_t l2_bytes = 0;          // cudaDevAttrL2CacheSize
};

/// The product of one step.
///   w [units * rows_per_unit, depth], v [batch, depth]
struct RecurrentProduct {
  std::int64_t batch = 1;
  std::int64_t units = 1;
  int rows_per_unit = 1;
  std::int64_t depth = 1;

  [[nodiscard]] std::int64_t rows() const { return units * rows_per_unit; }
};

/// The products of a cell with `gates` rows of W per unit. Forward, a unit needs all its gates;
/// backward it is one row of Wᵀ, as long as all gates of all units.
RecurrentProduct forward_product(int gates, std::int64_t batch, std::int64_t units);
RecurrentProduct backward_product(int gates, std::int64_t batch, std::int64_t units);

/// What one warp multiplies at once: rows of W by entries of the batch.
struct TileShape {
  int rows;
  int batch;
};
/// The tiles that kernels are built for, by rows_per_unit: a gated cell's tile is one unit.
inline constexpr int tile_shapes = 3;
constexpr TileShape tile_shape(int rows_per_unit, int index) {
  constexpr std::array<TileShape, tile_shapes> one_row{{{4, 8}, {8, 4}, {8, 1}}};
  constexpr std::array<int, tile_shapes> batch{8, 4, 1};
  const auto i = static_cast<std::size_t>(index);
  return rows_per_unit == 1 ? one_row[i] : TileShape{rows_per_unit, batch[i]};
}
/// Outputs of a tile with its rows filled up to a power of two, as the warp adds them up.
constexpr int tile_outputs(TileShape tile) {
  int rows = 1;
  while (rows < tile.rows) rows *= 2;
  return rows * tile.batch;
}

enum class RecurrenceVariant : std::uint8_t { small, persistent, step_by_step };
std::string_view name(RecurrenceVariant variant);

struct RecurrenceLayout {
  RecurrenceVariant variant = RecurrenceVariant::step_by_step;
  int shape = 0;              // of the tile, an index of tile_shape
  int rows = 0;               // of W per block, a multiple of the tile's
  int batch = 0;              // entries of the batch per block
  int chunk = 0;              // entries staged at a time, a multiple of the tile's
  int pitch = 0;              // floats from one row to the next in shared memory
  int tile_stride = 0;        // floats from one tile's sums to the next
  int row_blocks = 0;         // grid.x
  int batch_slices = 0;       // grid.y
  int threads = 0;            // per block
  std::size_t shared = 0;     // dynamic shared memory per block, bytes
  double predicted_step = 0;  // ns; a model, not a measurement
  std::string why;            // why this variant and not a better one

  [[nodiscard]] int blocks() const { return row_blocks * batch_slices; }
};

/// Threads of a block of each variant, at most.
inline constexpr int small_threads = 512;
inline constexpr int persistent_threads = 256;

/// The layout with the least predicted time per step; step by step always fits.
RecurrenceLayout choose_layout(const DeviceLimits& device, const RecurrentProduct& product);

/// The best layout of the variant that is asked for; std::invalid_argument, with why_not, where it
/// does not fit.
RecurrenceLayout choose_layout(const DeviceLimits& device, const RecurrentProduct& product,
                               RecurrenceVariant variant);

/// The same; no layout where it does not fit.
std::optional<RecurrenceLayout> small_layout(const DeviceLimits& device,
                                             const RecurrentProduct& product);
std::optional<RecurrenceLayout> persistent_layout(const DeviceLimits& device,
                                                  const RecurrentProduct& product);

/// Why a variant does not fit, in a few words; empty where it does.
std::string why_not(RecurrenceVariant variant, const DeviceLimits& device,
                    const RecurrentProduct& product);

/// "persistent, 8 x 4 tiles, 48 rows x 3 of the batch per block, 11 x 11 blocks, 104 KB"
std::string description(const RecurrenceLayout& layout, const RecurrentProduct& product);

}  // namespace gradepth
