#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "host/draw/initialise.h"

/// One layer of a PyTorch RNN, LSTM or GRU, out of a file of its state_dict.
namespace gradepth::growth {

/// Which layer of which module to take.
struct LayerChoice {
  std::optional<std::string> module;  // `encoder.lstm`; none: the only one there is
  std::string layer = "0";            // `1`, `0_reverse`
  std::optional<std::string> inputs;  // file of what the layer was run on; none: no input
};

/// Reads `MODULE.weight_hh_lK` [G*H, H], `MODULE.bias_ih_lK` and `MODULE.bias_hh_lK` [G*H] (or no
/// biases); G tells the cell: RNN 1, GRU 3, LSTM 4. A cell's module (LSTMCell) has no `_lK`.
/// The gates' order is PyTorch's and ours; b = b_ih + b_hh, but for the GRU's n gate, which keeps
/// both: b_hh is inside the reset product. weight_ih [G*H, I] is read with `inputs`: a safetensors
/// or npz file whose tensor `x`, or its only one, is [T, B, I];
/// a reverse layer runs through it from the end, as in PyTorch.
///
/// In place of the two biases there may be the one of Equinox, `bias`, and a GRU's `bias_n`. A W of
/// more than 2^24 numbers is told to `say` before memory is taken for it.
///
/// std::invalid_argument, in one line that names --weights and the file, for what is not a
/// safetensors or npz file, holds no such layer, tensors of the layer's module that it does not
/// know, more than 2^27 numbers in one tensor, or numbers that are not finite.
std::shared_ptr<const RecurrentWeights> read_pytorch_layer(
    const std::string& path, const LayerChoice& choice,
    const std::function<void(const std::string&)>& say = [](const std::string&) {});

/// Whether a bias is other than 0.
bool has_bias(const RecurrentWeights& weights);

/// What rows call them: `rnn.safetensors-1a2b3c4d`, the file (its characters other than letters,
/// digits, dot, dash and underscore replaced, and shortened) and the checksum.
std::string label(const RecurrentWeights& weights);

/// CRC-32 of the numbers of Wh, b, and with inputs of Wx and x as float64, little endian, in
/// hexadecimal.
std::string checksum(const RecurrentWeights& weights);

}  // namespace gradepth::growth
