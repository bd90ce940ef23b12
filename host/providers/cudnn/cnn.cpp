#include <memory>

#include "host/providers/cudnn/convolution.h"
#include "host/providers/cudnn/elementwise.h"
#include "host/providers/cudnn/feedforward.h"
#include "kernels/linear/circular_pad.h"

namespace gradepth::cudnn {
namespace {

/// cnn: per layer our padding, then cuDNN's convolution, bias and activation.
class CnnPlan final : public LibraryPlan {
 public:
  CnnPlan(const LibraryPtr& shared, const FeedForwardProblem& problem)
      : LibraryPlan(shared, problem),
        p_(problem),
        n_(p_.B * p_.state_size()),
        padded_size_(p_.B * p_.N * padded_side * padded_side),
        activation_(shared, p_.act, Dtype::f32, n_) {
    allocate_tensors();
    set_trial_inputs();
    convolution_ = std::make_unique<Convolution>(shared, p_, data(0));
    forget();
  }

  void run_forward() override {
    for (std::int64_t l = 0; l < p_.L; ++l) {
      circular_pad(p_.B * p_.N, h(l), padded(l), library().device.stream());
      convolution_->forward(data(l));
      convolution_->add_bias(b_ + l * pitch(p_.N), a(l));
      activation_.forward(a(l), h(l + 1));
    }
  }
  void run_backward_data() override {
    for (std::int64_t l = p_.L; l-- > 0;) {
      activation_.backward(h(l + 1), dh(l + 1), a(l), da(l));
      convolution_->backward_data(data(l));
      circular_pad_backward(p_.B * p_.N, dpadded_, dh(l), library().device.stream());
    }
  }
  void run_backward_weights() override {
    for (std::int64_t l = 0; l < p_.L; ++l) {
      convolution_->backward_weights(data(l));
      convolution_->backward_bias(da(l), db_ + l * pitch(p_.N));
    }
  }
  [[nodiscard]] bool has_parts() const override { return !forward_only(); }

  [[nodiscard]] std::string detail() const override {
    return "channels first, circular padding by our kernel, norms outside of the step; " +
           convolution_->describe();
  }

 private:
  void allocate_tensors();
  [[nodiscard]] std::size_t library_bytes() const override {
    return convolution_ ? convolution_->bytes() : 0;
  }
  Tensor derive(std::string_view name) override {
    return name == "da_norm2" ? Tensor() : squared_norms(read("dh"), p_.L + 1);
  }

  [[nodiscard]] float* h(std::int64_t l) const { return h_ + l * pitch(n_); }
  [[nodiscard]] float* a(std::int64_t l) const { return a_ + l * pitch(n_); }
  [[nodiscard]] float* dh(std::int64_t l) const { return dh_ + l * pitch(n_); }
  [[nodiscard]] float* da(std::int64_t l) const { return da_ + l * pitch(n_); }
  [[nodiscard]] float* padded(std::int64_t l) const { return padded_ + l * pitch(padded_size_); }
  [[nodiscard]] ConvolutionData data(std::int64_t l) const {
    const std::int64_t weights = l * pitch(p_.N * p_.N * conv_taps);
    return {.padded = padded(l),
            .W = W_ + weights,
            .a = a(l),
            .da = forward_only() ? nullptr : da(l),
            .dpadded = dpadded_,
            .dW = forward_only() ? nullptr : dW_ + weights};
  }

  FeedForwardProblem p_;
  std::int64_t n_;            // elements of a state
  std::int64_t padded_size_;  // and of a padded one
  CudnnActivation activation_;
  std::unique_ptr<Convolution> convolution_;
  float* W_ = nullptr;        // [L, N, N, 3, 3]
  float* b_ = nullptr;        // [L, N]
  float* h_ = nullptr;        // [L+1, n]
  float* padded_ = nullptr;   // [L, padded]
  float* a_ = nullptr;        // [L, n]
  float* dh_ = nullptr;       // [L+1, n]
  float* da_ = nullptr;       // [L, n]
  float* dpadded_ = nullptr;  // [padded], of one layer
  float* dW_ = nullptr;       // [L, N, N, 3, 3]
  float* db_ = nullptr;       // [L, N]
};

void CnnPlan::allocate_tensors() {
  const std::int64_t weights = p_.N * p_.N * conv_taps;
  const auto states = [this](std::int64_t count) {
    return allocate_numbers<float>(count * pitch(n_));
  };
  W_ = layers("W", p_.L, weights);
  b_ = layers("b", p_.L, p_.N);
  h_ = states(p_.L + 1);
  bind("h0", h(0), 1, n_);
  bind("y", h(p_.L), 1, n_);
  bind("h", h_, p_.L + 1, n_);
  padded_ = allocate_numbers<float>(p_.L * pitch(padded_size_));
  a_ = states(p_.L);
  if (forward_only()) return;
  dh_ = states(p_.L + 1);
  bind("dy", dh(p_.L), 1, n_);
  bind("dh0", dh(0), 1, n_);
  bind("dh", dh_, p_.L + 1, n_);
  da_ = layers("da", p_.L, n_);
  dpadded_ = allocate_numbers<float>(padded_size_);
  dW_ = layers("dW", p_.L, weights);
  db_ = layers("db", p_.L, p_.N);
}

}  // namespace

Planned make_convolution_plan(const FeedForwardProblem& problem, const LibraryPtr& library) {
  if (!describe_activation(problem.act))
    return Unsupported{"cuDNN has no " + std::string(problem.act.name())};
  return std::make_unique<CnnPlan>(library, problem);
}

}  // namespace gradepth::cudnn
