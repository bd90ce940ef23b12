#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "host/knobs/knob.h"
#include "host/text/decimal.h"

/// Knobs that are one field of their struct: what its type says needs not be said again.
namespace gradepth {
namespace knobs {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// An entry of a list, or what is one otherwise: known by its name.
template <class Field>
concept Named = requires(const Field& field, std::string_view text) {
  { field.name() } -> std::convertible_to<std::string_view>;
  { *Field::find(text) } -> std::convertible_to<Field>;
};

template <class Field>
constexpr Takes takes() {
  if constexpr (is_optional<Field>) {
    return takes<typename Field::value_type>();
  } else if constexpr (std::same_as<Field, bool>) {
    return Takes::nothing;
  } else if constexpr (std::floating_point<Field>) {
    return Takes::number;
  } else if constexpr (std::unsigned_integral<Field>) {
    return Takes::natural;
  } else if constexpr (std::integral<Field>) {
    return Takes::whole;
  } else {
    return Takes::text;
  }
}

/// An enum's values are the numbers of its names.
template <class Field>
void read(Field& field, const std::string& text, const std::optional<Names>& names) {
  if constexpr (is_optional<Field>) {
    read(field.emplace(), text, names);
  } else if constexpr (std::same_as<Field, bool>) {
    field = text == "on";
  } else if constexpr (std::is_enum_v<Field>) {
    const auto& all = names_of_enum(names).all();
    const auto found = std::find(all.begin(), all.end(), text);
    if (found == all.end()) throw Refused(text, "one of " + names_of_enum(names).list());
    field = static_cast<Field>(found - all.begin());
  } else if constexpr (Named<Field>) {
    const auto found = Field::find(text);
    if (!found) throw Refused(text, "one of " + names_of_enum(names).list());
    field = *found;
  } else if constexpr (std::floating_point<Field>) {
    const auto number = decimal_number(text);
    if (!number) throw Refused(text, "a finite decimal number");
    field = *number;
  } else if constexpr (std::integral<Field>) {
    const auto number = decimal_whole<Field>(text);
    if (!number) throw Refused(text, "a whole number in decimal digits");
    field = *number;
  } else {
    field = text;
  }
}

template <class Field>
std::string written(const Field& field, const std::optional<Names>& names) {
  if constexpr (is_optional<Field>) {
    return field ? written(*field, names) : "";
  } else if constexpr (std::same_as<Field, bool>) {
    return field ? "on" : "off";
  } else if constexpr (std::is_enum_v<Field>) {
    return names_of_enum(names).all().at(static_cast<std::size_t>(field));
  } else if constexpr (Named<Field>) {
    return std::string(field.name());
  } else if constexpr (std::floating_point<Field>) {
    return shortest(field);
  } else if constexpr (std::integral<Field>) {
    return std::to_string(field);
  } else {
    return field;
  }
}

template <class Field>
json::Value shown(const Field& field, const std::optional<Names>& names) {
  if constexpr (is_optional<Field>) {
    return field ? shown(*field, names) : json::Value(nullptr);
  } else if constexpr (std::is_arithmetic_v<Field> && !std::same_as<Field, bool>) {
    return field;
  } else {
    return written(field, names);
  }
}

}  // namespace knobs

/// The knob of the field that `at` takes out of its struct.
template <class Spec, class At>
Knob<Spec> field_knob(const std::string& flag, const std::optional<Names>& names,
                      const std::string& help, At at, KnobRules<Spec> rules = {}) {
  using Field = std::remove_cvref_t<decltype(at(std::declval<Spec&>()))>;
  Knob<Spec> knob{.flag = flag, .help = help};
  knob.takes = names ? Takes::text : knobs::takes<Field>();
  knob.names = names;
  knob.rules = std::move(rules);
  knob.parse = [at, names](Spec& spec, const std::string& text) {
    knobs::read(at(spec), text, names);
  };
  knob.text = [at, names](const Spec& spec) { return knobs::written(at(spec), names); };
  knob.identify = [at, key = knob.key()](IdentityText& identity, const Spec& spec) {
    identity.add(key, at(spec));
  };
  if (!knob.rules.shown) {
    knob.rules.shown = [at, names](const Spec& spec) { return knobs::shown(at(spec), names); };
  }
  return knob;
}

}  // namespace gradepth
