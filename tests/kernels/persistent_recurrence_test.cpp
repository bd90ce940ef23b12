// Recurrent layers through time, every cell and variant, against float64 loops.
#include "kernels/recurrence/persistent.h"

#include <functional>
#include <set>
#include <utility>

#include "kernels/chain/pointwise.h"
#include "kernels/linear/gemm.h"
#include "kernels/linear/reduce.h"
#include "kernels/recurrence/cell_kernels.h"
#include "tests/kernels/recurrent_support.h"
#include "tests/kernels/support.h"

namespace gradepth {
namespace {

using namespace testing;

/// The cells of the list.
constexpr auto& cells = gate_cells;

/// The layouts of both directions.
struct Layouts {
  RecurrenceLayout forward, backward;
};

RecurrentProduct forward_of(const RecurrentNumbers& n) {
  return forward_product(static_cast<int>(n.gates()), n.B, n.H);
}
RecurrentProduct backward_of(const RecurrentNumbers& n) {
  return backward_product(static_cast<int>(n.gates()), n.B, n.H);
}

/// What a layer leaves behind.
struct Result {
  std::vector<float> h, c, dh, dc, da, dr, carry, dh0, db;
  std::vector<double> sums;  // [T + 1, step_quantities]

  /// All of it, to be compared bit by bit.
  [[nodiscard]] std::vector<double> all() const {
    std::vector<double> numbers = sums;
    for (const auto* v : {&h, &c, &dh, &dc, &da, &dr, &carry, &dh0, &db}) {
      numbers.insert(numbers.end(), v->begin(), v->end());
    }
    return numbers;
  }
};

/// The device memory of one layer.
class Layer {
 public:
  Layer(RecurrentNumbers numbers, Layouts cut)
      : n(std::move(numbers)),
        layouts(std::move(cut)),
        blocks(steps() ? step_blocks(n.B * n.H) : layouts.backward.blocks()),
        W(n.W, 1),
        x(n.x, 1),
        b(n.b),
        dy(n.dy, 3),
        h((n.T + 1) * n.B * n.H),
        c(has_c() ? (n.T + 1) * n.B * n.H : 0),
        gates(n.T * n.B * n.info().kept() * n.H),
        da(n.T * n.B * n.gates() * n.H),
        dr(n.info().has_reset() ? n.T * n.B * n.gates() * n.H : 0),
        carry(has_c() || n.info().carries_h ? n.B * n.H : 0),
        dh((n.T + 1) * n.B * n.H),
        dc(has_c() ? (n.T + 1) * n.B * n.H : 0),
        dh0(n.B * n.H),
        partials((n.T + 1) * step_quantities * blocks),
        sums((n.T + 1) * step_quantities),
        bias_partials(bias_parts(layouts.backward) * n.biases() * n.H),
        db(n.biases() * n.H),
        counters(std::max(barrier_counters(layouts.forward), barrier_counters(layouts.backward))),
        product(n.B * n.gates() * n.H) {
    std::copy(n.h0.begin(), n.h0.end(), h.data());
    if (has_c()) std::copy(n.c0.begin(), n.c0.end(), c.data());
    if (has_c()) std::copy(n.dc.begin(), n.dc.end(), carry.data());
  }

  Result run(const StreamRef& stream, bool measured = true) {
    forward(stream);
    backward(stream, measured);
    (void)bias_partials.read();  // checks the guards
    (void)counters.read();
    (void)gates.read();
    return {h.read(),  c.read(),     dh.read(),  dc.read(), da.read(),
            dr.read(), carry.read(), dh0.read(), db.read(), measured ? sums.read() : no_sums};
  }

 private:
  [[nodiscard]] bool has_c() const { return n.info().has_c; }
  [[nodiscard]] bool steps() const {
    return layouts.backward.variant == RecurrenceVariant::step_by_step;
  }

