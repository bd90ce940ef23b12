// Recurrent layers through all their steps in one launch, W on chip.
#include <optional>
#include <stdexcept>
#include <string>

#include "bench/meter/cases/case.h"
#include "host/oracle/recurrence.h"
#include "kernels/cell/cells.h"
#include "kernels/chain/pointwise.h"
#include "kernels/recurrence/cell_kernels.h"
#include "kernels/recurrence/persistent.h"

namespace gradepth {
namespace {

OutputActivation on_chip_tanh() {
  const std::optional<OutputActivation> act = output_activation("tanh");
  if (!act) throw std::logic_error("tanh is not among the activations on chip");
  return *act;
}

/// An H100, but for its number of processors: the executor needs a host thread for each block.
constexpr DeviceLimits device{.processors = 8,
                              .shared_per_block = std::size_t{227} << 10U,
                              .clock_ghz = 1.98,
                              .l2_bytes = std::size_t{50} << 20U};
constexpr std::int64_t T = 8;
constexpr std::int64_t B = 4;

RecurrenceLayout layout_of(RecurrenceVariant variant, const RecurrentProduct& product) {
  const bool small = variant == RecurrenceVariant::small;
  const auto layout = small ? small_layout(device, product) : persistent_layout(device, product);
  if (!layout) throw std::invalid_argument(why_not(variant, device, product));
  return *layout;
}

struct RecurrentLayer {
  RecurrentCell cell;
  std::int64_t T = 0;
  std::int64_t B = 0;
  std::int64_t H = 0;

  [[nodiscard]] const CellInfo& info() const { return *cell; }
  [[nodiscard]] std::int64_t gates() const { return info().gates; }
  [[nodiscard]] std::int64_t biases() const { return info().biases; }
  [[nodiscard]] bool has_carry() const { return info().has_c || info().carries_h; }
};

/// The layer's numbers in device memory; W such that gradients neither vanish nor explode.
class Layer {
 public:
  Layer(Run& run, const RecurrentLayer& layer)
      : run_(run),
        layer_(layer),
        reference_{
            .cell = std::string(layer.cell.name()), .T = layer.T, .B = layer.B, .H = layer.H},
        W(run.normal("W", layer.gates() * layer.H * layer.H,
                     1 / std::sqrt(static_cast<double>(layer.H)))),
        x(run.normal("x", T * B * layer.H)),
        b(run.normal("b", layer.biases() * layer.H)),
        h(run.normal("h", (T + 1) * B * layer.H)),
        c(run.normal("c", has_c() ? (T + 1) * B * layer.H : 0)),
        dy(run.normal("dy", T * B * layer.H)),
        carry(run.normal("carry", layer.has_carry() ? B * layer.H : 0)),
        gates(run.array("gates", T * B * layer.info().kept() * layer.H)) {
    reference_.W = doubles(W, W.size());
    reference_.x = doubles(x, x.size());
    reference_.b = doubles(b, b.size());
    reference_.h0 = doubles(h, state());
    if (has_c()) reference_.c0 = doubles(c, state());
    reference_.dy = doubles(dy, dy.size());
    if (has_c()) reference_.dc_T = doubles(carry, state());
    reference_.forward();
  }

  void forward(RecurrenceVariant variant) {
    const RecurrenceLayout layout =
        layout_of(variant, forward_product(static_cast<int>(layer_.gates()), B, layer_.H));
    const Array counters = run_.array<unsigned>("counters", barrier_counters(layout));
    const RecurrentForward p{.T = T,
                             .B = B,
                             .H = layer_.H,
                             .W = W.data(),
                             .x = x.data(),
                             .b = b.data(),
                             .h = h.data(),
                             .c = c.data(),
                             .gates = gates.size() > 0 ? gates.data() : nullptr};
    cell_kernels(layer_.cell)
        .plan_forward(on_chip_tanh(), layout)(p, counters.data(), run_.stream());
    compare("h", h, reference_.h);
    if (has_c()) compare("c", c, reference_.c);
    if (gates.size() > 0) compare("gates", gates, reference_.gates);
  }

  void backward(RecurrenceVariant variant) {
    const RecurrenceLayout layout =
        layout_of(variant, backward_product(static_cast<int>(layer_.gates()), B, layer_.H));
    const std::int64_t pre = T * B * layer_.gates() * layer_.H;
    const bool has_dr = layer_.info().has_reset();
    const Array counters = run_.array<unsigned>("counters", barrier_counters(layout));
    const Array da = run_.array("da", pre);
    const Array dr = run_.array("dr", has_dr ? pre : 0);
    const Array dh0 = run_.array("dh0", B * layer_.H);
    const Array partials =
        run_.array<double>("norm sums", (T + 1) * step_quantities * layout.blocks());
    const Array bias_partials =
        run_.array<double>("db sums", bias_parts(layout) * layer_.biases() * layer_.H);
    round_to(h, reference_.h);
    if (has_c()) round_to(c, reference_.c);
    if (gates.size() > 0) round_to(gates, reference_.gates);
    const RecurrentBackward p{.T = T,
                              .B = B,
                              .H = layer_.H,
                              .W = W.data(),
                              .dy = dy.data(),
                              .h = h.data(),
                              .c = c.data(),
                              .gates = gates.data(),
                              .da = da.data(),
                              .dr = dr.data(),
                              .carry = carry.data(),
                              .dh0 = dh0.data(),
                              .partials = partials.data(),
                              .bias_partials = bias_partials.data()};
    cell_kernels(layer_.cell)
        .plan_backward(on_chip_tanh(), layout)(p, counters.data(), run_.stream());
    reference_.backward();
    compare("da", da, reference_.da);
    if (has_dr) compare("dr", dr, reference_.dr);
    compare("dh0", dh0, {reference_.dh.begin(), reference_.dh.begin() + B * layer_.H});
  }

