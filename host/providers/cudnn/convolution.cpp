#include "host/providers/cudnn/convolution.h"

#include <set>
#include <stdexcept>

#include "kernels/linear/circular_pad.h"

namespace gradepth::cudnn {

ConvolutionDescription describe_convolution(const FeedForwardProblem& p, Math math) {
  ConvolutionDescription d{describe_tensor(Dtype::f32, {p.B, p.N, padded_side, padded_side}),
                           describe_tensor(Dtype::f32, {p.B, p.N, conv_image, conv_image}),
                           describe_tensor(Dtype::f32, {1, p.N, 1, 1}),
                           make<FilterDescriptor>(call<cudnnCreateFilterDescriptor>),
                           make<ConvolutionDescriptor>(call<cudnnCreateConvolutionDescriptor>)};
  check(call<cudnnSetFilter4dDescriptor>(d.W.get(), CUDNN_DATA_FLOAT, CUDNN_TENSOR_NCHW,
                                         narrow(p.N), narrow(p.N), conv_kernel, conv_kernel));
  // No padding, stride 1, no dilation; the kernel is not flipped.
  check(call<cudnnSetConvolution2dDescriptor>(d.operation.get(), 0, 0, 1, 1, 1, 1,
                                              CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
  // The default would admit TF32.
  check(call<cudnnSetConvolutionMathType>(
      d.operation.get(), math == Math::tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH));
  return d;
}

// The three passes differ in the names and the order of cuDNN's arguments.

struct Convolution::Forward {
  using Found = cudnnConvolutionFwdAlgoPerf_t;
  static constexpr const char* name = "forward";
  static cudnnStatus_t ask(cudnnHandle_t handle, const ConvolutionDescription& d, int most,
                           int* count, Found* found) {
    return call<cudnnGetConvolutionForwardAlgorithm_v7>(
        handle, d.padded.get(), d.W.get(), d.operation.get(), d.image.get(), most, count, found);
  }
  static cudnnStatus_t size(cudnnHandle_t handle, const ConvolutionDescription& d, int algorithm,
                            std::size_t* bytes) {
    return call<cudnnGetConvolutionForwardWorkspaceSize>(
        handle, d.padded.get(), d.W.get(), d.operation.get(), d.image.get(),
        static_cast<cudnnConvolutionFwdAlgo_t>(algorithm), bytes);
  }
  static cudnnStatus_t run(cudnnHandle_t handle, const ConvolutionDescription& d, int algorithm,
                           const Buffer<std::byte>& workspace, const ConvolutionData& data) {
    return call<cudnnConvolutionForward>(
        handle, &one, d.padded.get(), data.padded, d.W.get(), data.W, d.operation.get(),
        static_cast<cudnnConvolutionFwdAlgo_t>(algorithm), workspace.data(), workspace.bytes(),
        &zero, d.image.get(), data.a);
  }
};

struct Convolution::BackwardData {
  using Found = cudnnConvolutionBwdDataAlgoPerf_t;
  static constexpr const char* name = "backward data";
  static cudnnStatus_t ask(cudnnHandle_t handle, const ConvolutionDescription& d, int most,
                           int* count, Found* found) {
    return call<cudnnGetConvolutionBackwardDataAlgorithm_v7>(
        handle, d.W.get(), d.image.get(), d.operation.get(), d.padded.get(), most, count, found);
  }
  static cudnnStatus_t size(cudnnHandle_t handle, const ConvolutionDescription& d, int algorithm,
                            std::size_t* bytes) {
    return call<cudnnGetConvolutionBackwardDataWorkspaceSize>(
        handle, d.W.get(), d.image.get(), d.operation.get(), d.padded.get(),
        static_cast<cudnnConvolutionBwdDataAlgo_t>(algorithm), bytes);
  }
  static cudnnStatus_t run(cudnnHandle_t handle, const ConvolutionDescription& d, int algorithm,
                           const Buffer<std::byte>& workspace, const ConvolutionData& data) {
    return call<cudnnConvolutionBackwardData>(
        handle, &one, d.W.get(), data.W, d.image.get(), data.da, d.operation.get(),
        static_cast<cudnnConvolutionBwdDataAlgo_t>(algorithm), workspace.data(), workspace.bytes(),
        &zero, d.padded.get(), data.dpadded);
  }
};

struct Convolution::BackwardWeights {
  using Found = cudnnConvolutionBwdFilterAlgoPerf_t;
  static constexpr const char* name = "backward weights";
  static cudnnStatus_t ask(cudnnHandle_t handle, const ConvolutionDescription& d, int most,
                           int* count, Found* found) {
    return call<cudnnGetConvolutionBackwardFilterAlgorithm_v7>(
        handle, d.padded.get(), d.image.get(), d.operation.get(), d.W.get(), most, count, found);
  }
  static cudnnStatus_t size(cudnnHandle_t handle, const ConvolutionDescription& d, int algorithm,
                            std::size_t* bytes) {
    return call<cudnnGetConvolutionBackwardFilterWorkspaceSize>(
        handle, d.padded.get(), d.image.get(), d.operation.get(), d.W.get(),
        static_cast<cudnnConvolutionBwdFilterAlgo_t>(algorithm), bytes);
  }
  static cudnnStatus_t run(cudnnHandle_t handle, const ConvolutionDescription& d, int algorithm,
                           const Buffer<std::byte>& workspace, const ConvolutionData& data) {
    return call<cudnnConvolutionBackwardFilter>(
        handle, &one, d.padded.get(), data.padded, d.image.get(), data.da, d.operation.get(),
        static_cast<cudnnConvolutionBwdFilterAlgo_t>(algorithm), workspace.data(),
        workspace.bytes(), &zero, d.W.get(), data.dW);
  }
};

Convolution::Convolution(LibraryPtr library, const FeedForwardProblem& problem,
                         const ConvolutionData& sample)
    : library_(std::move(library)), d_(describe_convolution(problem, library_->math)) {
  choose(forward_, sample);
  if (problem.pass == gradepth::Pass::forward) return;
  choose(backward_data_, sample);
  choose(backward_weights_, sample);
}

template <class Pass>
void Convolution::choose(Chosen<Pass>& chosen, const ConvolutionData& sample) {
  constexpr int most = 16;
  cudnnHandle_t handle = library_->dnn.get();
  typename Pass::Found found[most] = {};
  int count = 0;
  check(Pass::ask(handle, d_, most, &count, found));
  std::set<int> tried;  // an algorithm is listed once for each math type; ours is fixed
  for (int i = 0; i < count; ++i) {
    const int algorithm = static_cast<int>(found[i].algo);
    if (!tried.insert(algorithm).second) continue;
    std::unique_ptr<Buffer<std::byte>> workspace;
    chosen.trials.push_back(try_out("algorithm " + std::to_string(algorithm), [&] {
      check(found[i].status);
      if (found[i].determinism != CUDNN_DETERMINISTIC) {
        throw std::runtime_error("not deterministic");
      }
      std::size_t bytes = 0;
      check(Pass::size(handle, d_, algorithm, &bytes));
      workspace = std::make_unique<Buffer<std::byte>>(bytes);
      return median_ms(library_->stream(),
                       [&] { check(Pass::run(handle, d_, algorithm, *workspace, sample)); });
    }));
    if (fastest(chosen.trials) + 1 != static_cast<std::ptrdiff_t>(chosen.trials.size())) continue;
    chosen.algorithm = algorithm;
    chosen.workspace = std::move(workspace);
  }
  if (chosen.algorithm < 0) {
    throw std::runtime_error(std::string("cuDNN's convolution, ") + Pass::name + ": " +
                             cudnn::describe(chosen.trials));
  }
}

template <class Pass>
void Convolution::run(const Chosen<Pass>& chosen, const ConvolutionData& data) const {
  check(Pass::run(library_->dnn.get(), d_, chosen.algorithm, *chosen.workspace, data));
}
template void Convolution::run(const Chosen<Forward>&, const ConvolutionData&) const;
template void Convolution::run(const Chosen<BackwardData>&, const ConvolutionData&) const;
template void Convolution::run(const Chosen<BackwardWeights>&, const ConvolutionData&) const;

void Convolution::add_bias(const float* b, float* a) const {
  check(call<cudnnAddTensor>(library_->dnn.get(), &one, d_.bias.get(), b, &one, d_.image.get(), a));
}

void Convolution::backward_bias(const float* da, float* db) const {
  check(call<cudnnConvolutionBackwardBias>(library_->dnn.get(), &one, d_.image.get(), da, &zero,
                                           d_.bias.get(), db));
}

std::string Convolution::describe() const {
  std::string text = "forward " + cudnn::describe(forward_.trials);
  if (backward_data_.trials.empty()) return text;
  return text + "; backward data " + cudnn::describe(backward_data_.trials) +
         "; backward weights " + cudnn::describe(backward_weights_.trials);
}

std::size_t Convolution::bytes() const {
  std::size_t held = 0;
  for (const auto* workspace :
       {&forward_.workspace, &backward_data_.workspace, &backward_weights_.workspace}) {
    if (*workspace) held += (*workspace)->bytes();
  }
  return held;
}

}  // namespace gradepth::cudnn
