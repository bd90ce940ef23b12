#include "host/growth/pytorch.h"

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "host/weights_file.h"

namespace gradepth::growth {
namespace {

constexpr std::string_view recurrent = "weight_hh";

/// The names in quotes, but not too many.
template <class Names>
std::string listed(const Names& names) {
  constexpr std::size_t most = 6;
  std::string list;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (count++ < most) list += (list.empty() ? "" : ", ") + printable(name);
  }
  return count > most ? list + " and " + std::to_string(count - most) + " more" : list;
}

/// The file's names, those that look like a recurrent layer first.
std::vector<std::string> by_likeness(const WeightsFile::Entries& entries) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries) names.push_back(name);
  std::stable_partition(names.begin(), names.end(), [](const std::string& name) {
    return name.find(recurrent) != std::string::npos;
  });
  return names;
}

/// A layer's tensors are called `prefix + weight_hh + suffix` and so on.
struct LayerName {
  std::string prefix;
  std::string suffix;

  [[nodiscard]] std::string of(std::string_view parameter) const {
    return prefix + std::string(parameter) + suffix;
  }
  /// `encoder.lstm` of the prefix `encoder.lstm.`
  [[nodiscard]] std::string module() const {
    return prefix.ends_with('.') ? prefix.substr(0, prefix.size() - 1) : prefix;
  }
};

/// Every module of the file that has the layer.
std::vector<LayerName> layers(const WeightsFile::Entries& entries, const std::string& layer) {
  std::vector<std::string> suffixes{"_l" + layer};
  if (layer == "0") suffixes.emplace_back();  // of RNNCell, LSTMCell, GRUCell
  std::vector<LayerName> found;
  for (const auto& [name, entry] : entries) {
    for (const std::string& suffix : suffixes) {
      const std::string ending = std::string(recurrent) + suffix;
      if (!name.ends_with(ending)) continue;
      found.push_back({name.substr(0, name.size() - ending.size()), suffix});
    }
  }
  return found;
}

LayerName find_layer(const WeightsFile::Entries& entries, const LayerChoice& choice) {
  const std::vector<LayerName> found = layers(entries, choice.layer);
  const std::string wanted = std::string(recurrent) + "_l" + choice.layer;
  if (found.empty()) {
    const std::string names = listed(by_likeness(entries));
    throw std::invalid_argument("no " + printable(wanted) + " of any module in it; it has " +
                                (names.empty() ? "no tensors" : names));
  }
  std::set<std::string> modules;
  for (const LayerName& name : found) modules.insert(name.module());
  if (!choice.module && found.size() == 1) return found.front();
  if (!choice.module) {
    throw std::invalid_argument("several modules in it: give --module, one of " + listed(modules));
  }
  const auto match = std::find_if(found.begin(), found.end(), [&](const LayerName& name) {
    return name.module() == *choice.module || name.prefix == *choice.module;
  });
  if (match == found.end()) {
    throw std::invalid_argument("no module " + printable(*choice.module) + " with " +
                                printable(wanted) + "; --module is one of " + listed(modules));
  }
  return *match;
}

std::string shape_text(const Shape& shape) {
  std::string list;
  for (const std::int64_t n : shape) list += (list.empty() ? "" : ", ") + std::to_string(n);
  return '[' + list + ']';
}

[[noreturn]] void refuse_shape(const std::string& name, const Shape& shape,
                               const std::string& needed) {
  throw std::invalid_argument(printable(name) + " has the shape " + shape_text(shape) + "; " +
                              needed);
}

/// A tensor of finite numbers.
Tensor read_finite(WeightsFile& file, const std::string& name) {
  try {
    Tensor tensor = file.read(name);
    if (!std::all_of(tensor.data.begin(), tensor.data.end(),
                     [](double x) { return std::isfinite(x); })) {
      throw std::invalid_argument("it holds NaN or infinity");
    }
    return tensor;
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(printable(name) + ": " + error.what());
  }
}

