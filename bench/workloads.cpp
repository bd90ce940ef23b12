#include "bench/workloads.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "host/problem/net.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"
#include "kernels/clip/rules.h"

/// The only list of shapes.
namespace gradepth {
namespace {

using Kind = WeightInit::Kind;

/// A draw under which the net's gradient neither vanishes nor explodes at once, so that a timed run
/// stays in the range of normal numbers: subnormals cost ten times the time and are a study of
/// their own.
Initialisation stable(Net net, Activation act) {
  Initialisation init;
  const bool rectifier = is_rectifier(act);
  init.W = {rectifier ? Kind::he : Kind::gaussian, 1.0, {}};
  if (net == "elman") init.W = {Kind::orthogonal, rectifier ? 1.0 : 0.95, {}};
  const CellInfo* const cell = net.cell();
  if (cell != nullptr && cell->forget_gate >= 0) init.forget_bias = 1.0;
  if (net == "additive") init.W = {Kind::constant, 0.45, {}};
  if (net == "residual") init.W = {Kind::gaussian, 0.5, {}};
  return init;
}

Workload activation(Activation act, ActivationPass pass, std::int64_t rows, std::int64_t cols,
                    bool bias_gradient) {
  return {ActivationProblem{
              .act = act, .rows = rows, .cols = cols, .pass = pass, .bias_gradient = bias_gradient},
          {}};
}

/// A backward pass with all that can be fused into it.
Workload fused_activation(Activation act, std::int64_t rows, std::int64_t cols, Dtype dtype) {
  return {ActivationProblem{.act = act,
                            .rows = rows,
                            .cols = cols,
                            .bias_gradient = true,
                            .count_saturated = true,
                            .dtype = dtype},
          {}};
}

/// What `quick` has of a list; `full` has the others.
constexpr Activation quick_activations[] = {"tanh", "relu", "gelu"};
constexpr ClipMode quick_clips[] = {"norm", "value", "agc"};

template <class One, std::size_t n>
bool is_among(const One (&few)[n], One one) {
  return std::find(std::begin(few), std::end(few), one) != std::end(few);
}

Workload clip(ClipMode mode, std::vector<std::int64_t> sizes, double threshold) {
  return {ClipProblem{.mode = mode, .sizes = std::move(sizes), .threshold = threshold}, {}};
}

/// Every rule, with and without an update, in every format; units divide the sizes.
std::vector<Workload> clips(const std::vector<std::int64_t>& sizes,
                            const std::vector<std::int64_t>& units, bool both_routes) {
  std::vector<Workload> list;
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    for (const ClipRule& rule : all_clip_rules) {
      for (const bool sgd : {false, true}) {
        ClipProblem p{.mode = rule, .sizes = sizes, .sgd = sgd, .dtype = dtype};
        const bool by_unit = rule.scope == ClipScope::unit;
        if (by_unit) p.units = units;
        p.threshold = by_unit ? 0.9 : 0.7;  // some units and tensors are clipped, some not
        list.push_back({p, {}});
        if (!both_routes || !rule.takes_route()) continue;
        for (const ClipRoute route : {ClipRoute::on_chip, ClipRoute::two_launches}) {
          p.route = route;
          list.push_back({p, {}});
        }
      }
    }
  }
  return list;
}

Workload recurrent(const RecurrentProblem& p) {
  Initialisation init = stable(p.cell, p.act);
  init.input = Initialisation::Input::gaussian;
  init.input_scale = 0.1;
  init.h0 = {ValueInit::Kind::gaussian, 0.5};
  init.c0 = init.h0;
  return {p, init};
}

Workload feedforward(const FeedForwardProblem& p) {
  const Initialisation init = stable(p.net, p.act);
  return {p, init};
}

constexpr std::int64_t awkward[] = {1, 7, 33};

std::vector<Workload> small() {
  std::vector<Workload> list;
  for_each_activation([&](auto act) {
    for (const std::int64_t n : awkward) {
      list.push_back(activation(act.name, ActivationPass::forward, n, n + 1, false));
      list.push_back(activation(act.name, ActivationPass::backward, n, 2 * n + 1, true));
    }
    list.push_back(activation(act.name, ActivationPass::backward, 64, 64, false));
    list.push_back(fused_activation(act.name, 40, 37, Dtype::f32));
    for (const Dtype dtype : {Dtype::f16, Dtype::bf16}) {
      list.push_back(fused_activation(act.name, 7, 40, dtype));
      list.push_back(activation(act.name, ActivationPass::forward, 3, 11, false));
      std::get<ActivationProblem>(list.back().problem).dtype = dtype;
    }
  });
  for_each_activation([&](auto act) {  // the tails, where a slope is far below 1
    for (const bool forward : {true, false}) {
      list.push_back(activation(act.name,
                                forward ? ActivationPass::forward : ActivationPass::backward, 31,
                                43, !forward));
      list.back().init.input_scale = 12;
    }
  });
  for_each_activation([&](auto act) {  // where the slope can come from either
    if (!has_slope_from_output<decltype(act)>) return;
    for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
      list.push_back(fused_activation(act.name, 33, 37, dtype));
      std::get<ActivationProblem>(list.back().problem).slope = SlopeFrom::input;
      list.back().init.input_scale = 12;
    }
  });
  for (const Dtype dtype : {Dtype::f32, Dtype::f16, Dtype::bf16}) {
    list.push_back(fused_activation("tanh", 1, 1, dtype));
    list.push_back(fused_activation("sigmoid", 1100, 33, dtype));
  }
  for (const ClipMode mode : std::initializer_list<ClipMode>{"norm", "value"}) {
    list.push_back(clip(mode, {}, 1.0));
    list.push_back(clip(mode, {0, 1, 0, 7, 33, 1000}, 1.0));
    list.push_back(clip(mode, {0, 1, 0, 7, 33, 1000}, 1e6));
    list.push_back(clip(mode, std::vector<std::int64_t>(300, 11), 0.5));
  }
  for (Workload& workload : clips({0, 1, 0, 7, 33, 1000}, {1, 1, 1, 7, 3, 40}, true)) {
    list.push_back(std::move(workload));
  }
  for (Workload& workload : clips({5000, 3, 2049}, {1, 3, 3}, false)) {
    list.push_back(std::move(workload));
  }
  for (const ClipRule& rule : all_clip_rules) {  // several blocks, each with many tensors
    if (!rule.takes_route()) continue;
    list.push_back({ClipProblem{.mode = rule,
                                .sizes = std::vector<std::int64_t>(300, 11),
                                .route = ClipRoute::on_chip},
                    {}});
  }
  for (const CellInfo& info : all_cells) {
    const RecurrentCell cell = info;
    for (const std::int64_t n : awkward) {
      for (const std::int64_t T : {1, 5}) {
        const std::int64_t B = n == 33 ? 3 : n;
        for (const bool project : {true, false}) {
          if (!project && !info.has_matrices) continue;  // it has no input
          list.push_back(recurrent({.cell = cell,
                                    .T = T,
                                    .B = B,
                                    .H = n,
                                    .project_input = project,
                                    .I = project ? n + 2 : 0}));
        }
      }
    }
    list.push_back(recurrent({.cell = cell,
                              .T = 6,
                              .B = 2,
                              .H = 9,
                              .project_input = false,
                              .record = true,
                              .clip_value = 0.05}));
    list.push_back(recurrent({.cell = cell, .T = 5, .B = 3, .H = 8, .norms = false}));
    if (info.has_matrices) {
      list.push_back(recurrent({.cell = cell, .T = 5, .B = 7, .H = 9, .slope = SlopeFrom::input}));
      list.push_back(recurrent({.cell = cell,
                                .T = 4,
                                .B = 3,
                                .H = 10,
                                .project_input = false,
                                .share = false,
                                .record = true}));
    }
  }
  list.push_back(recurrent(
      {.cell = "additive", .T = 9, .B = 2, .H = 5, .record = true, .form = AdditiveForm::sum}));
  list.push_back(recurrent(
      {.cell = "additive", .T = 9, .B = 2, .H = 5, .record = true, .form = AdditiveForm{3}}));
  for_each_activation([&](auto act) {
    list.push_back(recurrent({.cell = "elman",
                              .act = act.name,
                              .T = 7,
                              .B = 3,
                              .H = 17,
                              .project_input = false,
                              .record = true}));
  });
  // Chaotic: what rounding changes grows from step to step, here some hundredfold.
  list.push_back(recurrent({.cell = "elman", .T = 16, .B = 8, .H = 64, .project_input = false}));
  list.back().init.W = {Kind::gaussian, 2.5, {}};
  for (const std::int64_t n : awkward) {
    const std::int64_t B = n == 33 ? 3 : n;
    list.push_back(feedforward({.net = LayerNet::mlp, .L = 1, .B = B, .N = n}));
    list.push_back(
        feedforward({.net = LayerNet::mlp, .act = "relu", .L = 6, .B = B, .N = n, .record = true}));
    list.push_back(feedforward({.net = LayerNet::cnn, .L = 3, .B = 2, .N = n == 33 ? 9 : n}));
    for (const Residual residual : {Residual::plain, Residual::preact, Residual::scaled}) {
      list.push_back(feedforward({.net = LayerNet::residual,
                                  .L = 5,
                                  .B = B,
                                  .N = n,
                                  .residual = residual,
                                  .residual_scale = 0.5,
                                  .record = true}));
    }
  }
  list.push_back(
      feedforward({.net = LayerNet::cnn, .act = "relu", .L = 4, .B = 3, .N = 5, .record = true}));
  list.push_back(feedforward({.net = LayerNet::mlp, .L = 5, .B = 3, .N = 12, .clip_value = 0.1}));
  for (const LayerNet net : {LayerNet::mlp, LayerNet::cnn, LayerNet::residual}) {
    list.push_back(feedforward({.net = net, .L = 4, .B = 3, .N = 7, .slope = SlopeFrom::input}));
  }
  return list;
}

