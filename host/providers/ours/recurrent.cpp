#include <algorithm>
#include <array>

#include "host/providers/ours/plan.h"
#include "kernels/cell/cells.h"
#include "kernels/chain/pointwise.h"
#include "kernels/linear/reduce.h"
#include "kernels/recurrence/cell_kernels.h"
#include "kernels/recurrence/layout.h"
#include "kernels/recurrence/persistent.h"

/// The cells through time. Each direction goes the way that its layout says: in one launch
/// with W on chip, or step by step. What can be one product over all steps is, either way: the
/// input's part before, dW and dx after.
namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

constexpr auto step_by_step = RecurrenceVariant::step_by_step;

/// How the two directions go.
struct Routes {
  RecurrenceLayout forward, backward;
  bool graph = false;  // steps are replayed as a graph
};

class RecurrentPlan final : public KernelPlan {
 public:
  RecurrentPlan(std::shared_ptr<const Device> device, const RecurrentProblem& problem,
                Routes routes)
      : KernelPlan(std::move(device), problem),
        p_(problem),
        routes_(std::move(routes)),
        cell_(*p_.cell),
        kernels_(cell_kernels(p_.cell)),
        act_(output_activation(p_.act).value_or(OutputActivation{})),
        G_(cell_.gates),
        n_(p_.B * p_.H),
        width_(G_ * p_.H),
        inputs_(p_.project_input ? p_.features() : 0) {
    bind("Wh", Wh_ = floats(copies() * width_ * p_.H));
    bind("b", b_ = floats(copies() * biases_width()));
    h_ = floats((p_.T + 1) * n_);
    bind("h0", h_);
    bind("y", h_ + n_);
    if (p_.record) bind("h", h_);
    bind("x", x_ = floats(p_.T * p_.B * (inputs_ > 0 ? inputs_ : p_.H)));
    if (inputs_ > 0) {
      bind("Wx", Wx_ = floats(width_ * inputs_));
      Wx_x_ = floats(p_.T * p_.B * width_);
    }
    if (cell_.has_c) {
      c_ = floats((p_.T + 1) * n_);
      bind("c0", c_);
      if (p_.record) bind("c", c_);
    }
    if (steps(routes_.forward)) {
      product_ = floats(p_.B * width_);
    } else {
      all_forward_ = kernels_.plan_forward(act_, routes_.forward);
    }
    const std::int64_t counters =
        std::max(barrier_counters(routes_.forward), barrier_counters(routes_.backward));
    counters_ = allocate<unsigned>(counters);
    if (p_.pass != Pass::forward) allocate_backward();
  }

  void run_forward() override {
    replay(routes_.forward, forward_, [this] { forward(); });
  }
  void run_backward_data() override {
    replay(routes_.backward, backward_, [this] { backward_data(); });
  }
  void run_backward_weights() override;
  [[nodiscard]] bool has_parts() const override { return true; }

  [[nodiscard]] std::string detail() const override {
    std::string text = "forward " + describe(routes_.forward, forward_product(G(), p_.B, p_.H));
    if (p_.pass != Pass::forward) {
      text += "; backward " + describe(routes_.backward, backward_product(G(), p_.B, p_.H));
    }
    const std::string planned_for = Device::planned_for();
    return text + (planned_for.empty() ? "" : "; " + planned_for) + "; " + Device::gemm_name();
  }

