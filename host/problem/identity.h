#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "host/draw/initialise.h"
#include "host/problem/dtype.h"
#include "host/problem/problem.h"
#include "host/providers/provider.h"

/// The identity of a result: one canonical text of every setting that decides it. Two results of
/// one identity answer the same question, so that one may stand for the other.
///
/// A study's settings are knobs (host/knobs/knob.h), and their identity comes from the table. Each
/// other struct of settings has one function here that takes the struct apart with a structured
/// binding: a new field does not compile until it has a name there, and the keys are as many as the
/// values. tests/problem/identity_test.cpp changes each field in turn.
namespace gradepth {

/// Shortest text that reads back as the same number.
std::string exact(double x);

/// `key=value key=value …` in the order in which they are added. Numbers are exact; spaces, '=' and
/// '%' in text are written as %20, %3d and %25.
class IdentityText {
 public:
  IdentityText& add(std::string_view key, std::string_view value);
  IdentityText& add(std::string_view key, const char* value) {
    return add(key, std::string_view(value));
  }
  IdentityText& add(std::string_view key, const std::string& value) {
    return add(key, std::string_view(value));
  }
  IdentityText& add(std::string_view key, double value) { return add(key, exact(value)); }
  IdentityText& add(std::string_view key, bool value) { return add(key, value ? "on" : "off"); }
  IdentityText& add(std::string_view key, std::integral auto value) {
    return add(key, std::to_string(value));
  }
  /// An enum whose values have names.
  template <class Value>
  requires std::is_enum_v<Value> && requires(Value value) { name(value); }
  IdentityText& add(std::string_view key, Value value) { return add(key, name(value)); }
  /// An entry of a list, or what is known by its name otherwise.
  template <class Value>
  requires requires(const Value& value) {
    { value.name() } -> std::same_as<std::string_view>;
  }
  IdentityText& add(std::string_view key, const Value& value) { return add(key, value.name()); }
  IdentityText& add(std::string_view key, Pass value);
  IdentityText& add(std::string_view key, ActivationPass value);
  IdentityText& add(std::string_view key, const WeightInit& value);
  IdentityText& add(std::string_view key, const ValueInit& value);
  IdentityText& add(std::string_view key, AdditiveForm value) { return add(key, value.name()); }
  IdentityText& add(std::string_view key, Initialisation::Input value);
  IdentityText& add(std::string_view key, Initialisation::LossGradient value);
  IdentityText& add(std::string_view key, Initialisation::LossOn value);
  IdentityText& add(std::string_view key, const RecurrentWeights* value);
  IdentityText& add(std::string_view key, const std::vector<std::int64_t>& value);
  template <class T>
  IdentityText& add(std::string_view key, const std::optional<T>& value) {
    return value ? add(key, *value) : add(key, "none");
  }
  /// All of another identity.
  IdentityText& add(const IdentityText& other);
  /// As many keys as values.
  template <std::size_t n, class... Values>
  IdentityText& add_all(const std::array<const char*, n>& keys, const Values&... values) {
    static_assert(n == sizeof...(values), "a field without a key, or a key without a field");
    std::size_t i = 0;
    (add(keys[i++], values), ...);
    return *this;
  }

  /// The same, keys of `order` first, as there.
  [[nodiscard]] IdentityText in_order(const std::vector<std::string>& order) const;

  [[nodiscard]] std::vector<std::string> keys() const;
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

IdentityText identity(const Problem& problem);
IdentityText identity(const Initialisation& init);
/// What the providers were made with, but for the number of threads, on which no result depends.
IdentityText identity(const Context& context);

/// CRC-32 in hexadecimal: of a tensor's shape and numbers; of a file, "none" if it cannot be read.
std::string checksum(const Tensor& tensor);
std::string checksum_of_file(const std::string& path);

/// What sets two identities apart, for a message: `seed=1 (not 2), width=64 (not 32)`, at most
/// three keys; values of `first` come first. Keys among `without` do not count. Empty if nothing
/// does.
std::string difference(std::string_view first, std::string_view second,
                       const std::vector<std::string>& without = {});

}  // namespace gradepth
