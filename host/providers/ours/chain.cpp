#include "host/providers/ours/plan.h"
#include "kernels/activation/pass.h"
#include "kernels/chain/pointwise.h"
#include "kernels/linear/convolution.h"
#include "kernels/linear/reduce.h"

/// A feed-forward net and a recurrent net are the same here: a chain of T maps with W, step by
/// step. In a recurrent net the maps may share W.
namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

/// What both kinds of problem say, in the same words.
struct Chain {
  Activation act;
  std::int64_t T = 0;       // maps
  std::int64_t B = 0;       // samples
  std::int64_t units = 0;   // W is [units, units], or that many 3 x 3 kernels
  std::int64_t pixels = 1;  // of an image
  std::int64_t inputs = 0;  // features of x, multiplied by Wx; 0: no such product
  bool recurrent = false;   // each step has its x and dy
  bool share = false;       // one W and b for all maps
  bool residual = false;
  bool preact = false;
  float scale = 1;  // of f, residual
  float clip_value = 0;
  bool backward = true;
  bool record = false;
  bool norms = true;   // measured on the way back
  bool graph = false;  // replayed as a graph
  std::string why{};   // why it goes step by step, if that needs saying

  [[nodiscard]] std::int64_t n() const { return B * units * pixels; }  // elements of a state
  [[nodiscard]] std::int64_t weights() const {
    return units * units * (pixels > 1 ? conv_taps : 1);
  }
  [[nodiscard]] std::int64_t copies() const { return share ? 1 : T; }  // of W and b
};

Chain chain_of(const RecurrentProblem& p) {
  Chain c{.act = p.act};
  c.T = p.T;
  c.B = p.B;
  c.units = p.H;
  if (p.project_input) c.inputs = p.features();
  c.recurrent = true;
  c.share = p.share;
  c.clip_value = static_cast<float>(p.clip_value);
  c.backward = p.pass != Pass::forward;
  c.record = p.record;
  c.norms = p.norms;
  return c;
}

Chain chain_of(const FeedForwardProblem& p) {
  static_assert(image::side == conv_image);
  static_assert(image::kernel == conv_kernel);
  Chain c{.act = p.act};
  c.T = p.L;
  c.B = p.B;
  c.units = p.N;
  if (p.is_cnn()) c.pixels = conv_pixels;
  c.residual = p.is_residual();
  c.preact = p.is_preact();
  c.scale = static_cast<float>(p.branch_scale());
  c.share = p.share;
  c.clip_value = static_cast<float>(p.clip_value);
  c.backward = p.pass != Pass::forward;
  c.record = p.record;
  return c;
}

class ChainPlan final : public KernelPlan {
 public:
  ChainPlan(std::shared_ptr<const Device> device, const Problem& problem, Chain chain)
      : KernelPlan(std::move(device), problem),
        c_(std::move(chain)),
        n_(c_.n()),
        activation_(activation_kernels<float>(c_.act)),
        pointwise_(pointwise_kernels(c_.preact ? "identity" : c_.act)) {
    const std::string weights = c_.recurrent ? "Wh" : "W";
    bind(weights, W_ = floats(c_.copies() * c_.weights()));
    bind("b", b_ = floats(c_.copies() * c_.units));
    h_ = floats((c_.T + 1) * n_);
    a_ = floats(c_.T * n_);
    bind("h0", h_);
    bind("y", c_.recurrent ? h_ + n_ : h_ + c_.T * n_);
    if (c_.record) bind("h", h_);
    if (c_.recurrent) bind("x", x_ = floats(c_.inputs > 0 ? c_.T * c_.B * c_.inputs : c_.T * n_));
    if (c_.inputs > 0) bind("Wx", Wx_ = floats(c_.units * c_.inputs));
    if (c_.preact) f_ = floats(c_.T * n_);
    if (c_.backward) allocate_backward(weights);
  }

  void run_forward() override {
    replay(forward_, [this] { forward(); });
  }
  void run_backward_data() override {
    replay(backward_, [this] { backward_data(); });
  }
  void run_backward_weights() override { weight_gradients(); }
  [[nodiscard]] bool has_parts() const override { return true; }

  [[nodiscard]] std::string detail() const override {
    return std::string(c_.graph ? "step by step as a graph" : "step by step") +
           (c_.why.empty() ? "" : " (" + c_.why + ")") +
           (c_.pixels > 1 ? ", direct convolution" : ", " + Device::gemm_name());
  }

