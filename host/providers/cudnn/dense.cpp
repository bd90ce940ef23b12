#include <memory>
#include <numeric>

#include "host/providers/cudnn/elementwise.h"
#include "host/providers/cudnn/feedforward.h"
#include "host/providers/cudnn/matmul.h"
#include "kernels/activation/pass.h"

namespace gradepth::cudnn {
namespace {

/// The epilogues that do a layer of an mlp in one product each way; false if there are none.
struct Fused {
  cublasLtEpilogue_t forward = CUBLASLT_EPILOGUE_DEFAULT;
  cublasLtEpilogue_t backward = CUBLASLT_EPILOGUE_DEFAULT;
  explicit operator bool() const { return forward != CUBLASLT_EPILOGUE_DEFAULT; }
};
Fused fused_epilogues(const FeedForwardProblem& p) {
  if (p.net != LayerNet::mlp) return {};
  if (p.act == "relu") return {CUBLASLT_EPILOGUE_RELU_AUX_BIAS, CUBLASLT_EPILOGUE_DRELU_BGRAD};
  // cuBLASLt's GELU is the tanh form. Its argument is kept in rows of whole 8 numbers; other widths
  // would need a copy before the last layer's derivative.
  if (p.act == "gelu_tanh" && p.N % 8 == 0) {
    return {CUBLASLT_EPILOGUE_GELU_AUX_BIAS, CUBLASLT_EPILOGUE_DGELU_BGRAD};
  }
  return {};
}

/// mlp and residual nets, in one of two ways.
/// Separate: products by cuBLASLt with the bias, cuDNN's activations, cuBLAS's sums.
/// Fused (mlp with ReLU or tanh-form GELU): forward's product writes f(W h + b) and what backward
/// needs; backward's product gives da of the layer before and its bias gradient. The gradients of
/// states then exist nowhere: they are computed after the step, when asked for.
class DensePlan final : public LibraryPlan {
 public:
  DensePlan(LibraryPtr shared, const FeedForwardProblem& problem)
      : LibraryPlan(shared, problem),
        shared_(std::move(shared)),
        p_(problem),
        residual_(p_.is_residual()),
        preact_(p_.is_preact()),
        scale_(p_.branch_scale()),
        n_(p_.B * p_.N),
        epilogues_(fused_epilogues(p_)) {
    allocate_tensors();
    set_trial_inputs();
    if (describe_activation(p_.act)) try_way("separate", [this] { prepare_separate(); });
    if (epilogues_) try_way("fused epilogues", [this] { prepare_fused(); });
    const auto best = fastest(trials_);
    fused_ = best >= 0 && trials_[static_cast<std::size_t>(best)].name != "separate";
    if (fused_) {
      forward_.reset();
    } else {
      fused_forward_.reset();
      fused_backward_.reset();
    }
    forget();
  }
  [[nodiscard]] bool found() const { return fastest(trials_) >= 0; }

  void run_forward() override;
  void run_backward_data() override;
  void run_backward_weights() override;
  [[nodiscard]] bool has_parts() const override { return !forward_only(); }
  [[nodiscard]] std::string detail() const override;

 private:
  template <class Prepare>
  void try_way(const char* name, Prepare prepare) {
    fused_ = std::string_view(name) != "separate";
    trials_.push_back(try_out(name, [&] {
      prepare();
      return median_ms(stream(), [this] { run(); });
    }));
  }
  void allocate_tensors();
  void prepare_common();
  void prepare_separate();
  void prepare_fused();

  void forward_layer(std::int64_t l);
  void backward_layer(std::int64_t l);
  void fused_top();

  [[nodiscard]] std::size_t library_bytes() const override;
  void before_get() override;
  Tensor derive(std::string_view name) override;

