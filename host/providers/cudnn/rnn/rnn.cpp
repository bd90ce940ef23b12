#include <algorithm>
#include <numeric>

#include "host/providers/cudnn/choice.h"
#include "host/providers/cudnn/rnn/engine.h"

namespace gradepth::cudnn {
namespace {

/// elman (tanh, ReLU), lstm and gru with cuDNN's fastest algorithm of those that it accepts.
class RnnPlan final : public LibraryPlan {
 public:
  RnnPlan(const LibraryPtr& shared, const RecurrentProblem& problem)
      : LibraryPlan(shared, problem), p_(problem) {
    allocate_tensors();
    set_trial_inputs();
    for (const RnnWay& way : rnn_ways(p_.dtype, shared->math)) try_way(shared, way);
    forget();
  }

  [[nodiscard]] bool found() const { return engine_ != nullptr; }

  void run_forward() override { engine_->forward(tensors_); }
  void run_backward_data() override { engine_->backward_data(tensors_); }
  void run_backward_weights() override { engine_->backward_weights(tensors_); }
  [[nodiscard]] bool has_parts() const override { return !forward_only(); }

  /// Its tanh and sigmoid are the device's fast ones: on an H200 y was off by up to 4.04e-5 of its
  /// largest entry (bench/results/h200-2026-11-27/check_cudnn.jsonl).
  [[nodiscard]] double approximation() const override { return p_.act == "tanh" ? 5e-5 : 0; }

  [[nodiscard]] std::string detail() const override {
    const auto best = fastest(trials_);
    if (best < 0) return describe(trials_);
    std::string text = trials_[static_cast<std::size_t>(best)].name;
    if (p_.cell != "gru" && best_bias_ == CUDNN_RNN_DOUBLE_BIAS) text += ", a second bias of zeros";
    return text + "; tried: " + describe(trials_);
  }

 private:
  void allocate_tensors();
  void try_way(const LibraryPtr& shared, const RnnWay& way);
  void step(RnnEngine& engine) const;

  [[nodiscard]] std::size_t library_bytes() const override {
    return engine_ ? engine_->bytes() : 0;
  }
  void after_set() override {
    if (engine_) engine_->take_weights(weights_);
  }
  void before_get() override {
    if (engine_ && !forward_only()) engine_->give_gradients(gradients_);
  }
  Tensor derive(std::string_view name) override;
  [[nodiscard]] Tensor inner_gradients();
  [[nodiscard]] std::size_t state_size() const { return static_cast<std::size_t>(p_.B * p_.H); }