 private:
  void allocate_backward() {
    if (cell_.kept() > 0) gates_ = floats(p_.T * p_.B * cell_.kept() * p_.H);
    bind("dy", dy_ = floats(p_.T * n_));
    bind("da", da_ = floats(p_.T * p_.B * width_));
    dr_ = cell_.has_reset() ? floats(p_.T * p_.B * width_) : da_;
    bind("dh0", dh0_ = floats(n_));
    if (p_.record) bind("dh", dh_ = floats((p_.T + 1) * n_));
    if (cell_.has_c || cell_.carries_h) carry_ = floats(n_);
    if (cell_.has_c) {
      bind("dc0", carry_);
      dc_last_ = floats(n_);
      if (p_.record) bind("dc", dc_ = floats((p_.T + 1) * n_));
      bind_input("dc", dc_last_);
    }
    bind("dWh", dWh_ = floats(copies() * width_ * p_.H));
    bind("db", db_ = floats(copies() * biases_width()));
    if (inputs_ > 0) {
      bind("dx", dx_ = floats(p_.T * p_.B * inputs_));
      bind("dWx", dWx_ = floats(width_ * inputs_));
    } else {
      bind("dx", dx_ = G_ == 1 ? da_ : floats(p_.T * n_));  // x is added as it is
    }
    if (steps(routes_.backward)) {
      through_ = floats(n_);
      bias_partials_ = doubles(copies() * column_sum_parts(rows_per_copy()) * width_);
      if (cell_.has_reset()) bias_sums_ = floats(2 * copies() * width_);
    } else {
      bias_partials_ = doubles(bias_parts(routes_.backward) * biases_width());
      all_backward_ = kernels_.plan_backward(act_, routes_.backward);
    }
    if (!p_.norms) return;
    blocks_ = steps(routes_.backward) ? step_blocks(n_) : routes_.backward.blocks();
    partials_ = doubles((p_.T + 1) * step_quantities * blocks_);
    sums_ = doubles((p_.T + 1) * step_quantities);
    bind("dh_norm2", sums_ + step_dh2, step_quantities);
    bind("da_norm2", sums_ + step_quantities + step_da2, step_quantities);  // from state 1 on
  }

  [[nodiscard]] int G() const { return static_cast<int>(G_); }
  [[nodiscard]] static bool steps(const RecurrenceLayout& layout) {
    return layout.variant == step_by_step;
  }
  [[nodiscard]] std::int64_t copies() const { return p_.share ? 1 : p_.T; }  // of Wh and b
  /// W h of one step, or of all that share W; Wx x of all steps at once.
  [[nodiscard]] LinearMap state_map(std::int64_t rows) const { return {rows, p_.H, width_}; }
  [[nodiscard]] LinearMap input_map() const { return {p_.T * p_.B, inputs_, width_}; }
  [[nodiscard]] std::int64_t rows_per_copy() const { return p_.share ? p_.T * p_.B : p_.B; }
  [[nodiscard]] std::int64_t biases_width() const { return cell_.biases * p_.H; }
  [[nodiscard]] const float* Wh(std::int64_t t) const {
    return Wh_ + (p_.share ? 0 : t * width_ * p_.H);
  }
  [[nodiscard]] const float* b(std::int64_t t) const {
    return b_ + (p_.share ? 0 : t * biases_width());
  }

  [[nodiscard]] std::string describe(const RecurrenceLayout& layout,
                                     const RecurrentProduct& product) const {
    return description(layout, product) + (routes_.graph && steps(layout) ? " as a graph" : "") +
           (layout.why.empty() ? "" : " (" + layout.why + ")");
  }

  template <class Work>
  void replay(const RecurrenceLayout& layout, Recording& recording, Work&& work) {
    if (routes_.graph && steps(layout)) {
      recording.run(device(), work);
    } else {
      work();
    }
  }

  [[nodiscard]] RecurrentForward forward_arguments() const {
    return {.T = p_.T,
            .B = p_.B,
            .H = p_.H,
            .W = Wh_,
            .x = inputs_ > 0 ? Wx_x_ : x_,
            .projected = inputs_ > 0,
            .b = b_,
            .h = h_,
            .c = c_,
            .gates = gates_};
  }
  [[nodiscard]] RecurrentBackward backward_arguments() const {
    return {.T = p_.T,
            .B = p_.B,
            .H = p_.H,
            .W = Wh_,
            .dy = dy_,
            .h = h_,
            .c = c_,
            .gates = gates_,
            .clip_value = static_cast<float>(p_.clip_value),
            .da = da_,
            .dr = dr_,
            .carry = carry_,
            .dh0 = dh0_,
            .dh = dh_,
            .dc = dc_,
            .partials = partials_,
            .bias_partials = bias_partials_};
  }

  void forward();
  void backward_data();
  void forward_steps();
  void backward_steps();
  void bias_gradient();

