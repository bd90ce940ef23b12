#include "host/providers/cudnn/rnn/description.h"
#include "kernels/cell/cells.h"

#include <stdexcept>

namespace gradepth::cudnn {
namespace {

bool has_cell(RecurrentCell cell) { return cell == "elman" || cell == "lstm" || cell == "gru"; }

cudnnRNNMode_t mode(const RecurrentProblem& p) {
  if (p.cell == "lstm") return CUDNN_LSTM;
  if (p.cell == "gru") return CUDNN_GRU;
  return p.act == "relu" ? CUDNN_RNN_RELU : CUDNN_RNN_TANH;
}

/// All sequences are T long. Layout [T, B, features], as ours.
RnnDataDescriptor describe_sequence(const RecurrentProblem& p, std::int64_t size) {
  const std::vector<int> lengths(static_cast<std::size_t>(p.B), narrow(p.T));
  auto sequence = make<RnnDataDescriptor>(call<cudnnCreateRNNDataDescriptor>);
  // No fill value: there is no padding.
  check(call<cudnnSetRNNDataDescriptor>(sequence.get(), cudnn_type(p.dtype),
                                        CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED, narrow(p.T),
                                        narrow(p.B), narrow(size), lengths.data(), nullptr));
  return sequence;
}

}  // namespace

std::string name(const RnnWay& way) {
  constexpr const char* algorithms[] = {"STANDARD", "PERSIST_STATIC", "PERSIST_DYNAMIC",
                                        "PERSIST_STATIC_SMALL_H"};
  const char* math = way.math == CUDNN_FMA_MATH       ? " fma"
                     : way.math == CUDNN_DEFAULT_MATH ? " default"
                                                      : " tensor_op";
  return algorithms[way.algorithm] + std::string(math);
}

std::vector<RnnWay> rnn_ways(Dtype dtype, Math math) {
  std::vector<cudnnMathType_t> types{CUDNN_FMA_MATH};
  if (dtype != Dtype::f32 || math == Math::tf32) types.push_back(CUDNN_DEFAULT_MATH);
  if (dtype != Dtype::f64 && types.size() > 1) types.push_back(CUDNN_TENSOR_OP_MATH);
  std::vector<RnnWay> ways;
  for (const cudnnRNNAlgo_t algorithm :
       {CUDNN_RNN_ALGO_STANDARD, CUDNN_RNN_ALGO_PERSIST_STATIC, CUDNN_RNN_ALGO_PERSIST_DYNAMIC,
        CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H}) {
    for (const cudnnMathType_t type : types) ways.push_back({algorithm, type});
  }
  return ways;
}

bool sees_inside(const RecurrentProblem& p) {
  return p.cell == "elman" && !p.project_input && p.dtype == Dtype::f32;
}

std::string rnn_refusal(const RecurrentProblem& p) {
  if (!has_cell(p.cell)) return "cuDNN has no " + std::string(p.cell.name()) + " cell";
  if (p.act != "tanh" && p.act != "relu") return "cuDNN's RNN has tanh and relu only";
  if (!p.share) return "cuDNN's RNN has one W for all steps";
  if (p.clip_value > 0) return "cuDNN's RNN clips no gradient between steps";
  if (p.record && !sees_inside(p)) {
    return "cuDNN's RNN shows no gradient between steps, but for f32 Elman nets without an input "
           "product";
  }
  return {};
}

cudnnRNNBiasMode_t bias_mode(const RecurrentProblem& p, const RnnWay& way) {
  if (p.cell == "gru" || way.algorithm != CUDNN_RNN_ALGO_STANDARD) return CUDNN_RNN_DOUBLE_BIAS;
  return p.project_input ? CUDNN_RNN_SINGLE_INP_BIAS : CUDNN_RNN_SINGLE_REC_BIAS;
}

RnnDescription describe_rnn(const RecurrentProblem& p, const RnnWay& way,
                            cudnnDropoutDescriptor_t dropout) {
  RnnDescription described{make<RnnDescriptor>(call<cudnnCreateRNNDescriptor>),
                           describe_sequence(p, p.features()), describe_sequence(p, p.H),
                           describe_tensor(p.dtype, {1, p.B, p.H})};
  // 16-bit numbers are accumulated in f32. projSize = hiddenSize: no projection.
  const auto accumulate = p.dtype == Dtype::f64 ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
  check(call<cudnnSetRNNDescriptor_v8>(
      described.rnn.get(), way.algorithm, mode(p), bias_mode(p, way), CUDNN_UNIDIRECTIONAL,
      p.project_input ? CUDNN_LINEAR_INPUT : CUDNN_SKIP_INPUT, cudnn_type(p.dtype), accumulate,
      way.math, narrow(p.features()), narrow(p.H), narrow(p.H), 1, dropout,
      CUDNN_RNN_PADDED_IO_ENABLED));  // what the layout "unpacked" asks for
  return described;
}

std::vector<RnnPiece> rnn_pieces(const RecurrentProblem& p, const RnnPlaces& places) {
  const auto G = static_cast<std::size_t>(p.cell->gates);
  const auto H = static_cast<std::size_t>(p.H);
  const std::size_t width = element_bytes(p.dtype);
  const auto at = [](std::int64_t place, const char* what) {
    if (place < 0) throw std::runtime_error(std::string("cuDNN has no place for ") + what);
    return static_cast<std::size_t>(place);
  };
  std::vector<RnnPiece> pieces;
  for (std::size_t gate = 0; gate < G; ++gate) {
    const RnnPlace& input = places.at(gate);
    const RnnPlace& state = places.at(G + gate);
    if (p.project_input) {
      const std::size_t bytes = H * static_cast<std::size_t>(p.features()) * width;
      pieces.push_back({"Wx", gate * bytes, at(input.matrix, "Wx"), bytes});
    }
    const std::size_t bytes = H * H * width;
    pieces.push_back({"Wh", gate * bytes, at(state.matrix, "Wh"), bytes});
    // Both biases of a gate are added to the same sum, so either place will do, but for a gru's n:
    // there the input's stands outside of the reset product.
    const bool with_state = !p.project_input && p.cell != "gru" && state.bias >= 0;
    const std::int64_t bias =
        with_state || (p.cell != "gru" && input.bias < 0) ? state.bias : input.bias;
    pieces.push_back({"b", gate * H * width, at(bias, "b"), H * width});
  }
  if (p.cell == "gru") {  // the fourth bias, inside of the reset product
    pieces.push_back({"b", 3 * H * width, at(places.at(G + 2).bias, "b_m"), H * width});
  }
  return pieces;
}

}  // namespace gradepth::cudnn
