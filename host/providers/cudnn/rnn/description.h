#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/problem/problem.h"
#include "host/providers/cudnn/api.h"

/// A recurrent problem in cuDNN's terms: everything that needs neither a handle nor a device.
namespace gradepth::cudnn {

/// One way in which cuDNN may compute a recurrent net.
struct RnnWay {
  cudnnRNNAlgo_t algorithm = CUDNN_RNN_ALGO_STANDARD;
  cudnnMathType_t math = CUDNN_FMA_MATH;
};
/// `STANDARD fma`
std::string name(const RnnWay& way);

/// Every algorithm with every math type that the problem's format and `math` admit:
///   f32 in fma: FMA alone; DEFAULT and TENSOR_OP may round to TF32
///   f32 in tf32: DEFAULT and TENSOR_OP, and FMA, which is as good and may be faster
///   f16, bf16: all three, since the factors of every product are of that format already
///   f64: DEFAULT and FMA, both in float64
/// TENSOR_OP_MATH_ALLOW_CONVERSION is left out: it may round f32 to f16.
std::vector<RnnWay> rnn_ways(Dtype dtype, Math math);

/// Why cuDNN's recurrent nets cannot do this problem; empty if they can.
std::string rnn_refusal(const RecurrentProblem& problem);

/// Whether the gradients of inner states follow from what cuDNN gives: Elman nets without an input
/// product, where dL/dx_t is the gradient at the pre-activation.
bool sees_inside(const RecurrentProblem& problem);

/// How many biases a gate has in cuDNN. Persistent algorithms and a GRU want two: one with the
/// input's product, one with the state's. Otherwise one, as ours; without an input product that of
/// the state.
cudnnRNNBiasMode_t bias_mode(const RecurrentProblem& problem, const RnnWay& way);

struct RnnDescription {
  RnnDescriptor rnn;
  RnnDataDescriptor x;  // [T, B, I]
  RnnDataDescriptor y;  // [T, B, H]
  TensorDescriptor h;   // [1, B, H]: h0, dh0, and for lstm c0, dc, dc0
};
/// CudnnError if cuDNN refuses the combination already here. `dropout` may be null.
RnnDescription describe_rnn(const RecurrentProblem& problem, const RnnWay& way,
                            cudnnDropoutDescriptor_t dropout);

/// Where cuDNN keeps the matrix and the bias of one product of one gate, in bytes from the start of
/// its weight space; -1: there is none.
struct RnnPlace {
  std::int64_t matrix = -1;
  std::int64_t bias = -1;
};
/// `gates` products with the input, then as many with the state. cuDNN's order of gates is ours:
/// i, f, g, o and r, z, n.
using RnnPlaces = std::vector<RnnPlace>;

/// A piece of one of our tensors (Wx, Wh, b, or their gradients) and where it lies for cuDNN.
struct RnnPiece {
  std::string tensor;
  std::size_t ours = 0;   // bytes from the tensor's start
  std::size_t cudnn = 0;  // bytes from the weight space's start
  std::size_t bytes = 0;
};
/// All pieces of the weights. What they do not cover, a second bias, is zero in the weight space.
/// The gradient of a bias is read from the same place. std::runtime_error when cuDNN lacks a place.
std::vector<RnnPiece> rnn_pieces(const RecurrentProblem& problem, const RnnPlaces& places);

}  // namespace gradepth::cudnn