 private:
  void allocate_backward(const std::string& weights) {
    bind("dy", dy_ = floats(c_.recurrent ? c_.T * n_ : n_));
    through_ = floats(n_);
    if (c_.residual) passed_ = floats(n_);
    if (c_.record) bind("dh", dh_ = floats((c_.T + 1) * n_));
    bind("dh0", dh0_ = floats(n_));
    bind("da", da_ = floats(c_.T * n_));
    bind("d" + weights, dW_ = floats(c_.copies() * c_.weights()));
    bind("db", db_ = floats(c_.copies() * c_.units));
    if (c_.inputs > 0) {
      bind("dx", dx_ = floats(c_.T * c_.B * c_.inputs));
      bind("dWx", dWx_ = floats(c_.units * c_.inputs));
    } else if (c_.recurrent) {
      bind("dx", da_);  // x is added as it is
    }
    bias_partials_ = doubles(c_.copies() * column_sum_parts(rows_per_copy()) * c_.units);
    if (!c_.norms) return;
    blocks_ = step_blocks(n_);
    partials_ = doubles((c_.T + 1) * step_quantities * blocks_);
    steps_ = doubles((c_.T + 1) * step_quantities);
    bind("dh_norm2", steps_ + step_dh2, step_quantities);
  }

  // Element 0 of state t, of what belongs to the map t → t + 1, and of that map's W and b.
  [[nodiscard]] std::int64_t at(std::int64_t t) const { return t * n_; }
  [[nodiscard]] const float* W(std::int64_t t) const {
    return W_ + (c_.share ? 0 : t * c_.weights());
  }
  [[nodiscard]] const float* b(std::int64_t t) const { return b_ + (c_.share ? 0 : t * c_.units); }
  /// W h of one step, or of all that share W; Wx x of all steps at once.
  [[nodiscard]] LinearMap state_map(std::int64_t rows) const { return {rows, c_.units, c_.units}; }
  [[nodiscard]] LinearMap input_map() const { return {c_.T * c_.B, c_.inputs, c_.units}; }
  [[nodiscard]] std::int64_t rows_per_copy() const { return c_.share ? c_.T * c_.B : c_.B; }
  /// What W multiplies in map t.
  [[nodiscard]] const float* operand(std::int64_t t) const { return (c_.preact ? f_ : h_) + at(t); }

  template <class Work>
  void replay(Recording& recording, Work&& work) {
    if (c_.graph) {
      recording.run(device(), work);
    } else {
      work();
    }
  }

  void forward();
  void backward_data();
  void multiply(std::int64_t t);
  void multiply_transposed(std::int64_t t);
  void measure_and_descend(std::int64_t t);
  void weight_gradients();

  Chain c_;
  std::int64_t n_;
  ActivationKernels<float> activation_;  // where it stands before W
  PointwiseKernels pointwise_;
  std::int64_t blocks_ = 0;   // of a step's partial sums
  float* W_ = nullptr;        // [copies, weights]
  float* b_ = nullptr;        // [copies, units]
  float* Wx_ = nullptr;       // [units, inputs]
  float* x_ = nullptr;        // [T, B, inputs], or [T, n]
  float* h_ = nullptr;        // [T + 1, n]
  float* a_ = nullptr;        // [T, n]
  float* f_ = nullptr;        // [T, n], preact: f(h)
  float* dy_ = nullptr;       // [T, n], or [n]
  float* through_ = nullptr;  // [n], Wᵀ da of the map behind
  float* passed_ = nullptr;   // [n], residual: dL/dh' after the clip, which the skip hands on
  float* dh_ = nullptr;       // [T + 1, n] when recorded
  float* dh0_ = nullptr;      // [n]
  float* da_ = nullptr;       // [T, n]
  float* dx_ = nullptr;       // [T, B, inputs]
  float* dW_ = nullptr;
  float* db_ = nullptr;
  float* dWx_ = nullptr;
  double* partials_ = nullptr;       // [T + 1, step_quantities, blocks]
  double* bias_partials_ = nullptr;  // [copies, parts, units]
  double* steps_ = nullptr;          // [T + 1, step_quantities]
  Recording forward_;
  Recording backward_;
};

/// a_t = W h_t, on top of the projected input where there is one.
void ChainPlan::multiply(std::int64_t t) {
  float* const a = a_ + at(t);
  if (c_.pixels > 1) {
    convolution_forward(c_.B, c_.units, W(t), operand(t), a, device().stream());
    return;
  }
  const float on_top = c_.inputs > 0 ? 1.F : 0.F;
  device().gemm(state_map(c_.B).forward(operand(t), W(t), a, on_top));
}