  // Of layer or state l.
  [[nodiscard]] float* h(std::int64_t l) const { return h_ + l * pitch(n_); }
  [[nodiscard]] float* a(std::int64_t l) const { return a_ + l * pitch(n_); }
  [[nodiscard]] float* f(std::int64_t l) const { return f_ + l * pitch(n_); }
  [[nodiscard]] float* dh(std::int64_t l) const { return dh_ + l * pitch(n_); }
  [[nodiscard]] float* da(std::int64_t l) const {
    return preact_ ? dh(l + 1) : da_ + l * pitch(n_);
  }
  [[nodiscard]] float* W(std::int64_t l) const { return W_ + l * pitch(p_.N * p_.N); }
  [[nodiscard]] float* dW(std::int64_t l) const { return dW_ + l * pitch(p_.N * p_.N); }
  [[nodiscard]] float* b(std::int64_t l) const { return b_ + l * pitch(p_.N); }
  [[nodiscard]] float* db(std::int64_t l) const { return db_ + l * pitch(p_.N); }
  [[nodiscard]] std::byte* aux(std::int64_t l) const { return aux_ + l * aux_stride_; }
  /// What W multiplies in layer l.
  [[nodiscard]] const float* operand(std::int64_t l) const { return preact_ ? f(l) : h(l); }

  [[nodiscard]] std::unique_ptr<Matmul> make_product(const Gemm& shape, cublasLtEpilogue_t epilogue,
                                                     const MatmulData& sample) const {
    return std::make_unique<Matmul>(shared_, shape, epilogue, sample);
  }
  /// to = x + factor · y, all [n].
  void add_scaled(const float* x, double factor, const float* y, float* to) const;

