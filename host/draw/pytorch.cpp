#include "host/draw/pytorch.h"

#include <algorithm>
#include <array>
#include <boost/crc.hpp>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <regex>
#include <set>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "host/draw/weights_file.h"
#include "host/text/not_finite.h"

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

/// Whose names these are, and how to convert them; empty for nobody's.
std::string library_of(const WeightsFile::Entries& entries) {
  struct Library {
    const char* pattern;
    const char* says;
  };
  constexpr std::array<Library, 4> libraries{{{"(.*[./])?recurrent_kernel(:0)?",
                                               "Keras: weight_hh is recurrent_kernel transposed, "
                                               "an LSTM's gates i, f, c, o in that order, "
                                               "a GRU's z, r, h as r, z, h"},
                                              {"(.*[./])?h[ifgornz][./]kernel",
                                               "Flax: weight_hh has the kernels of the gates, each "
                                               "transposed, one below the other: hi, hf, "
                                               "hg, ho of an LSTM, hr, hz, hn of a GRU"},
                                              {"(.*[./])?linear[./]w",
                                               "Haiku: weight_hh is the last H rows of w, "
                                               "transposed, an LSTM's gates i, g, f, o as i, f, g, "
                                               "o"},
                                              {"(onnx::(RNN|LSTM|GRU)_[0-9]+|R)",
                                               "ONNX: weight_hh is R[0], an LSTM's gates i, o, f, "
                                               "c as i, f, c, o, a GRU's z, r, h as r, z, "
                                               "h"}}};
  for (const Library& library : libraries) {
    const std::regex pattern(library.pattern);
    for (const auto& [name, entry] : entries) {
      constexpr std::size_t longest = 200;  // the matcher recurses once per character
      if (name.size() <= longest && std::regex_match(name, pattern)) {
        return printable(name) + " is a name of " + library.says + "; ";
      }
    }
  }
  return {};
}

