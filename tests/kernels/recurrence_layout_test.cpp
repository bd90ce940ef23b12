// Plans for GPUs that this machine does not have, from their published specifications.
#include "kernels/recurrence/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <functional>
#include <string>

namespace gradepth {
namespace {

using testing::HasSubstr;

struct Gpu {
  const char* name;
  DeviceLimits limits;
};

constexpr std::size_t operator""_KB(unsigned long long n) { return n * 1024; }
constexpr std::size_t operator""_MB(unsigned long long n) { return n * 1024 * 1024; }

/// Multiprocessors, opt-in shared memory per block, boost clock, L2.
constexpr std::array<Gpu, 6> gpus{{
    {"A100", {108, 163_KB, true, 1.41, 40_MB}},
    {"H100", {132, 227_KB, true, 1.98, 50_MB}},
    {"H200", {132, 227_KB, true, 1.98, 50_MB}},
    {"RTX 4090", {128, 99_KB, true, 2.52, 72_MB}},
    {"L4", {58, 99_KB, true, 2.04, 48_MB}},
    {"B200", {148, 227_KB, true, 1.965, 126_MB}},
}};
constexpr DeviceLimits h100 = gpus[1].limits;

struct Cell {
  const char* name;
  int gates;
};
constexpr Cell cells[] = {{"elman", 1}, {"gru", 3}, {"lstm", 4}};
constexpr std::int64_t batches[] = {1, 2, 3, 7, 8, 31, 32, 33, 100, 257};

std::int64_t round_up(std::int64_t n, std::int64_t to) { return (n + to - 1) / to * to; }

void expect_valid(const DeviceLimits& device, const RecurrentProduct& product,
                  const RecurrenceLayout& p) {
  EXPECT_GT(p.predicted_step, 0);
  if (p.variant == RecurrenceVariant::step_by_step) return;
  const TileShape tile = tile_shape(product.rows_per_unit, p.shape);
  // It covers every row and every entry of the batch, and no block is empty.
  EXPECT_GE(std::int64_t{p.row_blocks} * p.rows, product.rows());
  EXPECT_LT(std::int64_t{p.row_blocks - 1} * p.rows, product.rows());
  EXPECT_GE(std::int64_t{p.batch_slices} * p.batch, product.batch);
  EXPECT_LT(std::int64_t{p.batch_slices - 1} * p.batch, product.batch);
  // It consists of whole tiles, and of whole units.
  EXPECT_EQ(p.rows % tile.rows, 0);
  EXPECT_EQ(p.rows % product.rows_per_unit, 0);
  EXPECT_GT(p.chunk, 0);
  EXPECT_EQ(p.chunk % tile.batch, 0);
  EXPECT_LE(p.chunk, round_up(p.batch, tile.batch));
  EXPECT_GE(p.tile_stride, tile_outputs(tile));
  // Rows are 16-byte pieces, an odd number of them.
  EXPECT_GE(p.pitch, product.depth);
  EXPECT_EQ(p.pitch % 8, 4);
  // It fits.
  const std::int64_t tiles = std::int64_t{p.rows / tile.rows} * (p.chunk / tile.batch);
  const std::int64_t floats = std::int64_t{p.rows + p.chunk} * p.pitch + tiles * p.tile_stride;
  EXPECT_EQ(static_cast<std::int64_t>(p.shared), 4 * floats);
  EXPECT_LT(p.shared, device.shared_per_block);
  EXPECT_LE(p.blocks(), device.processors);
  EXPECT_EQ(p.threads % 32, 0);
  EXPECT_GE(p.threads, p.rows / product.rows_per_unit);
  if (p.variant == RecurrenceVariant::small) {
    EXPECT_EQ(p.row_blocks, 1);
    EXPECT_GE(p.chunk, p.batch);
    EXPECT_LE(p.threads, small_threads);
  } else {
    EXPECT_TRUE(device.cooperative);
    EXPECT_EQ(p.threads, persistent_threads);
  }
}

/// Calls f(device, product) for many devices, cells and sizes.
void for_each_product(const std::function<void(const DeviceLimits&, const RecurrentProduct&)>& f) {
  std::vector<DeviceLimits> devices{{1, 48_KB}, {6, 6_KB}, {20, 64_KB}, {132, 227_KB, false}};
  for (const Gpu& gpu : gpus) devices.push_back(gpu.limits);
  for (const DeviceLimits& device : devices) {
    for (const Cell& cell : cells) {
      for (const std::int64_t batch : batches) {
        for (std::int64_t units = 1; units < 3000; units += units < 70 ? 1 : 61) {
          f(device, forward_product(cell.gates, batch, units));
          f(device, backward_product(cell.gates, batch, units));
        }
      }
    }
  }
}

TEST(RecurrenceLayout, IsValidOnEveryDevice) {
  for_each_product([](const DeviceLimits& device, const RecurrentProduct& product) {
    SCOPED_TRACE(std::to_string(device.processors) + " processors, " +
                 std::to_string(product.units) + " units, batch " + std::to_string(product.batch));
    const RecurrenceLayout best = choose_layout(device, product);
    expect_valid(device, product, best);
    for (const auto& layout : {small_layout(device, product), persistent_layout(device, product)}) {
      if (!layout) continue;
      expect_valid(device, product, *layout);
      EXPECT_LE(best.predicted_step, layout->predicted_step);
      const RecurrenceLayout again = choose_layout(device, product, layout->variant);
      EXPECT_EQ(again.predicted_step, layout->predicted_step);
    }
  });
}

TEST(RecurrenceLayout, SaysWhyWhereSomethingDoesNotFit) {
  for_each_product([](const DeviceLimits& device, const RecurrentProduct& product) {
    const RecurrenceLayout best = choose_layout(device, product);
    for (const auto variant : {RecurrenceVariant::small, RecurrenceVariant::persistent}) {
      const bool is_small = variant == RecurrenceVariant::small;
      const bool fits =
          (is_small ? small_layout(device, product) : persistent_layout(device, product))
              .has_value();
      const std::string reason = why_not(variant, device, product);
      EXPECT_EQ(reason.empty(), fits);
      if (fits) continue;
      EXPECT_NE(best.variant, variant);
      EXPECT_THAT(best.why, HasSubstr(reason));
    }
  });
}

TEST(RecurrenceLayout, NamesTheObstacle) {
  EXPECT_EQ(why_not(RecurrenceVariant::small, h100, forward_product(1, 32, 512)),
            "W of 1032 KB and a state do not fit in one block's 226 KB");
  EXPECT_EQ(why_not(RecurrenceVariant::persistent, h100, forward_product(4, 32, 2048)),
            "W of 65664 KB and a staged vector per block do not fit in 132 x 226 KB");
  EXPECT_THROW((void)choose_layout(h100, forward_product(1, 32, 512), RecurrenceVariant::small),
               std::invalid_argument);
  DeviceLimits alone = h100;
  alone.cooperative = false;
  EXPECT_EQ(why_not(RecurrenceVariant::persistent, alone, forward_product(1, 32, 512)),
            "the device has no cooperative launch");
}

TEST(RecurrenceLayout, PrefersTheVariantThatTheSizeAsksFor) {
  const auto variant = [](int gates, std::int64_t batch, std::int64_t units) {
    return choose_layout(h100, forward_product(gates, batch, units)).variant;
  };
  EXPECT_EQ(variant(1, 32, 128), RecurrenceVariant::small);
  EXPECT_EQ(variant(1, 32, 512), RecurrenceVariant::persistent);
  EXPECT_EQ(variant(4, 32, 512), RecurrenceVariant::persistent);
  EXPECT_EQ(variant(1, 32, 4096), RecurrenceVariant::step_by_step);
  // Much work per step: then a matrix product's larger tiles win, and barriers hardly matter.
  EXPECT_EQ(variant(1, 512, 2048), RecurrenceVariant::step_by_step);
}

/// The largest H that fits; `layout` is small_layout or persistent_layout.
template <class Layout, class Product>
std::int64_t largest(Layout layout, Product product, const DeviceLimits& device, int gates) {
  std::int64_t fits = 0;
  for (std::int64_t step = 4096; step > 0; step /= 2) {
    if (layout(device, product(gates, 32, fits + step))) fits += step;
  }
  return fits;
}

TEST(RecurrenceLayout, LargestHiddenSizes) {
  struct Largest {
    const char* gpu;
    const char* cell;
    std::int64_t small_forward, small_backward, persistent_forward, persistent_backward;
  };
  // A row of W takes 4 H bytes and all of W 4 G H²; small W must fit once into a block, persistent
  // W once into all of them together.
  constexpr Largest table[] = {
      {"A100", "elman", 200, 200, 1728, 1728}, {"A100", "gru", 116, 113, 1188, 864},
      {"A100", "lstm", 100, 97, 1004, 864},    {"H100", "elman", 236, 236, 2308, 2308},
      {"H100", "gru", 135, 136, 1556, 1132},   {"H100", "lstm", 116, 119, 1320, 1056},
      {"H200", "elman", 236, 236, 2308, 2308}, {"H200", "gru", 135, 136, 1556, 1132},
      {"H200", "lstm", 116, 119, 1320, 1056},  {"RTX 4090", "elman", 152, 152, 1468, 1468},
      {"RTX 4090", "gru", 88, 88, 996, 926},   {"RTX 4090", "lstm", 76, 77, 860, 695},
      {"L4", "elman", 152, 152, 996, 996},     {"L4", "gru", 88, 88, 676, 489},
      {"L4", "lstm", 76, 77, 580, 464},        {"B200", "elman", 236, 236, 2368, 2368},
      {"B200", "gru", 135, 136, 1628, 1184},   {"B200", "lstm", 116, 119, 1404, 1184},
  };
  const Largest* row = table;
  for (const Gpu& gpu : gpus) {
    for (const Cell& cell : cells) {
      SCOPED_TRACE(std::string(gpu.name) + ' ' + cell.name);
      ASSERT_STREQ(row->gpu, gpu.name);
      ASSERT_STREQ(row->cell, cell.name);
      const int g = cell.gates;
      EXPECT_EQ(largest(small_layout, forward_product, gpu.limits, g), row->small_forward);
      EXPECT_EQ(largest(small_layout, backward_product, gpu.limits, g), row->small_backward);
      EXPECT_EQ(largest(persistent_layout, forward_product, gpu.limits, g),
                row->persistent_forward);
      EXPECT_EQ(largest(persistent_layout, backward_product, gpu.limits, g),
                row->persistent_backward);
      // No more than the memory holds.
      const auto room = static_cast<double>(gpu.limits.shared_per_block);
      const auto bytes = [&](std::int64_t H) { return 4.0 * g * static_cast<double>(H * H); };
      EXPECT_LT(bytes(row->small_forward), room);
      EXPECT_LT(bytes(row->persistent_forward), room * gpu.limits.processors);
      ++row;
    }
  }
}

TEST(RecurrenceLayout, WhatFitsStillFitsWhenTheProblemShrinksOrTheDeviceGrows) {
  for (const Gpu& gpu : gpus) {
    for (const Cell& cell : cells) {
      for (const bool small : {true, false}) {
        const auto fits = [&](const DeviceLimits& device, std::int64_t batch, std::int64_t units) {
          const RecurrentProduct product = backward_product(cell.gates, batch, units);
          return (small ? small_layout(device, product) : persistent_layout(device, product))
              .has_value();
        };
        DeviceLimits larger = gpu.limits;
        larger.processors += 7;
        larger.shared_per_block += 5_KB;
        bool fitted = true;
        for (std::int64_t units = 1; units < 2600; units += 13) {
          const bool fits_now = fits(gpu.limits, 32, units);
          EXPECT_TRUE(fitted || !fits_now) << units;
          EXPECT_TRUE(!fits_now || (fits(larger, 32, units) && fits(gpu.limits, 1, units)));
          fitted = fits_now;
        }
      }
    }
  }
}

TEST(RecurrenceLayout, DescribesItself) {
  const RecurrentProduct product = forward_product(1, 32, 512);
  EXPECT_EQ(description(choose_layout(h100, product), product),
            "persistent, 8 x 4 tiles, 48 rows x 3 per block, 11 x 11 blocks, 105 KB");
  EXPECT_EQ(description({}, product), "step by step");
}

}  // namespace
}  // namespace gradepth