  LibraryPtr shared_;
  FeedForwardProblem p_;
  bool residual_, preact_;
  double scale_;
  std::int64_t n_;  // elements of a state
  Fused epilogues_;
  bool fused_ = false;
  float* W_ = nullptr;        // [L, N, N]
  float* b_ = nullptr;        // [L, N]
  float* h_ = nullptr;        // [L+1, n]
  float* a_ = nullptr;        // [L, n]; fused: none
  float* f_ = nullptr;        // [L, n], residual: f(a), preact: f(h)
  float* dh_ = nullptr;       // [L+1, n]
  float* da_ = nullptr;       // [L, n], preact: dh of the next state
  float* back_ = nullptr;     // [n], preact: Wᵀ da
  float* dW_ = nullptr;       // [L, N, N]
  float* db_ = nullptr;       // [L, N]
  float* ones_ = nullptr;     // [B]
  std::byte* aux_ = nullptr;  // fused: what forward leaves for backward, by layer
  std::int64_t aux_stride_ = 0;
  std::unique_ptr<CudnnActivation> activation_;
  std::unique_ptr<Matmul> forward_, backward_, weights_;    // of a layer
  std::unique_ptr<Matmul> fused_forward_, fused_backward_;  // with their epilogues
  std::vector<Trial> trials_;
};

void DensePlan::allocate_tensors() {
  const auto states = [this](std::int64_t count) {
    return allocate_numbers<float>(count * pitch(n_));
  };
  W_ = layers("W", p_.L, p_.N * p_.N);
  b_ = layers("b", p_.L, p_.N);
  h_ = states(p_.L + 1);
  bind("h0", h(0), 1, n_);
  bind("y", h(p_.L), 1, n_);
  bind("h", h_, p_.L + 1, n_);
  a_ = states(p_.L);
  if (residual_) f_ = states(p_.L);
  if (epilogues_) {
    aux_stride_ = (aux_bytes(epilogues_.forward, p_.B, p_.N) + 255) / 256 * 256;
    aux_ = allocate_numbers<std::byte>(p_.L * aux_stride_);
  }
  if (forward_only()) return;
  dh_ = states(p_.L + 1);
  bind("dy", dh(p_.L), 1, n_);
  bind("dh0", dh(0), 1, n_);
  bind("dh", dh_, p_.L + 1, n_);
  if (!preact_) da_ = states(p_.L);
  bind("da", da(0), p_.L, n_);
  if (preact_) back_ = states(1);
  dW_ = layers("dW", p_.L, p_.N * p_.N);
  db_ = layers("db", p_.L, p_.N);
  const std::vector<float> ones(static_cast<std::size_t>(p_.B), 1.F);
  ones_ = allocate_numbers<float>(p_.B);
  library().device.upload(ones_, ones.data(), ones.size());
}

/// The products that both ways have: back through a layer without an epilogue, and dW.
void DensePlan::prepare_common() {
  if (!activation_ && describe_activation(p_.act)) {
    activation_ = std::make_unique<CudnnActivation>(shared_, p_.act, Dtype::f32, n_);
  }
  if (forward_only() || weights_) return;
  const bool adds = residual_ && !preact_;  // the skip's gradient
  backward_ = make_product(
      {.m = p_.B, .n = p_.N, .k = p_.N, .beta = adds ? 1.F : 0.F}, CUBLASLT_EPILOGUE_DEFAULT,
      {.A = da(0), .B = W(0), .C = adds ? dh(1) : nullptr, .D = preact_ ? back_ : dh(0)});
  weights_ = make_product({.transpose_a = true, .m = p_.N, .n = p_.N, .k = p_.B},
                          CUBLASLT_EPILOGUE_DEFAULT, {.A = da(0), .B = operand(0), .D = dW(0)});
}

void DensePlan::prepare_separate() {
  prepare_common();
  forward_ = make_product(
      {.transpose_b = true, .m = p_.B, .n = p_.N, .k = p_.N, .beta = preact_ ? 1.F : 0.F},
      CUBLASLT_EPILOGUE_BIAS,
      {.A = operand(0),
       .B = W(0),
       .C = preact_ ? h(0) : nullptr,
       .D = preact_ ? h(1) : a(0),
       .bias = b(0)});
}

void DensePlan::prepare_fused() {
  prepare_common();
  fused_forward_ =
      make_product({.transpose_b = true, .m = p_.B, .n = p_.N, .k = p_.N}, epilogues_.forward,
                   {.A = h(0), .B = W(0), .D = h(1), .bias = b(0), .aux = aux(0)});
  if (forward_only()) return;
  // Into the gradients of states, which this way leaves free: A and D must not be the same.
  fused_backward_ = make_product({.m = p_.B, .n = p_.N, .k = p_.N}, epilogues_.backward,
                                 {.A = da(0), .B = W(0), .D = dh(0), .bias = db(0), .aux = aux(0)});
}

void DensePlan::add_scaled(const float* x, double factor, const float* y, float* to) const {
  const auto scale = static_cast<float>(factor);
  check(call<cublasSgeam_64>(library().blas.get(), CUBLAS_OP_N, CUBLAS_OP_N, p_.N, p_.B, &one, x,
                             p_.N, &scale, y, p_.N, to, p_.N));
}

void DensePlan::forward_layer(std::int64_t l) {
  if (fused_) {
    fused_forward_->run({.A = h(l), .B = W(l), .D = h(l + 1), .bias = b(l), .aux = aux(l)});
  } else if (preact_) {
    activation_->forward(h(l), f(l));
    forward_->run({.A = f(l), .B = W(l), .C = h(l), .D = h(l + 1), .bias = b(l)});
  } else {
    forward_->run({.A = h(l), .B = W(l), .D = a(l), .bias = b(l)});
    activation_->forward(a(l), residual_ ? f(l) : h(l + 1));
    if (residual_) add_scaled(h(l), scale_, f(l), h(l + 1));
  }
}

void DensePlan::run_forward() {
  for (std::int64_t l = 0; l < p_.L; ++l) forward_layer(l);
}

/// da of the last layer, whose derivative no product precedes.
void DensePlan::fused_top() {
  const std::int64_t top = p_.L - 1;
  if (activation_) {  // ReLU: its value's sign is its argument's
    activation_->backward(h(p_.L), dh(p_.L), h(p_.L), da(top));
  } else {
    activation_kernels<float>(p_.act).backward({.cols = n_,
                                                .x = reinterpret_cast<const float*>(aux(top)),
                                                .y = h(p_.L),
                                                .dy = dh(p_.L),
                                                .dx = da(top)},
                                               library().device.stream());
  }
}

/// From dh of state l + 1 (fused: from da of layer l) to that of state l.
void DensePlan::backward_layer(std::int64_t l) {
  if (fused_) {
    if (l == 0) {
      backward_->run({.A = da(0), .B = W(0), .D = dh(0)});
    } else {
      fused_backward_->run(
          {.A = da(l), .B = W(l), .D = da(l - 1), .bias = db(l - 1), .aux = aux(l - 1)});
    }
  } else if (preact_) {
    backward_->run({.A = da(l), .B = W(l), .D = back_});
    activation_->backward(f(l), back_, h(l), back_);
    add_scaled(dh(l + 1), 1, back_, dh(l));
  } else {
    activation_->backward(residual_ ? f(l) : h(l + 1), dh(l + 1), a(l), da(l), scale_);
    backward_->run({.A = da(l), .B = W(l), .C = residual_ ? dh(l + 1) : nullptr, .D = dh(l)});
  }
}

void DensePlan::run_backward_data() {
  if (fused_) fused_top();
  for (std::int64_t l = p_.L; l-- > 0;) backward_layer(l);
}

void DensePlan::run_backward_weights() {
  for (std::int64_t l = 0; l < p_.L; ++l) {
    weights_->run({.A = da(l), .B = operand(l), .D = dW(l)});
    const bool done = fused_ && l + 1 < p_.L;  // by the product behind it
    if (!done) sum_rows_by_gemv(library(), p_.B, p_.N, da(l), ones_, db(l));
  }
}

std::string DensePlan::detail() const {
  std::string text = fused_ ? "cuBLASLt with epilogues for bias, activation and their gradients"
                            : "cuBLASLt with bias, cuDNN activations";
  if (!forward_only()) text += ", bias gradients (fused: the last) by cublasSgemv";
  if (fused_ && !activation_) text += ", last derivative by our kernel";
  return text + "; norms outside of the step; tried: " + describe(trials_);
}

std::size_t DensePlan::library_bytes() const {
  std::size_t bytes = 0;
  for (const auto* product :
       {&forward_, &backward_, &weights_, &fused_forward_, &fused_backward_}) {
    if (*product) bytes += (*product)->bytes();
  }
  return bytes;
}

/// The gradients of inner states, where the step had no use for them.
void DensePlan::before_get() {
  if (!fused_ || forward_only()) return;
  for (std::int64_t l = 1; l < p_.L; ++l) {
    library().device.gemm(LinearMap{p_.B, p_.N, p_.N}.data_gradient(da(l), W(l), dh(l)));
  }
}

Tensor DensePlan::derive(std::string_view /*name*/) { return squared_norms(read("dh"), p_.L + 1); }

}  // namespace

Tensor squared_norms(const Tensor& states, std::int64_t count) {
  Tensor norms({count});
  const auto n = static_cast<std::ptrdiff_t>(states.size() / norms.size());
  auto state = states.data.begin();
  for (double& norm : norms.data) {
    norm = std::inner_product(state, state + n, state, 0.0);
    state += n;
  }
  return norms;
}

Planned make_dense_plan(const FeedForwardProblem& problem, const LibraryPtr& library) {
  if (!describe_activation(problem.act) && !fused_epilogues(problem)) {
    return Unsupported{"neither cuDNN nor cuBLASLt has " + std::string(problem.act.name()) +
                       " for this net"};
  }
  auto plan = std::make_unique<DensePlan>(library, problem);
  if (!plan->found()) return Unsupported{"refused: " + plan->detail()};
  return plan;
}

Planned make_plan(const FeedForwardProblem& problem, const LibraryPtr& library) {
  if (problem.dtype != Dtype::f32) {
    return Unsupported{"feed-forward nets of the libraries: f32 only"};
  }
  if (problem.clip_value > 0) return Unsupported{"the libraries clip no gradient between layers"};
  if (problem.share) return Unsupported{"tied layers are not built from the libraries here"};
  return problem.is_cnn() ? make_convolution_plan(problem, library)
                          : make_dense_plan(problem, library);
}

}  // namespace gradepth::cudnn
