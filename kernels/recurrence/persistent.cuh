#pragma once

#include <stdexcept>

#include "kernels/cell/step.cuh"
#include "kernels/grid.cuh"
#include "kernels/recurrence/persistent.h"
#include "kernels/recurrence/slice_barrier.cuh"
#include "kernels/recurrence/staging.cuh"
#include "kernels/recurrence/tile_product.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

/// How a layout cuts the product, as kernels need it.
struct Tiling {
  int rows, batch, chunk, pitch, tile_stride;
};

/// What one block has of the problem, and where it keeps it in shared memory.
template <int RowsPerUnit, class Tile>
struct BlockSlice {
  std::int64_t first_unit;
  int units;
  std::int64_t first_entry;  // of the batch
  int batch;
  int row_tiles;
  int pitch, tile_stride;
  float* w;     // [rows, pitch], rows of W or of its transpose
  float* v;     // [chunk, pitch], the vectors that they multiply
  float* sums;  // of the tiles, tile_stride apart

  __device__ BlockSlice(const Tiling& q, std::int64_t H, std::int64_t B)
      : first_unit(static_cast<std::int64_t>(blockIdx.x) * (q.rows / RowsPerUnit)),
        units(
            static_cast<int>(min(static_cast<std::int64_t>(q.rows / RowsPerUnit), H - first_unit))),
        first_entry(static_cast<std::int64_t>(blockIdx.y) * q.batch),
        batch(static_cast<int>(min(static_cast<std::int64_t>(q.batch), B - first_entry))),
        row_tiles(static_cast<int>(divide_up(units * RowsPerUnit, Tile::rows))),
        pitch(q.pitch),
        tile_stride(q.tile_stride),
        w(dynamic_shared<float>()),
        v(w + q.rows * q.pitch),
        sums(v + q.chunk * q.pitch) {}

  /// The sums of `entries` vectors; between two block-wide barriers, as all threads read them.
  __device__ void multiply(int entries, std::int64_t depth) const {
    __syncthreads();
    block_product<Tile>(w, row_tiles, v, static_cast<int>(divide_up(entries, Tile::batch)), pitch,
                        static_cast<int>(divide_up(depth, 4) * 4), sums, tile_stride);
    __syncthreads();
  }
  [[nodiscard]] __device__ float sum(int row, int b) const {
    return sums[sum_index<Tile>(row, b, row_tiles, tile_stride)];
  }
};

/// A thread has one unit for the whole launch, and of the batch every `entries`-th entry: so
/// neighbours read neighbouring addresses, and what is summed over batch and steps stays in the
/// thread.
struct Element {
  int unit;     // within the block
  int entry;    // the first one
  int entries;  // threads that share a unit
  bool active;
  bool has_first;  // whether it has an element of the first chunk, of `first_entries`

  __device__ Element(int units_per_block, int units, int first_entries)
      : unit(static_cast<int>(threadIdx.x) % units_per_block),
        entry(static_cast<int>(threadIdx.x) / units_per_block),
        entries(static_cast<int>(blockDim.x) / units_per_block),
        active(entry < entries && unit < units),
        has_first(active && entry < first_entries) {}
};

/// Calls f(b) for this thread's share of a slice's entries but for the block's first elements,
/// those that threads load into registers while they wait.
template <class F>
__device__ void for_each_later_entry(const Element& own, int first_entries, int batch, F f) {
  for (int b = own.entry; own.active && b < batch; b += own.entries) {
    if (b >= min(own.entries, first_entries)) f(b);
  }
}

template <RecurrenceVariant Variant>
inline constexpr int threads_of =
    Variant == RecurrenceVariant::small ? small_threads : persistent_threads;