/// b_ih or b_hh, [G*H].
Tensor read_bias(WeightsFile& file, const std::string& name, std::int64_t rows) {
  const Shape& shape = file.entries().at(name).shape;
  if (shape != Shape{rows}) refuse_shape(name, shape, "as a bias it must be " + shape_text({rows}));
  return read_finite(file, name);
}

/// Both biases as our one tensor, [biases*H].
Tensor joined(const std::string& cell, const Tensor& ih, const Tensor& hh, std::size_t H) {
  Tensor b = ih;
  const std::size_t inside =
      2 * H;  // gru: where the n gate starts, whose b_hh is a part of its own
  for (std::size_t i = 0; i < b.size(); ++i) {
    if (cell != "gru" || i < inside) b.data[i] += hh.data[i];
  }
  if (cell == "gru") {
    b.data.insert(b.data.end(), hh.data.begin() + static_cast<std::ptrdiff_t>(inside),
                  hh.data.end());
    b.shape = {static_cast<std::int64_t>(b.size())};
  }
  return b;
}

std::string cell_of(const std::string& name, const Shape& shape) {
  if (shape.size() == 2 && shape[1] > 0) {
    for (const char* cell : {"elman", "gru", "lstm"}) {
      if (shape[0] % shape[1] == 0 && shape[0] / shape[1] == gates(cell)) return cell;
    }
  }
  refuse_shape(name, shape, "it must be [G*H, H] with G = 1 (RNN), 3 (GRU) or 4 (LSTM)");
}

RecurrentWeights read_layer(WeightsFile& file, const LayerName& layer) {
  const WeightsFile::Entries& entries = file.entries();
  if (entries.contains(layer.of("weight_hr"))) {
    throw std::invalid_argument(printable(layer.of("weight_hr")) +
                                ": an LSTM with projections (proj_size) is not supported");
  }
  const std::string name = layer.of(recurrent);
  const Shape& shape = entries.at(name).shape;
  RecurrentWeights weights;
  weights.cell = cell_of(name, shape);
  weights.layer = as_utf8(name);
  const std::string ih = layer.of("bias_ih");
  const std::string hh = layer.of("bias_hh");
  if (entries.contains(ih) != entries.contains(hh)) {
    throw std::invalid_argument(printable(ih) + " and " + printable(hh) +
                                ": one is there without the other");
  }
  weights.Wh = read_finite(file, name);  // first: it bounds H by what is really there
  const std::int64_t H = shape[1];
  weights.b = Tensor(Shape{biases(weights.cell) * H});
  if (entries.contains(ih)) {
    weights.b = joined(weights.cell, read_bias(file, ih, shape[0]), read_bias(file, hh, shape[0]),
                       static_cast<std::size_t>(H));
  }
  return weights;
}

}  // namespace

std::shared_ptr<const RecurrentWeights> read_pytorch_layer(const std::string& path,
                                                           const LayerChoice& choice) {
  try {
    const std::unique_ptr<WeightsFile> file = open_weights_file(path);
    auto weights =
        std::make_shared<RecurrentWeights>(read_layer(*file, find_layer(file->entries(), choice)));
    weights->file = as_utf8(std::filesystem::path(path).filename().string());
    return weights;
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("--weights " + printable(path) + ": " + error.what());
  }
}

bool has_bias(const RecurrentWeights& weights) {
  return std::any_of(weights.b.data.begin(), weights.b.data.end(), [](double b) { return b != 0; });
}

std::string label(const RecurrentWeights& weights) {
  constexpr std::size_t longest = 32;
  std::string file = weights.file.substr(0, longest);
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  std::replace_if(
      file.begin(), file.end(), [&](char c) { return plain.find(c) == plain.npos; }, '_');
  return file + '-' + checksum(weights);
}

std::string checksum(const RecurrentWeights& weights) {
  boost::crc_32_type crc;
  for (const Tensor* tensor : {&weights.Wh, &weights.b}) {
    crc.process_bytes(tensor->data.data(), tensor->size() * sizeof(double));
  }
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", static_cast<unsigned>(crc.checksum()));
  return text.data();
}

}  // namespace gradepth::growth
