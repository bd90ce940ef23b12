#include "host/providers/cudnn/rnn/engine.h"

#include <stdexcept>

namespace gradepth::cudnn {
namespace {

/// No dropout: the descriptor needs a handle, but no memory for random states.
DropoutDescriptor make_no_dropout(cudnnHandle_t handle) {
  auto dropout = make<DropoutDescriptor>(call<cudnnCreateDropoutDescriptor>);
  check(call<cudnnSetDropoutDescriptor>(dropout.get(), handle, 0.F, nullptr, 0, 0));
  return dropout;
}

/// Bytes from `base` to a matrix or a bias of [rows, cols] that lies row by row; -1 if cuDNN has
/// none. std::runtime_error when it lies otherwise.
std::int64_t offset_of(const void* base, const void* address, cudnnTensorDescriptor_t descriptor,
                       std::int64_t rows, std::int64_t cols) {
  if (address == nullptr) return -1;
  cudnnDataType_t type{};
  int rank = 0;
  int extents[3] = {};
  int strides[3] = {};
  check(call<cudnnGetTensorNdDescriptor>(descriptor, 3, &type, &rank, extents, strides));
  // [1, rows, cols]; a stride over a single column means nothing.
  const bool shaped = rank == 3 && extents[0] == 1 && extents[1] == rows && extents[2] == cols;
  const bool by_rows = strides[1] == cols && (cols == 1 || strides[2] == 1);
  if (!shaped || !by_rows) throw std::runtime_error("cuDNN keeps weights in another layout");
  return static_cast<const std::byte*>(address) - static_cast<const std::byte*>(base);
}

}  // namespace

RnnEngine::RnnEngine(LibraryPtr library, const RecurrentProblem& problem, const RnnWay& way)
    : library_(std::move(library)),
      p_(problem),
      mode_(p_.pass == Pass::forward ? CUDNN_FWD_MODE_INFERENCE : CUDNN_FWD_MODE_TRAINING),
      dropout_(make_no_dropout(library_->dnn.get())),
      net_(describe_rnn(p_, way, dropout_.get())),
      sizes_([&] {
        if (way.algorithm == CUDNN_RNN_ALGO_PERSIST_DYNAMIC) {  // compiles kernels for this batch
          check(call<cudnnBuildRNNDynamic>(library_->dnn.get(), net_.rnn.get(), narrow(p_.B)));
        }
        return ask_sizes();
      }()),
      weights_(sizes_.weights),
      gradients_(p_.pass == Pass::forward ? 0 : sizes_.weights),
      workspace_(sizes_.workspace),
      reserve_(sizes_.reserve),
      pieces_(rnn_pieces(p_, find_places())) {}

RnnEngine::Sizes RnnEngine::ask_sizes() const {
  Sizes sizes;
  cudnnHandle_t handle = library_->dnn.get();
  check(call<cudnnGetRNNWeightSpaceSize>(handle, net_.rnn.get(), &sizes.weights));
  check(call<cudnnGetRNNTempSpaceSizes>(handle, net_.rnn.get(), mode_, net_.x.get(),
                                        &sizes.workspace, &sizes.reserve));
  return sizes;
}

RnnPlaces RnnEngine::find_places() const {
  const auto G = std::int32_t{p_.cell->gates};
  const std::int64_t inputs = p_.features();
  const auto matrix = make<TensorDescriptor>(call<cudnnCreateTensorDescriptor>);
  const auto bias = make<TensorDescriptor>(call<cudnnCreateTensorDescriptor>);
  RnnPlaces places;
  for (std::int32_t product = 0; product < 2 * G; ++product) {
    void* matrix_at = nullptr;
    void* bias_at = nullptr;
    check(call<cudnnGetRNNWeightParams>(library_->dnn.get(), net_.rnn.get(), 0, sizes_.weights,
                                        weights_.data(), product, matrix.get(), &matrix_at,
                                        bias.get(), &bias_at));
    const std::int64_t cols = product < G ? inputs : p_.H;
    places.push_back({offset_of(weights_.data(), matrix_at, matrix.get(), p_.H, cols),
                      offset_of(weights_.data(), bias_at, bias.get(), p_.H, 1)});
  }
  return places;
}

void RnnEngine::take_weights(const std::map<std::string, const void*>& ours) {
  auto* const stream = library_->stream();
  check(cudaMemsetAsync(weights_.data(), 0, sizes_.weights, stream));  // a second bias stays zero
  for (const RnnPiece& piece : pieces_) {
    check(cudaMemcpyAsync(weights_.data() + piece.cudnn,
                          static_cast<const std::byte*>(ours.at(piece.tensor)) + piece.ours,
                          piece.bytes, cudaMemcpyDeviceToDevice, stream));
  }
}

void RnnEngine::give_gradients(const std::map<std::string, void*>& ours) const {
  for (const RnnPiece& piece : pieces_) {
    check(cudaMemcpyAsync(static_cast<std::byte*>(ours.at(piece.tensor)) + piece.ours,
                          gradients_.data() + piece.cudnn, piece.bytes, cudaMemcpyDeviceToDevice,
                          library_->stream()));
  }
}

// The last states, hy and cy, are null: h_T is y's last step, and nobody asks for c_T.
void RnnEngine::forward(const RnnTensors& t) {
  check(call<cudnnRNNForward>(library_->dnn.get(), net_.rnn.get(), mode_, t.lengths, net_.x.get(),
                              t.x, net_.y.get(), t.y, net_.h.get(), t.h0, nullptr, net_.h.get(),
                              t.c0, nullptr, sizes_.weights, weights_.data(), sizes_.workspace,
                              workspace_.data(), sizes_.reserve, reserve_.data()));
}

// dhy is null, that is zero: the loss gradient on h_T is dy's last step.
void RnnEngine::backward_data(const RnnTensors& t) {
  check(call<cudnnRNNBackwardData_v8>(
      library_->dnn.get(), net_.rnn.get(), t.lengths, net_.y.get(), t.y, t.dy, net_.x.get(), t.dx,
      net_.h.get(), t.h0, nullptr, t.dh0, net_.h.get(), t.c0, t.dc, t.dc0, sizes_.weights,
      weights_.data(), sizes_.workspace, workspace_.data(), sizes_.reserve, reserve_.data()));
}

// cuDNN only adds to the gradients, so that zeroing them belongs to the step.
void RnnEngine::backward_weights(const RnnTensors& t) {
  check(cudaMemsetAsync(gradients_.data(), 0, sizes_.weights, library_->stream()));
  check(call<cudnnRNNBackwardWeights_v8>(
      library_->dnn.get(), net_.rnn.get(), CUDNN_WGRAD_MODE_ADD, t.lengths, net_.x.get(), t.x,
      net_.h.get(), t.h0, net_.y.get(), t.y, sizes_.weights, gradients_.data(), sizes_.workspace,
      workspace_.data(), sizes_.reserve, reserve_.data()));
}

}  // namespace gradepth::cudnn