  RecurrentProblem p_;
  Routes routes_;
  CellInfo cell_;
  CellKernels kernels_;
  OutputActivation act_;                            // of a cell that takes one
  RecurrenceLaunch<RecurrentForward> all_forward_;  // all steps at once; empty step by step
  RecurrenceLaunch<RecurrentBackward> all_backward_;
  std::int64_t G_;
  std::int64_t n_;            // elements of a state
  std::int64_t width_;        // G H, of a sample's pre-activations
  std::int64_t inputs_;       // features of x with a projection, else 0
  std::int64_t blocks_ = 0;   // of a step's partial sums
  float* Wh_ = nullptr;       // [copies, G H, H]
  float* b_ = nullptr;        // [copies, biases H]
  float* Wx_ = nullptr;       // [G H, inputs]
  float* x_ = nullptr;        // [T, B, inputs or H]
  float* Wx_x_ = nullptr;     // [T, B, G H]
  float* h_ = nullptr;        // [T + 1, B, H]
  float* c_ = nullptr;        // [T + 1, B, H], where the cell has one
  float* gates_ = nullptr;    // [T, B, K, H], what the cell keeps
  float* product_ = nullptr;  // [B, G H], of a step
  float* dy_ = nullptr;       // [T, B, H]
  float* da_ = nullptr;       // [T, B, G H]
  float* dr_ = nullptr;       // [T, B, G H]: da, but where the reset gate is
  float* carry_ = nullptr;    // [B, H]
  float* dc_last_ = nullptr;  // [B, H]
  float* dh0_ = nullptr;      // [B, H]
  float* dh_ = nullptr;       // [T + 1, B, H] when recorded
  float* dc_ = nullptr;       // as dh
  float* through_ = nullptr;  // [B, H], of a step
  float* dx_ = nullptr;
  float* dWh_ = nullptr;
  float* dWx_ = nullptr;
  float* db_ = nullptr;
  float* bias_sums_ = nullptr;       // step by step [2, copies, G H]: of da and of dr
  unsigned* counters_ = nullptr;     // of the barriers
  double* partials_ = nullptr;       // [T + 1, step_quantities, blocks] when measured
  double* sums_ = nullptr;           // [T + 1, step_quantities] when measured
  double* bias_partials_ = nullptr;  // [parts, biases H]
  Recording forward_;
  Recording backward_;
};

void RecurrentPlan::forward() {
  if (inputs_ > 0) device().gemm(input_map().forward(x_, Wx_, Wx_x_));
  const auto& stream = device().stream();
  if (steps(routes_.forward)) {
    forward_steps();
  } else {
    all_forward_(forward_arguments(), counters_, stream);
  }
}

void RecurrentPlan::forward_steps() {
  RecurrentForward arguments = forward_arguments();
  for (std::int64_t t = 0; t < p_.T; ++t) {
    device().gemm(state_map(p_.B).forward(h_ + t * n_, Wh(t), product_));
    arguments.b = b(t);
    kernels_.forward_step(arguments, t, product_, device().stream());
  }
}

void RecurrentPlan::backward_steps() {
  for (std::int64_t s = p_.T; s >= 0; --s) {
    if (s < p_.T) {
      device().gemm(state_map(p_.B).data_gradient(dr_ + s * p_.B * width_, Wh(s), through_));
    }
    kernels_.backward_step(backward_arguments(), s, s < p_.T ? through_ : nullptr,
                           device().stream());
  }
}

void RecurrentPlan::backward_data() {
  const auto& stream = device().stream();
  if (cell_.has_c) device().copy(carry_, static_cast<const float*>(dc_last_), length(n_));
  if (steps(routes_.backward)) {
    backward_steps();
  } else {
    all_backward_(backward_arguments(), counters_, stream);
  }
  if (p_.norms) sum_rows((p_.T + 1) * step_quantities, blocks_, partials_, sums_, stream);
  if (inputs_ > 0) {
    device().gemm(input_map().data_gradient(da_, Wx_, dx_));
  } else if (G_ > 1) {
    kernels_.sum_gates(p_.T * p_.B, p_.H, da_, dx_, stream);
  }
}