// blockIdx = (rows of W, slice of the batch)
template <class Step, class Tile, RecurrenceVariant Variant>
__global__ void __launch_bounds__(threads_of<Variant>, 1)
    recurrent_forward_kernel(Step step, RecurrentForward p, Tiling q, unsigned* counters) {
  constexpr int G = Step::gates;
  constexpr bool small = Variant == RecurrenceVariant::small;
  const BlockSlice<G, Tile> slice(q, p.H, p.B);
  const int first_entries = min(q.chunk, slice.batch);
  const Element own(q.rows / G, slice.units, first_entries);
  const std::int64_t unit = slice.first_unit + own.unit;
  SliceBarrier barrier(counters);

  float bias[Step::biases] = {};
  ForwardInputs<Step> first{};  // of this thread's first element in the step that comes next
  const auto load_first = [&](std::int64_t t) {
    if (!own.has_first) return;
    first = load_forward<Step>(p, t * p.B + slice.first_entry + own.entry, unit);
  };
  if (own.active) load_bias<Step>(p.b, p.H, unit, bias);
  load_first(0);
  stage_rows<G>(slice.w, slice.units * G, q.pitch, p.W, p.H, slice.first_unit);
  clear_padding(slice.v, q.chunk, q.pitch, static_cast<int>(p.H));

  for (std::int64_t t = 0; t < p.T; ++t) {
    for (int chunk = 0; chunk < slice.batch; chunk += q.chunk) {
      const int entries = min(q.chunk, slice.batch - chunk);
      const std::int64_t first_row = t * p.B + slice.first_entry + chunk;
      if (!small || t == 0) {
        stage_exchanged(slice.v, q.pitch, p.h + first_row * p.H, entries, static_cast<int>(p.H));
      }
      slice.multiply(entries, p.H);
      for (int b = own.entry; own.active && b < entries; b += own.entries) {
        const auto in =
            chunk == 0 && b == own.entry ? first : load_forward<Step>(p, first_row + b, unit);
        float product[G];
        for (int g = 0; g < G; ++g) product[g] = slice.sum(own.unit * G + g, b);
        const float h = forward_element(step, p, first_row + b, unit, in, bias, product);
        if constexpr (small) slice.v[b * q.pitch + own.unit] = h;
      }
    }
    if (t + 1 == p.T) break;
    if constexpr (!small) barrier.arrive();
    load_first(t + 1);
    for_each_later_entry(own, first_entries, slice.batch, [&](int b) {
      prefetch_forward<Step>(p, (t + 1) * p.B + slice.first_entry + b, unit);
    });
    if constexpr (!small) barrier.wait();
  }
}

// blockIdx = (units: rows of Wᵀ, slice of the batch)
template <class Step, class Tile, RecurrenceVariant Variant>
__global__ void __launch_bounds__(threads_of<Variant>, 1)
    recurrent_backward_kernel(Step step, RecurrentBackward p, Tiling q, unsigned* counters) {
  constexpr int G = Step::gates;
  constexpr bool small = Variant == RecurrenceVariant::small;
  __shared__ double board[threads_of<Variant> / 32][step_quantities];
  const BlockSlice<1, Tile> slice(q, p.H, p.B);
  const int first_entries = min(q.chunk, slice.batch);
  const Element own(q.rows, slice.units, first_entries);
  const std::int64_t unit = slice.first_unit + own.unit;
  const std::int64_t depth = G * p.H;
  const std::int64_t blocks = static_cast<std::int64_t>(gridDim.x) * gridDim.y;
  const std::int64_t block = static_cast<std::int64_t>(blockIdx.y) * gridDim.x + blockIdx.x;
  const float* const exchanged = Step::has_reset ? p.dr : p.da;
  SliceBarrier barrier(counters);

  double bias[Step::biases] = {};
  BackwardInputs<Step> first{};  // of this thread's first element at the state that comes next
  const auto load_first = [&](std::int64_t s) {
    if (!own.has_first) return;
    first = load_backward<Step>(p, s, slice.first_entry + own.entry, unit);
  };
  load_first(p.T);
  stage_columns(slice.w, slice.units, q.pitch, p.W, static_cast<int>(depth), p.H, slice.first_unit);
  clear_padding(slice.v, q.chunk, q.pitch, static_cast<int>(depth));

  for (std::int64_t s = p.T; s >= 0; --s) {
    double sums[step_quantities] = {};
    for (int chunk = 0; chunk < slice.batch; chunk += q.chunk) {
      const int entries = min(q.chunk, slice.batch - chunk);
      const std::int64_t entry = slice.first_entry + chunk;
      if (s < p.T) {  // nothing comes back through W to the last state
        if (!small) {
          stage_exchanged(slice.v, q.pitch, exchanged + (s * p.B + entry) * depth, entries,
                          static_cast<int>(depth));
        }
        slice.multiply(entries, depth);
      }
      for (int b = own.entry; own.active && b < entries; b += own.entries) {
        const auto in =
            chunk == 0 && b == own.entry ? first : load_backward<Step>(p, s, entry + b, unit);
        const float through = s < p.T ? slice.sum(own.unit, b) : 0.F;
        float dr[G];
        backward_element(step, p, s, entry + b, unit, through, in, dr, bias, sums);
        if constexpr (small) {
          if (s == 0) continue;
          for (int g = 0; g < G; ++g) slice.v[b * q.pitch + g * p.H + own.unit] = dr[g];
        }
      }
    }
    if (!small && s > 0) barrier.arrive();
    if (p.partials != nullptr) post_step(sums, board);
    if (s > 0) load_first(s - 1);
    if (s > 1) {
      for_each_later_entry(own, first_entries, slice.batch, [&](int b) {
        prefetch_backward<Step>(p, s - 1, slice.first_entry + b, unit);
      });
    }
    if (!small && s > 0) {
      barrier.wait();
    } else if (p.partials != nullptr) {
      __syncthreads();
    }
    if (p.partials != nullptr) {
      write_posted_step(board, block, blocks, p.partials + s * step_quantities * blocks);
    }
  }

  if (!own.active) return;
  const std::int64_t part = static_cast<std::int64_t>(blockIdx.y) * own.entries + own.entry;
  for (int k = 0; k < Step::biases; ++k) {
    p.bias_partials[(part * Step::biases + k) * p.H + unit] = bias[k];
  }
}