  RecurrentProblem p_;
  RnnTensors tensors_;
  std::map<std::string, const void*> weights_;  // Wx, Wh, b as we have them
  std::map<std::string, void*> gradients_;      // of the same
  float* through_ = nullptr;  // [T, B, H], Wᵀ da of each step; only where gradients can be seen
  std::unique_ptr<RnnEngine> engine_;
  cudnnRNNBiasMode_t best_bias_ = CUDNN_RNN_DOUBLE_BIAS;
  std::vector<Trial> trials_;
};

void RnnPlan::allocate_tensors() {
  std::map<std::string, void*> at;
  for (const auto& specs : {inputs(p_), outputs(p_)}) {
    for (const TensorSpec& spec : specs) {
      const bool derived =
          is_norm2(spec.name) || spec.name == "h" || spec.name == "dh" || spec.name == "da";
      if (derived) continue;
      at[spec.name] = tensor(spec.name, static_cast<std::int64_t>(size(spec.shape)));
    }
  }
  for (const char* weight : {"Wx", "Wh", "b"}) {
    if (!at.contains(weight)) continue;
    weights_[weight] = at[weight];
    gradients_[weight] = at[std::string("d") + weight];
  }
  const std::vector<std::int32_t> lengths(static_cast<std::size_t>(p_.B), narrow(p_.T));
  auto* const lengths_at = allocate_numbers<std::int32_t>(p_.B);
  library().device.upload(lengths_at, lengths.data(), lengths.size());
  tensors_ = {.x = at["x"],
              .h0 = at["h0"],
              .c0 = at["c0"],
              .y = at["y"],
              .dy = at["dy"],
              .dc = at["dc"],
              .dx = at["dx"],
              .dh0 = at["dh0"],
              .dc0 = at["dc0"],
              .lengths = lengths_at};
  if (sees_inside(p_) && !forward_only()) through_ = allocate_numbers<float>(p_.T * p_.B * p_.H);
}

void RnnPlan::step(RnnEngine& engine) const {
  engine.forward(tensors_);
  if (forward_only()) return;
  engine.backward_data(tensors_);
  engine.backward_weights(tensors_);
}

/// Times one step of an engine; the fastest one stays.
void RnnPlan::try_way(const LibraryPtr& shared, const RnnWay& way) {
  std::unique_ptr<RnnEngine> engine;
  trials_.push_back(try_out(name(way), [&] {
    engine = std::make_unique<RnnEngine>(shared, p_, way);
    engine->take_weights(weights_);
    return median_ms(stream(), [&] { step(*engine); });
  }));
  if (fastest(trials_) + 1 != static_cast<std::ptrdiff_t>(trials_.size())) return;
  engine_ = std::move(engine);
  best_bias_ = bias_mode(p_, way);
}

/// What cuDNN keeps to itself, but can be had from what it gives, outside of the timed step. Only
/// of nets without an input product, where dx_t = da_t.
Tensor RnnPlan::derive(std::string_view name) {
  if (!sees_inside(p_) || name == "da_norm2") return {};
  if (name == "da") return get("dx");
  if (name == "dh") return inner_gradients();
  if (name == "h") {
    Tensor states({p_.T + 1, p_.B, p_.H});
    const auto n = static_cast<std::ptrdiff_t>(state_size());
    const Tensor h0 = read("h0");
    const Tensor y = get("y");
    std::copy(h0.data.begin(), h0.data.end(), states.data.begin());
    std::copy(y.data.begin(), y.data.end(), states.data.begin() + n);
    return states;
  }
  const Tensor dh = inner_gradients();
  Tensor norms({p_.T + 1});
  for (std::size_t t = 0; t < norms.size(); ++t) {
    const double* state = &dh.data[t * state_size()];
    norms.data[t] = std::inner_product(state, state + state_size(), state, 0.0);
  }
  return norms;
}

/// dL/dh_t = Wᵀ da_t + dy_{t-1}, t = 0 … T, where step t makes state t + 1 and dy_t lies on it.
Tensor RnnPlan::inner_gradients() {
  const LinearMap state_map{p_.T * p_.B, p_.H, p_.H};
  library().device.gemm(state_map.data_gradient(static_cast<const float*>(tensors_.dx),
                                                static_cast<const float*>(weights_.at("Wh")),
                                                through_));
  std::vector<float> through(static_cast<std::size_t>(p_.T) * state_size());
  library().device.download(through.data(), static_cast<const float*>(through_), through.size());
  const Tensor dy = read("dy");
  Tensor dh({p_.T + 1, p_.B, p_.H});
  std::copy(through.begin(), through.end(), dh.data.begin());
  for (std::size_t i = 0; i < dy.size(); ++i) {
    double& gradient = dh.data[state_size() + i];
    gradient = static_cast<float>(gradient + dy.data[i]);
  }
  return dh;
}

}  // namespace

Planned make_plan(const RecurrentProblem& problem, const LibraryPtr& library) {
  std::string refusal = rnn_refusal(problem);
  if (!refusal.empty()) return Unsupported{std::move(refusal)};
  auto plan = std::make_unique<RnnPlan>(library, problem);
  if (!plan->found()) return Unsupported{"cuDNN refuses every algorithm: " + plan->detail()};
  return plan;
}

}  // namespace gradepth::cudnn
