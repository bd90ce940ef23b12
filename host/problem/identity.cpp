#include "host/problem/identity.h"

#include <algorithm>
#include <boost/crc.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>

#include "host/problem/overloaded.h"
#include "host/text/decimal.h"

namespace gradepth {
namespace {

std::string hexadecimal(const boost::crc_32_type& crc) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", static_cast<unsigned>(crc.checksum()));
  return text.data();
}

template <class T>
void process(boost::crc_32_type& crc, const std::vector<T>& values) {
  crc.process_bytes(values.data(), values.size() * sizeof(T));
}

std::string name_of(WeightInit::Kind kind) {
  constexpr std::array names{"gaussian", "orthogonal", "identity", "constant", "xavier",
                             "he",       "saxe",       "np",       "file"};
  return names.at(static_cast<std::size_t>(kind));
}

std::vector<std::pair<std::string, std::string>> pairs(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> all;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    const std::size_t equals = std::min(word.find('='), word.size());
    all.emplace_back(word.substr(0, equals), word.substr(std::min(equals + 1, word.size())));
    begin = end + 1;
  }
  return all;
}

IdentityText identity_of(const ActivationProblem& problem) {
  const auto& [act, rows, cols, pass, bias_gradient, count_saturated, slope, dtype] = problem;
  return IdentityText().add_all(std::array{"act", "rows", "cols", "pass", "bias_gradient",
                                           "count_saturated", "slope", "dtype"},
                                act, rows, cols, pass, bias_gradient, count_saturated, slope,
                                dtype);
}

IdentityText identity_of(const ClipProblem& problem) {
  const auto& [mode, sizes, units, threshold, sgd, lr, momentum, route, dtype] = problem;
  return IdentityText().add_all(
      std::array{"mode", "sizes", "units", "threshold", "sgd", "lr", "momentum", "route", "dtype"},
      mode, sizes, units, threshold, sgd, lr, momentum, route, dtype);
}

IdentityText identity_of(const RecurrentProblem& problem) {
  const auto& [cell, act, T, B, H, pass, project_input, I, share, record, norms, clip_value, form,
               slope, dtype] = problem;
  return IdentityText().add_all(
      std::array{"cell", "act", "T", "B", "H", "pass", "project_input", "I", "share", "record",
                 "norms", "clip_value", "form", "slope", "dtype"},
      cell, act, T, B, H, pass, project_input, I, share, record, norms, clip_value, form, slope,
      dtype);
}

IdentityText identity_of(const FeedForwardProblem& problem) {
  const auto& [net, act, L, B, N, pass, residual, residual_scale, share, record, clip_value, slope,
               dtype] = problem;
  IdentityText text = IdentityText().add_all(
      std::array{"net", "act", "L", "B", "N", "pass", "residual", "residual_scale", "record",
                 "clip_value", "slope", "dtype"},
      net, act, L, B, N, pass, residual, residual_scale, record, clip_value, slope, dtype);
  if (share) text.add("share", share);  // younger than rows that exist
  return text;
}

}  // namespace

std::string exact(double x) {
  return shortest(x + 0.0);  // -0 is 0
}

IdentityText& IdentityText::add(std::string_view key, std::string_view value) {
  if (!text_.empty()) text_ += ' ';
  text_ += key;
  text_ += '=';
  for (const char c : value) {
    if (c == ' ') {
      text_ += "%20";
    } else if (c == '=') {
      text_ += "%3d";
    } else if (c == '%') {
      text_ += "%25";
    } else {
      text_ += c;
    }
  }
  return *this;
}

IdentityText& IdentityText::add(std::string_view key, Pass value) {
  return add(key, value == Pass::forward ? "forward" : "training");
}

IdentityText& IdentityText::add(std::string_view key, ActivationPass value) {
  return add(key, value == ActivationPass::forward ? "forward" : "backward");
}

IdentityText& IdentityText::add(std::string_view key, const WeightInit& value) {
  const auto& [kind, scale, matrix] = value;
  const std::string file = matrix.size() > 0 ? ':' + checksum(matrix) : "";
  return add(key, name_of(kind) + file).add(std::string(key) + "_scale", scale);
}

IdentityText& IdentityText::add(std::string_view key, const ValueInit& value) {
  const auto& [kind, scale] = value;
  constexpr std::array names{"constant", "gaussian", "radius"};
  return add(key, names.at(static_cast<std::size_t>(kind)) + (':' + exact(scale)));
}

IdentityText& IdentityText::add(std::string_view key, Initialisation::Input value) {
  constexpr std::array names{"zero", "gaussian", "impulse"};
  return add(key, names.at(static_cast<std::size_t>(value)));
}

IdentityText& IdentityText::add(std::string_view key, Initialisation::LossGradient value) {
  constexpr std::array names{"sphere", "ones"};
  return add(key, names.at(static_cast<std::size_t>(value)));
}