/// Calls f(WarpTile<…>{}) for the tile that a layout has chosen.
template <int RowsPerUnit, class F>
void with_tile(const RecurrenceLayout& layout, F f) {
  constexpr TileShape first = tile_shape(RowsPerUnit, 0);
  constexpr TileShape second = tile_shape(RowsPerUnit, 1);
  constexpr TileShape third = tile_shape(RowsPerUnit, 2);
  switch (layout.shape) {
    case 0:
      return f(WarpTile<first.rows, first.batch>{});
    case 1:
      return f(WarpTile<second.rows, second.batch>{});
    default:
      return f(WarpTile<third.rows, third.batch>{});
  }
}

/// The kernel of a layout's variant.
template <class Arguments, class SmallKernel, class PersistentKernel, class Step>
RecurrenceLaunch<Arguments> plan_recurrence(const RecurrenceLayout& layout, SmallKernel small,
                                            PersistentKernel persistent, const Step& step) {
  const dim3 grid(static_cast<unsigned>(layout.row_blocks),
                  static_cast<unsigned>(layout.batch_slices));
  const dim3 block(static_cast<unsigned>(layout.threads));
  const Tiling q{layout.rows, layout.batch, layout.chunk, layout.pitch, layout.tile_stride};
  switch (layout.variant) {
    case RecurrenceVariant::small:
      return [step, q, kernel = plan_launch(small, grid, block, layout.shared)](
                 const Arguments& p, unsigned* counters, const StreamRef& stream) {
        kernel(stream, step, p, q, counters);
      };
    case RecurrenceVariant::persistent:
      return [step, q, kernel = plan_cooperative_launch(persistent, grid, block, layout.shared),
              bytes = static_cast<std::size_t>(barrier_counters(layout)) * sizeof(unsigned)](
                 const Arguments& p, unsigned* counters, const StreamRef& stream) {
        zero_async(counters, bytes, stream);
        kernel(stream, step, p, q, counters);
      };
    default:
      throw std::invalid_argument("a layout that goes step by step has no kernel of its own");
  }
}

template <class Cell>
RecurrenceLaunch<RecurrentForward> plan_forward(const Cell& cell, const RecurrenceLayout& layout) {
  using Step = CellStep<Cell>;
  RecurrenceLaunch<RecurrentForward> planned;
  with_tile<Step::gates>(layout, [&](auto tile) {
    using Tile = decltype(tile);
    planned = plan_recurrence<RecurrentForward>(
        layout, recurrent_forward_kernel<Step, Tile, RecurrenceVariant::small>,
        recurrent_forward_kernel<Step, Tile, RecurrenceVariant::persistent>, Step{cell});
  });
  return planned;
}

template <class Cell>
RecurrenceLaunch<RecurrentBackward> plan_backward(const Cell& cell,
                                                  const RecurrenceLayout& layout) {
  using Step = CellStep<Cell>;
  RecurrenceLaunch<RecurrentBackward> planned;
  with_tile<1>(layout, [&](auto tile) {
    using Tile = decltype(tile);
    planned = plan_recurrence<RecurrentBackward>(
        layout, recurrent_backward_kernel<Step, Tile, RecurrenceVariant::small>,
        recurrent_backward_kernel<Step, Tile, RecurrenceVariant::persistent>, Step{cell});
  });
  return planned;
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