/// A few of each kind: what the suite checks on the executor.
std::vector<Workload> brief() {
  std::vector<Workload> list;
  for (const Activation act : quick_activations) {
    list.push_back(activation(act, ActivationPass::backward, 33, 67, true));
  }
  for (const ClipMode mode : std::initializer_list<ClipMode>{"norm", "value"}) {
    list.push_back(clip(mode, {0, 1, 0, 7, 33, 1000}, 1.0));
  }
  for (const CellInfo& cell : all_cells) {
    list.push_back(recurrent({.cell = cell, .T = 5, .B = 3, .H = 33}));
  }
  for (const LayerNet net : {LayerNet::mlp, LayerNet::residual, LayerNet::cnn}) {
    list.push_back(feedforward({.net = net, .L = 3, .B = 2, .N = 9}));
  }
  return list;
}

std::vector<Workload> quick() {
  std::vector<Workload> list;
  for (const Activation act : quick_activations) {
    list.push_back(activation(act, ActivationPass::forward, 2048, 1024, false));
    list.push_back(activation(act, ActivationPass::backward, 2048, 1024, false));
  }
  list.push_back(activation("tanh", ActivationPass::backward, 2048, 1024, true));
  list.push_back(fused_activation("tanh", 2048, 1024, Dtype::bf16));
  // Ten million parameters in fifty tensors: clipped, not clipped, clipped by value.
  const std::vector<std::int64_t> parameters(50, 200'000);
  list.push_back(clip("norm", parameters, 1.0));
  list.push_back(clip("norm", parameters, 1e6));
  list.push_back(clip("value", parameters, 1.0));
  list.push_back(
      {ClipProblem{.mode = "agc", .sizes = parameters, .units = std::vector<std::int64_t>(50, 200)},
       {}});
  list.push_back({ClipProblem{.sizes = parameters, .sgd = true}, {}});
  list.push_back({ClipProblem{.sizes = parameters, .dtype = Dtype::bf16}, {}});
  // The headline: one net at several depths.
  for (const std::int64_t T : {16, 32, 64, 128, 256}) {
    list.push_back(recurrent({.cell = "elman", .T = T, .B = 32, .H = 128}));
  }
  // What the per-step norms cost.
  list.push_back(recurrent({.cell = "elman", .T = 64, .B = 32, .H = 128, .norms = false}));
  list.push_back(recurrent({.cell = "elman", .act = "relu", .T = 100, .B = 32, .H = 128}));
  for (const CellInfo& cell : all_cells) {
    if (cell.takes_activation) continue;  // above
    list.push_back(recurrent({.cell = cell, .T = 64, .B = 32, .H = 128}));
  }
  for (const std::int64_t L : {8, 16, 32, 64}) {
    list.push_back(feedforward({.net = LayerNet::mlp, .L = L, .B = 64, .N = 256}));
  }
  list.push_back(feedforward({.net = LayerNet::residual, .L = 16, .B = 64, .N = 256}));
  list.push_back(feedforward({.net = LayerNet::cnn, .act = "relu", .L = 8, .B = 16, .N = 16}));
  return list;
}

std::vector<Workload> full() {
  std::vector<Workload> list = quick();
  for_each_activation([&](auto act) {
    if (is_among(quick_activations, Activation(act.name))) return;  // in quick
    list.push_back(activation(act.name, ActivationPass::forward, 2048, 1024, false));
    list.push_back(activation(act.name, ActivationPass::backward, 2048, 1024, false));
  });
  for (const Dtype dtype : {Dtype::f32, Dtype::f16}) {
    list.push_back(fused_activation("tanh", 2048, 1024, dtype));
  }
  // Five million parameters, which stay on chip on a large GPU; and thousands of tiny tensors.
  const std::vector<std::int64_t> fewer(25, 200'000);
  for (const ClipRoute route : {ClipRoute::on_chip, ClipRoute::two_launches}) {
    list.push_back({ClipProblem{.sizes = fewer, .route = route}, {}});
  }
  for (const ClipRule& rule : all_clip_rules) {
    if (is_among(quick_clips, ClipMode(rule))) continue;  // in quick
    list.push_back(clip(rule, std::vector<std::int64_t>(50, 200'000), 1.0));
  }
  list.push_back({ClipProblem{.sizes = std::vector<std::int64_t>(3000, 1000)}, {}});
  for (const CellInfo& info : gate_cells) {
    const RecurrentCell cell = info;
    list.push_back(recurrent({.cell = cell, .T = 256, .B = 64, .H = 256}));
    list.push_back(recurrent({.cell = cell, .T = 512, .B = 32, .H = 512}));
    list.push_back(recurrent({.cell = cell, .T = 1000, .B = 1, .H = 256}));
  }
  list.push_back(feedforward({.net = LayerNet::mlp, .L = 64, .B = 256, .N = 512}));
  list.push_back(feedforward({.net = LayerNet::cnn, .act = "relu", .L = 16, .B = 32, .N = 64}));
  return list;
}

/// A growth study by its flags: net, activation, depth, width, init, bias, forget bias.
growth::GrowthSpec study(Net net, Activation activation, std::int64_t depth, std::int64_t width,
                         const char* init, double bias_deviation = 0) {
  growth::GrowthSpec spec;
  spec.net = net;
  spec.activation = activation;
  spec.depth = depth;
  spec.width = width;
  spec.init.W = parse_weight_init(init);
  if (bias_deviation > 0) spec.init.bias = {ValueInit::Kind::gaussian, bias_deviation};
  return spec;
}

std::vector<growth::GrowthSpec> quick_studies() {
  std::vector<growth::GrowthSpec> list;
  // Feed-forward: every layer its own W.
  list.push_back(study("mlp", "sigmoid", 50, 256, "gaussian:1"));
  list.push_back(study("mlp", "tanh", 50, 256, "gaussian:1", 0.2236));
  list.push_back(study("mlp", "tanh", 50, 256, "gaussian:1.5", 0.2236));
  list.push_back(study("mlp", "tanh", 50, 256, "gaussian:2.5", 0.2236));
  for (growth::GrowthSpec& spec : list) spec.h0_fixed_point = true;
  list.push_back(study("mlp", "relu", 50, 256, "he"));
  list.push_back(study("residual", "tanh", 50, 256, "gaussian:1"));
  list.push_back(study("residual", "relu", 50, 256, "he"));
  list.push_back(study("cnn", "relu", 20, 16, "he"));
  // Recurrent: all steps share W.
  list.push_back(study("elman", "tanh", 100, 256, "gaussian:0.9"));
  list.push_back(study("elman", "tanh", 100, 256, "gaussian:2"));
  list.push_back(study("elman", "identity", 100, 64, "orthogonal:0.9"));
  list.push_back(study("elman", "relu", 60, 256, "gaussian:1.5"));
  list.push_back(list.back());
  list.back().share = false;
  list.push_back(study("elman", "relu", 100, 100, "identity:1"));  // IRNN
  list.back().init.h0 = {ValueInit::Kind::constant, 1};
  list.push_back(study("lstm", "tanh", 100, 128, "gaussian:1"));
  list.push_back(list.back());
  list.back().init.forget_bias = 3;
  list.push_back(study("gru", "tanh", 100, 128, "gaussian:1"));
  for (const char* w : {"constant:0.45", "constant:0.6"}) {
    list.push_back(study("additive", "identity", 50, 1, w));
  }
  list.push_back(study("additive", "identity", 50, 1, "constant:-0.1"));
  list.back().form = AdditiveForm::sum;
  return list;
}

}  // namespace

std::vector<Workload> workloads(std::string_view preset) {
  if (preset == "small") return small();
  if (preset == "brief") return brief();
  if (preset == "quick") return quick();
  if (preset == "full") return full();
  throw std::invalid_argument("--preset " + std::string(preset) +
                              ": one of brief, small, quick, full");
}

std::vector<growth::GrowthSpec> growth_studies(std::string_view preset) {
  if (preset != "brief" && preset != "quick" && preset != "full") {
    throw std::invalid_argument("--preset " + std::string(preset) + ": one of brief, quick, full");
  }
  std::vector<growth::GrowthSpec> list = quick_studies();
  if (preset == "brief") {
    for (growth::GrowthSpec& spec : list) {
      spec.seeds = 2;
      spec.depth = std::min<std::int64_t>(spec.depth, 20);
      spec.width = std::min<std::int64_t>(spec.width, 16);
    }
  }
  if (preset == "full") {
    for (growth::GrowthSpec& spec : list) {
      spec.seeds = 20;
      if (spec.net != "cnn" && spec.net != "additive") spec.width *= 2;
    }
  }
  return list;
}

GainGrid gain_grid(std::string_view preset) {
  GainGrid grid{study("mlp", "tanh", 50, 64, "gaussian:1", 0.1), "gain=0.5:3:0.1,bias=0:0.5:0.1"};
  grid.spec.h0_fixed_point = true;
  grid.spec.seeds = preset == "full" ? 20 : 2;
  if (preset == "full") grid.spec.width = 256;
  if (preset == "brief")
    grid = {study("mlp", "tanh", 10, 8, "gaussian:1"), "gain=1:2:1,bias=0:1:1"};
  return grid;
}

std::vector<SharedChain> shared_chains(std::string_view preset) {
  std::vector<SharedChain> chains{{study("elman", "relu", 60, 128, "gaussian:1.5"), 0.1},
                                  {study("elman", "identity", 240, 64, "gaussian:1"), 0.1},
                                  {study("cnn", "relu", 60, 16, "he"), 0.25}};
  const double half_widths[] = {0.008, 0.006, 0.03};
  for (std::size_t i = 0; i < chains.size(); ++i) {
    growth::GrowthSpec& spec = chains[i].spec;
    spec.seeds = 20;
    spec.half_width = preset == "full" ? 0.5 * half_widths[i] : half_widths[i];
    if (preset != "brief") continue;
    spec.seeds = 8;
    spec.half_width = 0;
    spec.depth = 10;
    spec.width = 8;
  }
  return chains;
}

}  // namespace gradepth