IdentityText& IdentityText::add(std::string_view key, Initialisation::LossOn value) {
  constexpr std::array names{"h", "c", "both"};
  return add(key, names.at(static_cast<std::size_t>(value)));
}

IdentityText& IdentityText::add(std::string_view key, const RecurrentWeights* value) {
  if (value == nullptr) return add(key, "none");
  // What the numbers are called, in which file, changes no result.
  [[maybe_unused]] const auto& [cell, Wh, b, file, layer, Wx, x, inputs_file] = *value;
  std::string text(cell.name());
  text += ':' + checksum(Wh) + ':' + checksum(b);
  if (value->has_inputs()) text += ':' + checksum(Wx) + ':' + checksum(x);
  return add(key, text);
}

IdentityText& IdentityText::add(std::string_view key, const std::vector<std::int64_t>& value) {
  boost::crc_32_type crc;
  process(crc, value);
  return add(key, std::to_string(value.size()) + ':' + hexadecimal(crc));
}

IdentityText& IdentityText::add(const IdentityText& other) {
  if (!text_.empty() && !other.text_.empty()) text_ += ' ';
  text_ += other.text_;
  return *this;
}

IdentityText IdentityText::in_order(const std::vector<std::string>& order) const {
  auto all = pairs(text_);
  const auto place = [&](const auto& pair) {
    return std::find(order.begin(), order.end(), pair.first) - order.begin();
  };
  std::stable_sort(all.begin(), all.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
  IdentityText sorted;
  for (const auto& [key, value] : all) {
    if (!sorted.text_.empty()) sorted.text_ += ' ';
    sorted.text_ += key;
    sorted.text_ += '=';
    sorted.text_ += value;
  }
  return sorted;
}

std::vector<std::string> IdentityText::keys() const {
  std::vector<std::string> keys;
  for (auto& [key, value] : pairs(text_)) keys.push_back(key);
  return keys;
}

IdentityText identity(const Problem& problem) {
  IdentityText kind_first;
  kind_first.add("problem", kind(problem));
  return kind_first.add(std::visit([](const auto& p) { return identity_of(p); }, problem));
}

IdentityText identity(const Initialisation& init) {
  const auto& [W, weights, density, sparsity, bias, forget_bias, chrono, h0, c0, input, input_scale,
               input_until, loss, loss_on, loss_scale] = init;
  IdentityText text;
  text.add_all(std::array{"init", "weights", "density", "bias", "forget_bias", "h0", "c0", "input",
                          "input_scale", "loss_gradient", "loss_on", "loss_scale"},
               W, weights.get(), density, bias, forget_bias, h0, c0, input, input_scale, loss,
               loss_on, loss_scale);
  // Younger than rows that exist:
  if (sparsity != Sparsity::independent) text.add("sparsity", name(sparsity));
  if (chrono != 0) text.add("chrono", chrono);
  if (input_until) text.add("input_until", *input_until);
  return text;
}

IdentityText identity(const Context& context) {
  [[maybe_unused]] const auto& [threads, schedule, flush_subnormals, math, variant] = context;
  return IdentityText().add_all(std::array{"schedule", "flush_subnormals", "math", "variant"},
                                schedule, flush_subnormals, math, variant);
}

std::string checksum(const Tensor& tensor) {
  boost::crc_32_type crc;
  process(crc, tensor.shape);
  process(crc, tensor.data);
  return hexadecimal(crc);
}

std::string checksum_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return "none";
  boost::crc_32_type crc;
  std::array<char, 1 << 16> block;
  do {
    file.read(block.data(), block.size());
    crc.process_bytes(block.data(), static_cast<std::size_t>(file.gcount()));
  } while (file);
  return hexadecimal(crc);
}

std::string difference(std::string_view first, std::string_view second,
                       const std::vector<std::string>& without) {
  const auto others = pairs(second);
  const auto value_of = [](const auto& all, const std::string& key) -> std::string {
    const auto same_key = [&](const auto& pair) { return pair.first == key; };
    const auto found = std::find_if(all.begin(), all.end(), same_key);
    return found == all.end() ? "none" : found->second;
  };
  std::string text;
  int said = 0;
  const auto compare = [&](const std::string& key, const std::string& own,
                           const std::string& other) {
    if (own == other || std::find(without.begin(), without.end(), key) != without.end()) return;
    if (++said > 3) return;
    text += (text.empty() ? "" : ", ") + key + '=' + own + " (not " + other + ')';
  };
  const auto own = pairs(first);
  for (const auto& [key, value] : own) compare(key, value, value_of(others, key));
  for (const auto& [key, value] : others) {
    if (value_of(own, key) == "none") compare(key, "none", value);
  }
  return text;
}

}  // namespace gradepth