void ChainPlan::forward() {
  const auto& stream = device().stream();
  if (c_.inputs > 0) device().gemm(input_map().forward(x_, Wx_, a_));
  for (std::int64_t t = 0; t < c_.T; ++t) {
    if (c_.preact) activation_.forward(n_, h_ + at(t), f_ + at(t), stream);
    multiply(t);
    pointwise_.forward({.rows = c_.B,
                        .units = c_.units,
                        .pixels = c_.pixels,
                        .a = a_ + at(t),
                        .x = c_.recurrent && c_.inputs == 0 ? x_ + at(t) : nullptr,
                        .b = b(t),
                        .skip = c_.residual ? h_ + at(t) : nullptr,
                        .scale = c_.scale,
                        .h = h_ + at(t + 1)},
                       stream);
  }
}

/// through = Wᵀ da of map t; with pre-activation also through its f.
void ChainPlan::multiply_transposed(std::int64_t t) {
  const auto& stream = device().stream();
  if (c_.pixels > 1) {
    convolution_backward_data(c_.B, c_.units, W(t), da_ + at(t), through_, stream);
  } else {
    device().gemm(state_map(c_.B).data_gradient(da_ + at(t), W(t), through_));
  }
  if (c_.preact) {
    activation_.backward(
        {.cols = n_, .x = h_ + at(t), .y = f_ + at(t), .dy = through_, .dx = through_}, stream);
  }
}

/// The gradient at state t: measured, clipped, and taken to da of the map that made the state.
void ChainPlan::measure_and_descend(std::int64_t t) {
  const float* past = nullptr;
  if (c_.recurrent) {
    past = t > 0 ? dy_ + at(t - 1) : nullptr;
  } else if (t == c_.T) {
    past = dy_;
  } else if (c_.residual) {
    past = passed_;
  }
  PointwiseBackward step;
  step.n = n_;
  step.through = t < c_.T ? through_ : nullptr;
  step.past = past;
  step.dh = t == 0 ? dh0_ : dh_ != nullptr ? dh_ + at(t) : nullptr;
  if (c_.norms) step.partials = partials_ + t * step_quantities * blocks_;
  if (t > 0) {
    step.clip_value = c_.clip_value;
    step.scale = c_.scale;
    step.a = a_ + at(t - 1);
    step.y = c_.residual ? nullptr : h_ + at(t);
    step.passed = passed_;
    step.da = da_ + at(t - 1);
  }
  pointwise_.backward(step, device().stream());
}

void ChainPlan::weight_gradients() {
  const auto& stream = device().stream();
  for (std::int64_t copy = 0; copy < c_.copies(); ++copy) {
    const float* const da = da_ + at(copy);
    float* const dW = dW_ + copy * c_.weights();
    if (c_.pixels > 1) {
      convolution_backward_weights(rows_per_copy(), c_.units, da, operand(copy), dW, stream);
    } else {
      device().gemm(state_map(rows_per_copy()).weight_gradient(da, operand(copy), dW));
    }
  }
  if (c_.pixels > 1) {
    channel_sums(c_.copies(), rows_per_copy(), c_.units, c_.pixels, da_, db_, stream);
  } else {
    column_sums(c_.copies(), rows_per_copy(), c_.units, da_, db_, bias_partials_, stream);
  }
  if (c_.inputs > 0) device().gemm(input_map().weight_gradient(da_, x_, dWx_));
}

void ChainPlan::backward_data() {
  for (std::int64_t t = c_.T; t > 0; --t) {
    measure_and_descend(t);
    multiply_transposed(t - 1);
  }
  measure_and_descend(0);
  if (dh_ != nullptr) device().copy(dh_, static_cast<const float*>(dh0_), length(n_));
  if (c_.norms) {
    sum_rows((c_.T + 1) * step_quantities, blocks_, partials_, steps_, device().stream());
  }
  if (c_.inputs > 0) device().gemm(input_map().data_gradient(da_, Wx_, dx_));
}

}  // namespace

PlanPtr make_chain_plan(std::shared_ptr<const Device> device, const RecurrentProblem& problem,
                        bool graph, std::string why) {
  Chain chain = chain_of(problem);
  chain.graph = graph;
  chain.why = std::move(why);
  return std::make_unique<ChainPlan>(std::move(device), problem, std::move(chain));
}
PlanPtr make_chain_plan(std::shared_ptr<const Device> device, const FeedForwardProblem& problem) {
  return std::make_unique<ChainPlan>(std::move(device), problem, chain_of(problem));
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