LayerName find_layer(const WeightsFile::Entries& entries, const LayerChoice& choice) {
  const std::vector<LayerName> found = layers(entries, choice.layer);
  const std::string wanted = std::string(recurrent) + "_l" + choice.layer;
  if (found.empty()) {
    const std::string names = listed(by_likeness(entries));
    throw std::invalid_argument("no " + printable(wanted) + " of any module in it; " +
                                library_of(entries) + "it has " +
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
    if (!all_finite(tensor.data)) throw std::invalid_argument("it holds NaN or infinity");
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
Tensor joined(RecurrentCell cell, const Tensor& ih, const Tensor& hh, std::size_t H) {
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

RecurrentCell cell_of(const std::string& name, const Shape& shape) {
  if (shape.size() == 2 && shape[1] > 0) {
    for (const RecurrentCell cell : std::initializer_list<RecurrentCell>{"elman", "gru", "lstm"}) {
      if (shape[0] % shape[1] == 0 && shape[0] / shape[1] == cell->gates) return cell;
    }
  }
  refuse_shape(name, shape, "it must be [G*H, H] with G = 1 (RNN), 3 (GRU) or 4 (LSTM)");
}

/// Whether `rest` of a name behind `weight_hh` says another layer than `suffix` does.
bool is_other_layer(std::string_view rest, std::string_view suffix) {
  return rest == "_reverse" || (suffix.empty() && rest.starts_with("_l"));
}

/// What weight drop and weight norm train in place of the weights that are used, `weight_hh_l0_raw`
/// or `parametrizations.weight_hh_l0.original0`, in this module or in one around it.
bool is_in_place_of_weights(std::string_view name, const LayerName& layer) {
  const std::string used = std::string(recurrent) + layer.suffix;
  const std::size_t at = name.find(used);
  if (at == std::string_view::npos) return false;
  const std::string_view rest = name.substr(at + used.size());
  std::string_view before = name.substr(0, at);
  constexpr std::string_view parametrised = "parametrizations.";
  if (before.ends_with(parametrised)) before.remove_suffix(parametrised.size());
  return layer.prefix.starts_with(before) && (rest.starts_with('_') || rest.starts_with('.')) &&
         !is_other_layer(rest, layer.suffix);
}

/// Whether it is a tensor of the layer's module, and none of those that a layer has. Beside a layer
/// without a module there may be anything else.
bool is_unknown_parameter(std::string_view name, const LayerName& layer) {
  if (!name.starts_with(layer.prefix)) return false;
  const std::string_view own = name.substr(layer.prefix.size());
  const bool of_module_inside = own.find('.') != std::string_view::npos;
  if (of_module_inside) return !layer.prefix.empty();
  if (!own.ends_with(layer.suffix)) return false;
  const std::string_view parameter = own.substr(0, own.size() - layer.suffix.size());
  constexpr std::array<std::string_view, 6> known{"weight_ih", "weight_hh", "bias_ih",
                                                  "bias_hh",   "bias",      "bias_n"};
  if (std::find(known.begin(), known.end(), parameter) != known.end()) return false;
  const bool looks_like_one = parameter.starts_with("weight") || parameter.starts_with("bias");
  if (layer.suffix.empty() && own.find("_l") != std::string_view::npos) return false;
  return looks_like_one || !layer.prefix.empty();
}

void refuse_left_over(const WeightsFile::Entries& entries, const LayerName& layer) {
  for (const auto& [name, entry] : entries) {
    if (!is_in_place_of_weights(name, layer) && !is_unknown_parameter(name, layer)) continue;
    throw std::invalid_argument(printable(name) + " belongs to " + printable(layer.of(recurrent)) +
                                " and is none of weight_ih, weight_hh, bias_ih, bias_hh; save the "
                                "layer's plain weights, as "
                                "the net uses them");
  }
}

/// The bias [biases*H]: PyTorch's two, or the one of Equinox (and a GRU's bias_n, which stands
/// inside the reset product); 0 without.
Tensor read_biases(WeightsFile& file, const LayerName& layer, RecurrentCell cell, std::int64_t rows,
                   std::int64_t H) {
  const WeightsFile::Entries& entries = file.entries();
  const std::string ih = layer.of("bias_ih");
  const std::string hh = layer.of("bias_hh");
  const std::string one = layer.of("bias");
  const std::string inside = layer.of("bias_n");
  if (entries.contains(ih) != entries.contains(hh)) {
    throw std::invalid_argument(printable(ih) + " and " + printable(hh) +
                                ": one is there without the other");
  }
  const bool two = entries.contains(ih);
  const bool equinox = entries.contains(one);
  if (two && equinox) {
    throw std::invalid_argument(printable(one) + " beside " + printable(ih) +
                                ": one bias or two, not three");
  }
  if (entries.contains(inside) && (!equinox || cell != "gru")) {
    throw std::invalid_argument(printable(inside) + ": only of a GRU, beside " + printable(one));
  }
  if (two) {
    return joined(cell, read_bias(file, ih, rows), read_bias(file, hh, rows),
                  static_cast<std::size_t>(H));
  }
  Tensor b(Shape{cell->biases * H});
  if (!equinox) return b;
  const Tensor given = read_bias(file, one, rows);
  std::copy(given.data.begin(), given.data.end(), b.data.begin());
  if (entries.contains(inside)) {
    const Tensor n = read_bias(file, inside, H);
    std::copy(n.data.begin(), n.data.end(), b.data.begin() + static_cast<std::ptrdiff_t>(rows));
  }
  return b;
}

using Say = std::function<void(const std::string&)>;

/// Says what a large W will take, and refuses one that is too large.
void check_size(const std::string& name, const Shape& shape, const Say& say) {
  constexpr std::int64_t large = std::int64_t{1} << 24;
  constexpr std::int64_t most = std::int64_t{1} << 27;
  const std::int64_t count = checked_count(shape);
  if (count <= large) return;
  const std::string size = printable(name) + ' ' + shape_text(shape) + " takes " +
                           std::to_string(count / 125'000) + " MB as float64";
  if (count > most) throw std::invalid_argument(size + "; at most 1073 MB are read");
  if (say) say(size);
}

RecurrentWeights read_layer(WeightsFile& file, const LayerName& layer, const Say& say) {
  const WeightsFile::Entries& entries = file.entries();
  if (entries.contains(layer.of("weight_hr"))) {
    throw std::invalid_argument(printable(layer.of("weight_hr")) +
                                ": an LSTM with projections (proj_size) is not supported");
  }
  refuse_left_over(entries, layer);
  const std::string name = layer.of(recurrent);
  const Shape& shape = entries.at(name).shape;
  RecurrentWeights weights;
  weights.cell = cell_of(name, shape);
  weights.layer = as_utf8(name);
  check_size(name, shape, say);
  weights.Wh = read_finite(file, name);  // first: it bounds H by what is really there
  weights.b = read_biases(file, layer, weights.cell, shape[0], shape[1]);
  return weights;
}

/// weight_ih [G*H, I].
Tensor read_input_weights(WeightsFile& file, const LayerName& layer, std::int64_t rows,
                          const Say& say) {
  const std::string name = layer.of("weight_ih");
  const auto entry = file.entries().find(name);
  if (entry == file.entries().end()) {
    throw std::invalid_argument("no " + printable(name) + " in it, which inputs need");
  }
  const Shape& shape = entry->second.shape;
  if (shape.size() != 2 || shape[0] != rows || shape[1] < 1) {
    refuse_shape(name, shape, "it must be [" + std::to_string(rows) + ", I]");
  }
  check_size(name, shape, say);
  return read_finite(file, name);
}

}  // namespace

RecurrentWeights read_pytorch_layer(const std::string& path, const LayerChoice& choice,
                                    const Say& say) {
  const std::unique_ptr<WeightsFile> file = open_weights_file(path);
  const LayerName layer = find_layer(file->entries(), choice);
  RecurrentWeights weights = read_layer(*file, layer, say);
  weights.file = as_utf8(std::filesystem::path(path).filename().string());
  if (choice.takes_inputs) {
    weights.Wx = read_input_weights(*file, layer, weights.Wh.shape[0], say);
  }
  return weights;
}

void read_layer_inputs(RecurrentWeights& weights, const std::string& path, bool from_the_end,
                       const Say& say) {
  const std::unique_ptr<WeightsFile> file = open_weights_file(path);
  const WeightsFile::Entries& entries = file->entries();
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries) names.push_back(name);
  if (names.size() != 1 && !entries.contains("x")) {
    throw std::invalid_argument("a tensor x [T, B, I], or one tensor alone, is needed; it has " +
                                (names.empty() ? "none" : listed(names)));
  }
  const std::string name = names.size() == 1 ? names[0] : "x";
  const Shape shape = entries.at(name).shape;
  const bool fits =
      shape.size() == 3 && shape[0] > 0 && shape[1] > 0 && shape[2] == weights.Wx.shape[1];
  if (!fits) {
    refuse_shape(name, shape,
                 "steps, samples and the layer's inputs are needed, [T, B, " +
                     std::to_string(weights.Wx.shape[1]) + "]");
  }
  check_size(name, shape, say);
  weights.x = read_finite(*file, name);
  if (from_the_end) {  // a bidirectional net's way back begins with the last step
    const auto step = static_cast<std::ptrdiff_t>(weights.x.stride());
    auto& data = weights.x.data;
    for (auto first = data.begin(), last = data.end() - step; first < last;
         first += step, last -= step) {
      std::swap_ranges(first, first + step, last);
    }
  }
  weights.inputs_file = as_utf8(std::filesystem::path(path).filename().string());
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
  for (const Tensor* tensor : {&weights.Wh, &weights.b, &weights.Wx, &weights.x}) {
    crc.process_bytes(tensor->data.data(), tensor->size() * sizeof(double));
  }
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", static_cast<unsigned>(crc.checksum()));
  return text.data();
}

}  // namespace gradepth::growth