  void forward(const StreamRef& stream) {
    const RecurrentForward p{.T = n.T,
                             .B = n.B,
                             .H = n.H,
                             .W = W.data(),
                             .x = x.data(),
                             .projected = n.projected,
                             .b = b.data(),
                             .h = h.data(),
                             .c = c.data(),
                             .gates = n.info().kept() > 0 ? gates.data() : nullptr};
    if (steps()) {
      for (std::int64_t t = 0; t < n.T; ++t) {
        gemm({.transpose_b = true,
              .m = n.B,
              .n = n.gates() * n.H,
              .k = n.H,
              .A = h.data() + t * n.B * n.H,
              .B = W.data(),
              .C = product.data()},
             stream);
        kernels.forward_step(p, t, product.data(), stream);
      }
    } else {
      kernels.plan_forward(act, layouts.forward)(p, counters.data(), stream);
    }
  }

  void backward(const StreamRef& stream, bool measured) {
    const RecurrentBackward p{.T = n.T,
                              .B = n.B,
                              .H = n.H,
                              .W = W.data(),
                              .dy = dy.data(),
                              .h = h.data(),
                              .c = c.data(),
                              .gates = gates.data(),
                              .clip_value = n.clip_value,
                              .da = da.data(),
                              .dr = dr.data(),
                              .carry = carry.data(),
                              .dh0 = dh0.data(),
                              .dh = dh.data(),
                              .dc = dc.data(),
                              .partials = measured ? partials.data() : nullptr,
                              .bias_partials = bias_partials.data()};
    if (steps()) {
      const float* const at_product = n.info().has_reset() ? dr.data() : da.data();
      const std::int64_t width = n.gates() * n.H;
      for (std::int64_t s = n.T; s >= 0; --s) {
        if (s < n.T) {
          gemm({.m = n.B,
                .n = n.H,
                .k = width,
                .A = at_product + s * n.B * width,
                .B = W.data(),
                .C = product.data()},
               stream);
        }
        kernels.backward_step(p, s, s < n.T ? product.data() : nullptr, stream);
      }
      std::fill_n(db.data(), n.biases() * n.H, 0.F);  // their sum is another kernel's
    } else {
      kernels.plan_backward(act, layouts.backward)(p, counters.data(), stream);
      sum_parts(1, bias_parts(layouts.backward), n.biases() * n.H, bias_partials.data(), db.data(),
                stream);
    }
    if (measured) {
      sum_rows((n.T + 1) * step_quantities, blocks, partials.data(), sums.data(), stream);
    }
  }

