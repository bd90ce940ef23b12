#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "host/providers/cudnn/plan.h"
#include "host/providers/cudnn/rnn/description.h"

namespace gradepth::cudnn {

/// Device memory of a recurrent problem's tensors; shapes in host/problem/problem.h.
struct RnnTensors {
  const void* x = nullptr;
  const void* h0 = nullptr;
  const void* c0 = nullptr;  // lstm, like all c; null otherwise
  void* y = nullptr;
  const void* dy = nullptr;
  const void* dc = nullptr;
  void* dx = nullptr;
  void* dh0 = nullptr;
  void* dc0 = nullptr;
  const std::int32_t* lengths = nullptr;  // [B], all T
};

/// cuDNN's recurrent net with one algorithm and math type: its descriptors, spaces and calls.
class RnnEngine {
 public:
  /// CudnnError when cuDNN refuses this way.
  RnnEngine(LibraryPtr library, const RecurrentProblem& problem, const RnnWay& way);

  /// Between our tensors Wx, Wh, b, in device memory, and cuDNN's weight space. Not timed: a net
  /// that is trained with cuDNN keeps its weights in that space.
  void take_weights(const std::map<std::string, const void*>& ours);
  void give_gradients(const std::map<std::string, void*>& ours) const;

  /// y from x, h0, c0. All three queue their work on the library's stream.
  void forward(const RnnTensors& t);
  /// dx, dh0, dc0 from y, dy, dc and what forward left behind.
  void backward_data(const RnnTensors& t);
  /// The gradients of the weights, from zero, after backward_data.
  void backward_weights(const RnnTensors& t);

  [[nodiscard]] std::size_t bytes() const {
    return weights_.bytes() + gradients_.bytes() + workspace_.bytes() + reserve_.bytes();
  }

 private:
  struct Sizes {
    std::size_t weights = 0;
    std::size_t workspace = 0;
    std::size_t reserve = 0;
  };
  [[nodiscard]] Sizes ask_sizes() const;
  [[nodiscard]] RnnPlaces find_places() const;

  LibraryPtr library_;
  RecurrentProblem p_;
  cudnnForwardMode_t mode_;
  DropoutDescriptor dropout_;
  RnnDescription net_;
  Sizes sizes_;
  Buffer<std::byte> weights_, gradients_, workspace_, reserve_;
  std::vector<RnnPiece> pieces_;
};

}  // namespace gradepth::cudnn
