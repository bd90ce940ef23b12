#pragma once

#include <memory>
#include <string>
#include <vector>

#include "host/providers/cudnn/choice.h"
#include "host/providers/cudnn/plan.h"

/// cuDNN's convolution of a cnn's layer, each pass with its fastest deterministic algorithm. cuDNN
/// pads with zeros only, so that it gets images that have been padded as on a torus
/// (kernels/linear/circular_pad.h).
namespace gradepth::cudnn {

using FilterDescriptor =
    std::unique_ptr<cudnnFilterStruct, Destroyer<call<cudnnDestroyFilterDescriptor>>>;
using ConvolutionDescriptor =
    std::unique_ptr<cudnnConvolutionStruct, Destroyer<call<cudnnDestroyConvolutionDescriptor>>>;

struct ConvolutionDescription {
  TensorDescriptor padded;  // [B, N, 10, 10]
  TensorDescriptor image;   // [B, N, 8, 8]
  TensorDescriptor bias;    // [1, N, 1, 1]
  FilterDescriptor W;       // [N out, N in, 3, 3]
  ConvolutionDescriptor operation;
};
ConvolutionDescription describe_convolution(const FeedForwardProblem& problem, Math math);

/// One layer's arrays, f32; shapes as above.
struct ConvolutionData {
  const float* padded = nullptr;
  const float* W = nullptr;
  float* a = nullptr;
  const float* da = nullptr;
  float* dpadded = nullptr;
  float* dW = nullptr;
};

class Convolution {
 public:
  /// Algorithms are timed on `sample`. CudnnError or std::runtime_error if one pass has none.
  Convolution(LibraryPtr library, const FeedForwardProblem& problem, const ConvolutionData& sample);

  void forward(const ConvolutionData& data) const { run(forward_, data); }
  void backward_data(const ConvolutionData& data) const { run(backward_data_, data); }
  void backward_weights(const ConvolutionData& data) const { run(backward_weights_, data); }
  /// a += b by channel
  void add_bias(const float* b, float* a) const;
  /// db = the sum of da by channel
  void backward_bias(const float* da, float* db) const;

  /// The algorithms' names and what was tried beside them.
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Forward;
  struct BackwardData;
  struct BackwardWeights;
  template <class Pass>
  struct Chosen {
    int algorithm = -1;
    std::unique_ptr<Buffer<std::byte>> workspace;
    std::vector<Trial> trials;
  };

  template <class Pass>
  void choose(Chosen<Pass>& chosen, const ConvolutionData& sample);
  template <class Pass>
  void run(const Chosen<Pass>& chosen, const ConvolutionData& data) const;

  LibraryPtr library_;
  ConvolutionDescription d_;
  Chosen<Forward> forward_;
  Chosen<BackwardData> backward_data_;
  Chosen<BackwardWeights> backward_weights_;
};

}  // namespace gradepth::cudnn