 private:
  [[nodiscard]] bool has_c() const { return layer_.info().has_c; }
  [[nodiscard]] std::size_t state() const { return static_cast<std::size_t>(B * layer_.H); }
  static std::vector<double> doubles(const Array<float>& from, std::size_t n) {
    return {from.data(), from.data() + n};
  }
  static void round_to(const Array<float>& to, const std::vector<double>& from) {
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = static_cast<float>(from[i]);
  }
  /// Sums of G H terms over T steps in fp32, relative to the largest number.
  void compare(std::string_view what, const Array<float>& actual,
               const std::vector<double>& expected) {
    double largest = 0;
    for (const double v : expected) largest = std::max(largest, std::abs(v));
    const auto terms = static_cast<double>(layer_.gates() * layer_.H);
    const double tolerance = 16 * 0x1p-24 * (T + 1) * std::sqrt(terms) * largest;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      run_.compare(what, i, actual[i], expected[i], tolerance);
    }
  }

  Run& run_;
  RecurrentLayer layer_;
  oracle::Recurrence reference_;
  Array<float> W, x, b, h, c, dy, carry, gates;
};

/// Floats that forward must read and write once: W, x, b, h0 (c0); h (c, gates).
double forward_floats(const RecurrentLayer& l) {
  const auto state = static_cast<double>(B * l.H);
  const double states = l.info().has_c ? 2 : 1;
  const double gates = l.info().kept();
  return static_cast<double>(l.gates() * l.H * l.H + l.biases() * l.H) +
         state * (T * (1 + states + gates) + states);
}

/// The same of backward: W, dy, what forward kept, the states that slopes need (h or, where there
/// is one, c: 0 … T), dc; da (with a reset gate dr as well), dh0, dc0. The sums for norms and db
/// come on top.
double backward_floats(const RecurrentLayer& l) {
  const auto state = static_cast<double>(B * l.H);
  const auto G = static_cast<double>(l.gates());
  const double by_step = 2 + l.info().kept() + G * (l.info().has_reset() ? 2 : 1);  // dy, h or c
  double once = 1;                                                                  // dh0
  if (l.info().has_c) once += 3;  // c_T, dc_T, dc_0
  return static_cast<double>(l.gates() * l.H * l.H) + state * (T * by_step + once);
}

void add(std::vector<Case>& cases, const RecurrentLayer& layer, RecurrenceVariant variant,
         bool backward) {
  const auto elements = static_cast<double>(T * B * layer.H);
  const auto macs = elements * static_cast<double>(layer.gates() * layer.H);
  cases.push_back(
      {.name = "recurrent/" + std::string(layer.cell.name()) + (backward ? "/bptt/" : "/forward/") +
               std::string(name(variant)) + "/f32/T" + std::to_string(T) + "_B" +
               std::to_string(B) + "_H" + std::to_string(layer.H),
       .dtype = "f32",
       .unit = "element of h",
       .units = elements,
       .floor_bytes = 4 * (backward ? backward_floats(layer) : forward_floats(layer)),
       .floor_formula = backward ? "W, dy, saved in; da, dh0 out" : "W, x, b, h0 in; h, saved out",
       .flops = 2 * macs,
       .weights_bytes = 4 * static_cast<double>(layer.gates() * layer.H * layer.H),
       .run = [=](Run& run) {
         Layer numbers(run, layer);
         if (backward) {
           numbers.backward(variant);
         } else {
           numbers.forward(variant);
         }
       }});
}

}  // namespace

void add_recurrent_cases(std::vector<Case>& cases) {
  for (const CellInfo& info : all_cells) {
    if (!info.has_matrices) continue;
    const RecurrentCell cell = info;
    for (const bool backward : {false, true}) {
      // Large enough that the layout does not slice the batch: each slice would load W for itself.
      add(cases, {.cell = cell, .T = T, .B = B, .H = 256}, RecurrenceVariant::persistent, backward);
      add(cases, {.cell = cell, .T = T, .B = B, .H = 48}, RecurrenceVariant::small, backward);
    }
  }
}

}  // namespace gradepth
