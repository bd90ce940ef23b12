#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "host/problem/kinds/common.h"
#include "host/problem/kinds/kind.h"
#include "host/text/decimal.h"
#include "kernels/activation/activation.h"
#include "kernels/named.h"

/// The parts of a problem's name. One table per kind writes a name and reads it back, so that the
/// two cannot drift apart:
///
///   recurrent/elman/tanh/f32/T64_B32_H128_recurrence_clip0.1
///   kind      words           details
///
/// Words stand between slashes, details between underscores, both in the order of the table.
namespace gradepth::kinds {

template <class P>
struct Part {
  std::string label = {};    // what a detail begins with: "T"; of a word, for messages: "cell"
  std::string allowed = {};  // what stands there, after the label, for messages; "": nothing
  bool required = false;
  /// What follows the label; none: the part does not stand in the name.
  std::function<std::optional<std::string>(const P&)> write = {};
  /// From that text back; false: it is none that is allowed. Knows what the parts before it said.
  std::function<bool(P&, std::string_view)> read = {};
  /// Whether the part has a place in the name, by the parts before it.
  std::function<bool(const P&)> applies = [](const P&) { return true; };

  [[nodiscard]] Part when(std::function<bool(const P&)> also) && {
    applies = [first = std::move(applies), also = std::move(also)](const P& p) {
      return first(p) && also(p);
    };
    return std::move(*this);
  }
  [[nodiscard]] Part needed() && {
    required = true;
    return std::move(*this);
  }
};

template <class P>
struct Parts {
  std::vector<Part<P>> words;
  std::vector<Part<P>> details;
};

/// A whole number of digits alone, from `least` to `most`; none for other text.
std::optional<std::int64_t> read_whole(std::string_view text, std::int64_t least,
                                       std::int64_t most);
/// A number that is one, or infinite.
std::optional<double> read_number(std::string_view text);

/// A word for each value of a field.
template <class P, class Value>
Part<P> choice(const char* what, Value P::*field,
               std::vector<std::pair<std::string, Value>> choices) {
  std::string allowed;
  for (const auto& [text, value] : choices) allowed += (allowed.empty() ? "one of " : ", ") + text;
  return {.label = what,
          .allowed = std::move(allowed),
          .required = true,
          .write = [field, choices](const P& p) -> std::optional<std::string> {
            for (const auto& [text, value] : choices) {
              if (p.*field == value) return text;
            }
            return "?";  // validate() refuses it
          },
          .read =
              [field, choices](P& p, std::string_view word) {
                for (const auto& [text, value] : choices) {
                  if (text != word) continue;
                  p.*field = value;
                  return true;
                }
                return false;
              }};
}

/// The same for an enum that is the place in a list of names.
template <class P, class Value, std::size_t n>
Part<P> value_word(const char* what, Value P::*field,
                   const std::array<std::string_view, n>& names) {
  std::vector<std::pair<std::string, Value>> choices;
  for (std::size_t i = 0; i < n; ++i) choices.emplace_back(names[i], static_cast<Value>(i));
  return choice(what, field, std::move(choices));
}

/// The same for an entry of a list.
template <class P, const auto& list>
Part<P> entry_word(const char* what, OneOf<list> P::*field) {
  std::vector<std::pair<std::string, OneOf<list>>> choices;
  for (const auto& entry : list) choices.emplace_back(entry.name, entry);
  return choice(what, field, std::move(choices));
}

template <class P>
Part<P> dtype_word() {
  std::vector<std::pair<std::string, Dtype>> choices;
  for (const Dtype dtype : all_dtypes) choices.emplace_back(name(dtype), dtype);
  return choice("dtype", &P::dtype, std::move(choices));
}

/// `T64`: always there.
template <class P>
Part<P> size_detail(const char* label, std::int64_t P::*field) {
  return {.label = label,
          .allowed = size_range,
          .required = true,
          .write = [field](const P& p) { return std::optional(std::to_string(p.*field)); },
          .read =
              [field](P& p, std::string_view text) {
                const auto value = read_whole(text, 1, max_size);
                if (value) p.*field = *value;
                return value.has_value();
              }};
}

/// `clip0.1`: there where `stands`; `when_read` keeps that it was read.
template <class P>
Part<P> number_detail(
    const char* label, double P::*field, bool (*stands)(const P&),
    void (*when_read)(P&) = [](P&) {}) {
  return {.label = label,
          .allowed = "a number",
          .write = [field, stands](const P& p) -> std::optional<std::string> {
            if (!stands(p)) return std::nullopt;
            return readable(p.*field);
          },
          .read =
              [field, when_read](P& p, std::string_view text) {
                const auto value = read_number(text);
                if (!value) return false;
                p.*field = *value;
                when_read(p);
                return true;
              }};
}

template <class P>
Part<P> clip_value_detail() {
  return number_detail<P>("clip", &P::clip_value, [](const P& p) { return p.clip_value > 0; });
}

/// `forward`: there where the field has this value in place of its default.
template <class P, class Value>
Part<P> mark(const char* label, Value P::*field, std::type_identity_t<Value> value) {
  return {.label = label,
          .write = [field, value](const P& p) -> std::optional<std::string> {
            return p.*field == value ? std::optional<std::string>("") : std::nullopt;
          },
          .read =
              [field, value](P& p, std::string_view text) {
                p.*field = value;
                return text.empty();
              },
          .applies = [field,
                      value](const P& p) { return p.*field == value || p.*field == P{}.*field; }};
}

/// Of nets. float64 has the exact slopes always, without saying so.
template <class P>
Part<P> slope_mark() {
  return mark("input-slope", &P::slope, SlopeFrom::input).when([](const P& p) {
    return p.dtype != Dtype::f64;
  });
}

/// A piece of a name in a message, one line: anything but plain characters as '?', what is too long
/// cut; `none` for nothing.
std::string shown(std::string_view text, const char* none = "the end");

/// Takes a name apart from left to right. What cannot be read is std::invalid_argument, in one
/// line.
class NameReader {
 public:
  explicit NameReader(std::string_view name) : name_(name), rest_(name) {}

