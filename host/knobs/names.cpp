#include "host/knobs/names.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <stdexcept>
#include <utility>

#include "kernels/activation/activation.h"

namespace gradepth {
namespace {

/// What two spellings of a name have in common.
std::string fold(std::string_view text) {
  std::string folded;
  for (const char c : text) {
    if (c == '-' || c == '_' || c == ' ') continue;
    folded += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return folded;
}

std::string_view before_colon(std::string_view text) { return text.substr(0, text.find(':')); }
bool has_colon(std::string_view text) { return text.find(':') != std::string_view::npos; }

/// Characters to insert, leave out, replace or exchange with their neighbour to come from a to b
/// (optimal string alignment).
std::size_t slips(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool exchanged = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (exchanged) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string> nearest(std::string_view text, std::span<const std::string> candidates) {
  constexpr std::size_t shortest = 2;  // of a text that can be told from another
  const std::string word = fold(before_colon(text));
  if (word.size() < shortest) return std::nullopt;
  const std::size_t most = std::max<std::size_t>(1, word.size() / 3);
  std::size_t least = std::numeric_limits<std::size_t>::max();
  std::optional<std::string> best;
  std::optional<std::string> begun;
  int beginnings = 0;
  for (const std::string& candidate : candidates) {
    if (candidate == text) continue;
    const std::string known = fold(before_colon(candidate));
    const std::size_t distance = slips(word, known);
    if (distance <= most && distance < known.size() && distance < least) {
      least = distance;
      best = candidate;
    }
    if (known.starts_with(word)) {
      begun = candidate;
      ++beginnings;
    }
  }
  return best ? best : beginnings == 1 ? begun : std::nullopt;
}

std::string did_you_mean(std::string_view text, std::span<const std::string> candidates) {
  const auto near = nearest(text, candidates);
  return near ? "; did you mean " + *near + '?' : std::string();
}

Names::Names(std::vector<std::string> names, std::vector<Alias> aliases)
    : names_(std::move(names)), aliases_(std::move(aliases)) {}

std::optional<std::string> Names::find(std::string_view text) const {
  for (const Alias& alias : aliases_) {
    if (fold(alias.text) == fold(text)) return std::string(alias.name);
  }
  for (const std::string& name : names_) {
    const std::string_view kind = before_colon(name);
    if (has_colon(name) != has_colon(text) || fold(kind) != fold(before_colon(text))) continue;
    return std::string(kind) + std::string(text.substr(before_colon(text).size()));
  }
  return std::nullopt;
}

std::string Names::canonical(std::string_view flag, std::string_view text) const {
  if (auto name = find(text)) return *std::move(name);
  std::string reason = std::string(flag) + ' ' + std::string(text) + ": ";
  for (std::size_t i = 0; i < names_.size(); ++i) reason += (i == 0 ? "one of " : ", ") + names_[i];
  std::vector<std::string> known = names_;
  for (const Alias& alias : aliases_) known.emplace_back(alias.text);
  throw std::invalid_argument(reason + did_you_mean(text, known));
}

std::string Names::list() const {
  std::string text;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == names_.size() ? " or " : ", ") + names_[i];
  }
  return text;
}

// Not `float`, which is f32 in PyTorch and f64 in NumPy.
const Names& dtype_names() {
  static const Names names({"f64", "f32", "f16", "bf16"}, {{"float64", "f64"},
                                                           {"fp64", "f64"},
                                                           {"double", "f64"},
                                                           {"float32", "f32"},
                                                           {"fp32", "f32"},
                                                           {"single", "f32"},
                                                           {"float16", "f16"},
                                                           {"fp16", "f16"},
                                                           {"half", "f16"},
                                                           {"bfloat16", "bf16"}});
  return names;
}

const Names& activation_flag_names() {
  static const Names names(all_names(all_activations), {{"linear", "identity"},
                                                        {"logistic", "sigmoid"},
                                                        {"swish", "silu"},
                                                        {"lrelu", "leaky_relu"},
                                                        {"gelu_new", "gelu_tanh"},
                                                        {"gelu_approximate", "gelu_tanh"},
                                                        {"gelu_pytorch_tanh", "gelu_tanh"}});
  return names;
}

const Names& slope_names() {
  static const Names names({"output", "input"});
  return names;
}

}  // namespace gradepth
