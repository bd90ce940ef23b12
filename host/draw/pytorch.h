#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "host/draw/initialise.h"

/// One layer of a PyTorch RNN, LSTM or GRU, out of a file of its state_dict.
namespace gradepth::growth {

/// Which layer of which module to take.
struct LayerChoice {
  std::optional<std::string> module;  // `encoder.lstm`; none: the only one there is
  std::string layer = "0";            // `1`, `0_reverse`
  bool takes_inputs = false;          // its weight_ih [G*H, I] is read as well
};

/// Reads `MODULE.weight_hh_lK` [G*H, H], `MODULE.bias_ih_lK` and `MODULE.bias_hh_lK` [G*H] (or no
/// biases); G tells the cell: RNN 1, GRU 3, LSTM 4. A cell's module (LSTMCell) has no `_lK`.
/// The gates' order is PyTorch's and ours; b = b_ih + b_hh, but for the GRU's n gate, which keeps
/// both: b_hh is inside the reset product.
///
/// In place of the two biases there may be the one of Equinox, `bias`, and a GRU's `bias_n`. A W of
/// more than 2^24 numbers is told to `say` before memory is taken for it.
///
/// std::invalid_argument, in one line that leaves the file's name to the caller, for what is not a
/// safetensors or npz file, holds no such layer, tensors of the layer's module that it does not
/// know, more than 2^27 numbers in one tensor, or numbers that are not finite.
RecurrentWeights read_pytorch_layer(const std::string& path, const LayerChoice& choice,
                                    const std::function<void(const std::string&)>& say = {});

/// Gives a layer that takes inputs what it was run on: tensor `x` [T, B, I] of a safetensors or npz
/// file, or its only one. A reverse layer goes through it `from_the_end`, as in PyTorch. Errors as
/// above.
void read_layer_inputs(RecurrentWeights& weights, const std::string& path, bool from_the_end,
                       const std::function<void(const std::string&)>& say = {});

/// Whether a bias is other than 0.
bool has_bias(const RecurrentWeights& weights);

/// What rows call them: `rnn.safetensors-1a2b3c4d`, the file (its characters other than letters,
/// digits, dot, dash and underscore replaced, and shortened) and the checksum.
std::string label(const RecurrentWeights& weights);

/// CRC-32 of the numbers of Wh, b, and with inputs of Wx and x as float64, little endian, in
/// hexadecimal.
std::string checksum(const RecurrentWeights& weights);

}  // namespace gradepth::growth