  RecurrentNumbers n;
  CellKernels kernels = cell_kernels(n.cell);
  OutputActivation act = output_activation(n.act).value();
  Layouts layouts;
  std::int64_t blocks;
  Memory<> W, x, b, dy, h, c, gates, da, dr, carry, dh, dc, dh0;
  Memory<double> partials, sums, bias_partials;
  Memory<> db;
  Memory<unsigned> counters;
  Memory<> product;
  std::vector<double> no_sums = {};
};

/// Largest difference relative to the largest number. T steps with sums of n terms each, of gain
/// about 1, lose about T √n roundings; 16 of that covers the larger gains of some draws.
void expect_close(const char* name, const std::vector<float>& actual,
                  const std::vector<double>& expected, std::int64_t T, std::int64_t n) {
  ASSERT_EQ(actual.size(), expected.size()) << name;
  double largest = 0;
  for (const double v : expected) largest = std::max(largest, std::abs(v));
  const double roundings = 16 * static_cast<double>(T + 1) * std::sqrt(static_cast<double>(n + 1));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expect_near(actual[i], expected[i], roundings * unit * largest, name, i);
  }
}

void expect_equal(const RecurrentNumbers& n, const Result& result, bool has_db = true) {
  const oracle::Recurrence expected = through_time(n);
  const std::int64_t depth = n.gates() * n.H;
  const auto begin_of = [&](const std::vector<double>& v) {
    return std::vector<double>(v.begin(), v.begin() + n.B * n.H);
  };
  expect_close("h", result.h, expected.h, n.T, n.H);
  expect_close("dh", result.dh, expected.dh, n.T, depth);
  expect_close("dh0", result.dh0, begin_of(expected.dh), n.T, depth);
  expect_close("da", result.da, expected.da, n.T, depth);
  if (has_db) expect_close("db", result.db, expected.db, n.T, n.T * n.B * depth);
  if (n.info().has_reset()) expect_close("dr", result.dr, expected.dr, n.T, depth);
  if (n.info().has_c) {
    expect_close("c", result.c, expected.c, n.T, n.H);
    expect_close("dc", result.dc, expected.dc, n.T, depth);
    expect_close("dc0", result.carry, begin_of(expected.dc), n.T, depth);
  }
  // The sums hold what the kernel itself made, exactly but for float64's own roundings.
  const std::int64_t elements = n.B * n.H;
  for (std::int64_t s = 0; s <= n.T; ++s) {
    double dh2 = 0;
    double da2 = 0;
    for (std::int64_t i = s * elements; i < (s + 1) * elements; ++i) {
      dh2 += std::pow(result.dh[length(i)], 2);
      if (n.info().has_c) dh2 += std::pow(result.dc[length(i)], 2);
    }
    const std::int64_t pre = elements * n.gates();
    for (std::int64_t i = (s - 1) * pre; s > 0 && i < s * pre; ++i) {
      da2 += std::pow(result.da[length(i)], 2);
    }
    const double* const sums = &result.sums[length(s * step_quantities)];
    expect_near(sums[step_dh2], dh2, 1e-12 * dh2, "dh2", length(s));
    expect_near(sums[step_da2], da2, 1e-12 * da2, "da2", length(s));
    EXPECT_EQ(sums[step_nonfinite], 0) << s;
  }
}

constexpr std::size_t large_block = 227 * 1024;  // shared memory

Layouts small_layouts(const RecurrentNumbers& n) {
  const DeviceLimits device{.processors = 2, .shared_per_block = large_block};
  return {choose_layout(device, forward_of(n), RecurrenceVariant::small),
          choose_layout(device, backward_of(n), RecurrenceVariant::small)};
}

/// The persistent layout on a device whose shared memory is as little as it can be: then the batch
/// is staged in several chunks.
RecurrenceLayout tight_layout(int processors, const RecurrentProduct& product) {
  for (std::size_t shared = 1024;; shared += 256) {
    const DeviceLimits device{.processors = processors, .shared_per_block = shared};
    if (auto layout = persistent_layout(device, product)) return *layout;
  }
}
Layouts tight_layouts(const RecurrentNumbers& n, int processors) {
  return {tight_layout(processors, forward_of(n)), tight_layout(processors, backward_of(n))};
}
Layouts persistent_layouts(const RecurrentNumbers& n, int processors) {
  const DeviceLimits device{.processors = processors, .shared_per_block = large_block};
  return {choose_layout(device, forward_of(n), RecurrenceVariant::persistent),
          choose_layout(device, backward_of(n), RecurrenceVariant::persistent)};
}

std::string trace(const RecurrentNumbers& n, const Layouts& layouts) {
  return std::string(n.cell.name()) + " T" + std::to_string(n.T) + " B" + std::to_string(n.B) +
         " H" + std::to_string(n.H) + (n.projected ? " projected" : "") + ": " +
         description(layouts.forward, forward_of(n)) + "; " +
         description(layouts.backward, backward_of(n));
}

/// Sizes that are no multiple of anything, T from 1 on.
std::vector<RecurrentShape> shapes() {
  if (thread_sanitizer) return {{3, 3, 7}, {2, 9, 12}};
  return {{1, 1, 1}, {1, 7, 33}, {2, 1, 7},  {3, 3, 1},  {4, 7, 7},   {5, 3, 33}, {9, 1, 33},
          {6, 2, 5}, {7, 9, 12}, {3, 17, 4}, {2, 5, 64}, {2, 3, 200}, {8, 4, 16}};
}

/// Whether a test only asks for other numbers on the way that the others take; ThreadSanitizer,
/// which is slow, sees nothing new there.
bool only_arithmetic() { return thread_sanitizer; }

/// Calls f(numbers) for every cell and shape, with and without projected inputs.
void for_each_layer(const std::function<void(const RecurrentNumbers&)>& f) {
  unsigned seed = 1;
  for (const CellInfo& cell : cells) {
    for (const RecurrentShape& shape : shapes()) {
      f(draw(cell, shape, seed % 2 == 0, seed));
      ++seed;
    }
  }
}

TEST(PersistentRecurrence, InOneBlockIsBackPropagationThroughTime) {
  for_each_layer([](const RecurrentNumbers& n) {
    if (n.H > 64) return;  // does not fit
    const Layouts layouts = small_layouts(n);
    SCOPED_TRACE(trace(n, layouts));
    expect_equal(n, Layer(n, layouts).run({}));
  });
}

TEST(PersistentRecurrence, OverTheGridIsBackPropagationThroughTime) {
  std::set<std::string> tiles;
  for_each_layer([&](const RecurrentNumbers& n) {
    for (const int processors : {1, 6}) {
      if (thread_sanitizer && processors == 1) continue;
      if (n.H > 64 && processors < 6) continue;  // does not fit
      const Layouts layouts = persistent_layouts(n, processors);
      SCOPED_TRACE(trace(n, layouts));
      expect_equal(n, Layer(n, layouts).run({}));
      tiles.insert(std::string(n.cell.name()) + std::to_string(layouts.forward.shape) + " forward");
      tiles.insert(std::string(n.cell.name()) + std::to_string(layouts.backward.shape) +
                   " backward");
    }
  });
  if (thread_sanitizer) return;
  EXPECT_EQ(tiles.size(), cells.size() * 2 * tile_shapes);  // every kernel has run
}

TEST(PersistentRecurrence, StagesTheBatchInChunksWhereSharedMemoryIsShort) {
  bool chunks = false;
  for_each_layer([&](const RecurrentNumbers& n) {
    if (n.H > 64) return;
    const Layouts layouts = tight_layouts(n, 3);
    SCOPED_TRACE(trace(n, layouts));
    chunks = chunks || layouts.backward.chunk < layouts.backward.batch;
    expect_equal(n, Layer(n, layouts).run({}));
  });
  EXPECT_TRUE(chunks);
}

/// Whether the layer has kernels of its own for that way: step by step, elman goes as an mlp does
/// (chain_test.cpp).
bool has_kernels(const RecurrentNumbers& n, const Layouts& layouts) {
  return layouts.forward.variant != RecurrenceVariant::step_by_step || !n.info().takes_activation;
}

TEST(CellKernels, StepByStepIsBackPropagationThroughTime) {
  for_each_layer([](const RecurrentNumbers& n) {
    if (!has_kernels(n, {})) return;
    SCOPED_TRACE(trace(n, {}));
    expect_equal(n, Layer(n, Layouts{}).run({}), false);
  });
}

TEST(PersistentRecurrence, KnowsTheActivationsThatItNames) {
  if (only_arithmetic()) return;
  for_each_activation([](auto act) {
    RecurrentNumbers n = draw("elman", {4, 3, 9}, false, 5);
    n.act = decltype(act)::name;
    SCOPED_TRACE(n.act.name());
    const Layouts layouts = persistent_layouts(n, 3);
    if (!output_activation(n.act)) return;
    expect_equal(n, Layer(n, layouts).run({}));
  });
}

TEST(PersistentRecurrence, ClipsWhatGoesFurtherBackButMeasuresItBefore) {
  if (only_arithmetic()) return;
  for (const CellInfo& cell : cells) {
    RecurrentNumbers n = draw(cell, {6, 3, 10}, false, 9);
    n.clip_value = 0.3F;
    for (const Layouts& layouts : {small_layouts(n), persistent_layouts(n, 3)}) {
      SCOPED_TRACE(trace(n, layouts));
      expect_equal(n, Layer(n, layouts).run({}));
    }
    if (has_kernels(n, {})) expect_equal(n, Layer(n, Layouts{}).run({}), false);
  }
}

TEST(PersistentRecurrence, CountsWhatIsNotFiniteAndNeverClipsNaNAway) {
  if (only_arithmetic()) return;
  for (const CellInfo& cell : cells) {
    RecurrentNumbers n = draw(cell, {4, 3, 10}, false, 11);
    n.clip_value = 0.5F;
    const std::size_t last = n.dy.size() - 1;
    n.dy[last] = nan;           // on state 4
    n.dy[last - 7] = infinity;  // of another unit
    for (const Layouts& layouts : {small_layouts(n), persistent_layouts(n, 3), Layouts{}}) {
      if (!has_kernels(n, layouts)) continue;
      SCOPED_TRACE(trace(n, layouts));
      const Result result = Layer(n, layouts).run({});
      const auto sum = [&](std::int64_t s, StepQuantity q) {
        return result.sums[length(s * step_quantities + q)];
      };
      EXPECT_EQ(sum(4, step_nonfinite), 2);
      EXPECT_TRUE(std::isnan(sum(4, step_dh2)));
      EXPECT_EQ(sum(3, step_nonfinite), n.H);  // all units of that entry of the batch
      EXPECT_TRUE(std::isnan(result.da[length(4 * n.B * n.gates() * n.H - 1)]));
      EXPECT_TRUE(std::isnan(result.dh0[length(n.B * n.H - 1)]));
      EXPECT_TRUE(std::isfinite(result.dh0[0]));  // another entry
    }
  }
}

TEST(PersistentRecurrence, SquaresBeyondTheFormatDoNotOverflow) {
  if (only_arithmetic()) return;
  RecurrentNumbers n = draw("elman", {1, 1, 7}, false, 3);
  n.dy.assign(7, 3e38F);
  n.W.assign(49, 0.F);
  const Result result = Layer(n, persistent_layouts(n, 2)).run({});
  EXPECT_NEAR(result.sums[step_quantities + step_dh2] / (7 * 9e76), 1, 1e-6);
  EXPECT_EQ(result.sums[step_quantities + step_nonfinite], 0);
}

/// Zeros behind the last state must not meet an infinite weight.
TEST(PersistentRecurrence, TakesNothingThroughWToTheLastState) {
  if (only_arithmetic()) return;
  RecurrentNumbers n = draw("elman", {1, 2, 7}, false, 3);
  n.W[3] = infinity;
  std::fill(n.h0.begin(), n.h0.end(), 0.5F);
  for (const Layouts& layouts : {small_layouts(n), persistent_layouts(n, 3)}) {
    const Result result = Layer(n, layouts).run({});
    EXPECT_EQ(result.sums[step_quantities + step_nonfinite], 0);
  }
}

TEST(PersistentRecurrence, GivesTheSameWithoutStatistics) {
  for (const CellInfo& cell : cells) {
    const RecurrentNumbers n = draw(cell, {2, 3, 10}, true, 13);
    if (thread_sanitizer && n.cell != "lstm") continue;
    for (const Layouts& layouts : {small_layouts(n), persistent_layouts(n, 3)}) {
      SCOPED_TRACE(trace(n, layouts));
      Result with = Layer(n, layouts).run({});
      const Result without = Layer(n, layouts).run({}, false);
      with.sums.clear();
      EXPECT_TRUE(same_bits(with.all(), without.all()));
    }
  }
}

TEST(PersistentRecurrence, HasTheSameBitsOnEverySchedule) {
  for (const CellInfo& cell : cells) {
    RecurrentNumbers n = draw(cell, {3, 5, 19}, true, 17);
    std::vector<Layouts> ways{small_layouts(n), persistent_layouts(n, 6), tight_layouts(n, 4),
                              Layouts{}};
    if (thread_sanitizer) {
      if (n.cell != "gru") continue;
      n = draw(cell, {2, 3, 9}, true, 17);
      ways = {small_layouts(n), tight_layouts(n, 3)};
    }
    for (const Layouts& layouts : ways) {
      if (!has_kernels(n, layouts)) continue;
      SCOPED_TRACE(trace(n, layouts));
      on_all_schedules(
          [&](const StreamRef& stream) { return Layer(n, layouts).run(stream).all(); });
    }
  }
}

TEST(PersistentRecurrence, RefusesAPlanThatGoesStepByStep) {
  const RecurrentNumbers n = draw("lstm", {2, 2, 3}, false, 1);
  Layouts layouts = small_layouts(n);
  layouts.forward.variant = RecurrenceVariant::step_by_step;
  EXPECT_THROW(Layer(n, layouts).run({}), std::invalid_argument);
}

}  // namespace
}  // namespace gradepth