  /// What stands before the next slash or the end; "" where there is nothing more.
  std::string_view take_word();
  /// The next detail, without its underscore; "" at the end.
  [[nodiscard]] std::string_view detail() const;
  /// What follows the label in the next detail, where that begins with it; of a bare one, where
  /// nothing but the label stands there.
  [[nodiscard]] std::optional<std::string_view> after(std::string_view label, bool bare) const;
  /// Goes on behind the label and what follows it.
  void take(std::string_view label, std::string_view value);

  /// `problem NAME: message`
  [[noreturn]] void refuse(const std::string& message) const;
  /// Unless the name ends here; `may_stand` are the details that could have followed.
  void expect_end(const std::vector<std::string>& may_stand) const;

 private:
  std::string_view name_;
  std::string_view rest_;
  std::string_view last_;  // what was taken last
};

template <class P>
std::string write_name(std::string_view kind, const Parts<P>& parts, const P& p) {
  std::string name(kind);
  for (const Part<P>& part : parts.words) {
    if (part.applies(p)) name += '/' + part.write(p).value_or("");
  }
  char separator = '/';
  for (const Part<P>& part : parts.details) {
    if (!part.applies(p)) continue;
    const std::optional<std::string> value = part.write(p);
    if (!value) continue;
    name += separator + part.label + *value;
    separator = '_';
  }
  return name;
}

/// What follows the kind.
template <class P>
P read_name(NameReader& reader, const Parts<P>& parts) {
  P p;
  for (const Part<P>& part : parts.words) {
    if (!part.applies(p)) continue;
    const std::string_view word = reader.take_word();
    if (!part.read(p, word)) {
      reader.refuse((word.empty() ? "no " + part.label : part.label + ' ' + shown(word)) + ": " +
                    part.allowed);
    }
  }
  std::vector<std::string> may_stand;
  for (const Part<P>& part : parts.details) {
    if (!part.applies(p)) continue;
    const std::string allowed = part.label + " and " + part.allowed;
    const std::optional<std::string_view> value = reader.after(part.label, part.allowed.empty());
    if (!value) {
      if (part.required) {
        reader.refuse(shown(reader.detail()) + " in place of " + part.label + ": " + allowed);
      }
      may_stand.push_back(part.label);
      continue;
    }
    if (!part.read(p, *value)) reader.refuse(shown(reader.detail()) + ": " + allowed);
    reader.take(part.label, *value);
    may_stand.clear();
  }
  reader.expect_end(may_stand);
  return p;
}

}  // namespace gradepth::kinds