void RecurrentPlan::bias_gradient() {
  const auto& stream = device().stream();
  if (!steps(routes_.backward)) {
    sum_parts(1, bias_parts(routes_.backward), biases_width(), bias_partials_, db_, stream);
    return;
  }
  if (!cell_.has_reset()) {
    column_sums(copies(), rows_per_copy(), width_, da_, db_, bias_partials_, stream);
    return;
  }
  // The last bias is added to the product that the reset gate multiplies: its gradient is dr's.
  float* const of_dr = bias_sums_ + copies() * width_;
  column_sums(copies(), rows_per_copy(), width_, da_, bias_sums_, bias_partials_, stream);
  column_sums(copies(), rows_per_copy(), width_, dr_, of_dr, bias_partials_, stream);
  for (std::int64_t copy = 0; copy < copies(); ++copy) {
    float* const db = db_ + copy * biases_width();
    device().copy(db, static_cast<const float*>(bias_sums_ + copy * width_), length(width_));
    device().copy(db + width_, static_cast<const float*>(of_dr + copy * width_ + (G_ - 1) * p_.H),
                  length(p_.H));
  }
}

void RecurrentPlan::run_backward_weights() {
  for (std::int64_t copy = 0; copy < copies(); ++copy) {
    device().gemm(state_map(rows_per_copy())
                      .weight_gradient(dr_ + copy * p_.B * width_, h_ + copy * n_,
                                       dWh_ + copy * width_ * p_.H));
  }
  bias_gradient();
  if (inputs_ > 0) device().gemm(input_map().weight_gradient(da_, x_, dWx_));
}

/// Why W cannot stay on chip for this problem, whatever the device; empty if it can.
std::string why_step_by_step(const RecurrentProblem& p) {
  if (!p.share) return "a fresh W at every step";
  if (!output_activation(p.act))
    return "the slope of " + std::string(p.act.name()) + " needs its input";
  return {};
}

/// The products of a step, forward and backward.
std::array<RecurrentProduct, 2> products(const RecurrentProblem& p) {
  const auto G = p.cell->gates;
  return {forward_product(G, p.B, p.H), backward_product(G, p.B, p.H)};
}

RecurrenceVariant on_chip(Variant variant) {
  return variant == Variant::small ? RecurrenceVariant::small : RecurrenceVariant::persistent;
}

/// Why the layer cannot go the way that was asked for; empty if it can.
std::string refusal(const RecurrentProblem& p, Variant variant) {
  if (variant != Variant::small && variant != Variant::persistent) return {};
  std::string why = why_step_by_step(p);
  for (const RecurrentProduct& product : products(p)) {
    if (why.empty()) why = why_not(on_chip(variant), Device::limits(), product);
  }
  return why;
}

/// How the layer goes, where `refusal` has nothing against it.
Routes choose(const RecurrentProblem& p, Variant variant) {
  Routes routes;
  routes.graph = variant == Variant::graph;
  if (routes.graph || variant == Variant::steps) return routes;
  routes.forward.why = routes.backward.why = why_step_by_step(p);
  if (!routes.forward.why.empty()) return routes;
  const auto layout = [&](const RecurrentProduct& product) {
    return variant == Variant::automatic
               ? choose_layout(Device::limits(), product)
               : choose_layout(Device::limits(), product, on_chip(variant));
  };
  const auto [forward, backward] = products(p);
  routes.forward = layout(forward);
  routes.backward = layout(backward);
  return routes;
}

}  // namespace

Planned make_recurrent_plan(std::shared_ptr<const Device> device, const RecurrentProblem& problem,
                            Variant variant) {
  const std::string why = refusal(problem, variant);
  if (!why.empty()) return Unsupported{std::string(name(variant)) + ": " + why};
  Routes routes = choose(problem, variant);
  // With one gate the two products are alike, so both directions go the same way: step by step
  // as an mlp does, whose slopes may come from the pre-activation.
  if (problem.cell->takes_activation && routes.backward.variant == step_by_step) {
    return make_chain_plan(std::move(device), problem, routes.graph, routes.backward.why);
  }
  return std::make_unique<RecurrentPlan>(std::move(device), problem, std::move(routes));
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
