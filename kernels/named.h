#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

/// Look-ups in a list whose entries have a `name`: cells, clip rules, providers.
namespace gradepth {

/// nullptr for an unknown name.
template <class List>
constexpr auto find_named(const List& list, std::string_view name) -> decltype(list.data()) {
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const auto& entry) { return entry.name == name; });
  return found == list.end() ? nullptr : &*found;
}

/// std::invalid_argument for an unknown name: nothing takes it for another entry.
template <class List>
const auto& named(const List& list, std::string_view name, const char* what) {
  const auto* const found = find_named(list, name);
  if (found == nullptr) {
    throw std::invalid_argument(std::string("no ") + what + " is called " + std::string(name));
  }
  return *found;
}

/// One entry of such a list. A name in the sources is looked up when they are compiled: one that
/// the list lacks does not compile. A text from outside comes in by `find`.
template <const auto& list>
class OneOf {
 public:
  using Entry = std::remove_cvref_t<decltype(list[0])>;

  consteval OneOf(const char* name) : place_(known(name)) {}
  /// Of no string, which would convert.
  template <std::same_as<std::string_view> Text>
  consteval OneOf(Text name) : place_(known(name)) {}
  /// The entry of that name.
  constexpr OneOf(const Entry& entry) : place_(known(entry.name)) {}
  [[nodiscard]] static constexpr std::optional<OneOf> find(std::string_view name) {
    const std::size_t place = place_of(name);
    return place < list.size() ? std::optional(OneOf(place)) : std::nullopt;
  }

  constexpr const Entry& operator*() const { return list[place_]; }
  constexpr const Entry* operator->() const { return &list[place_]; }
  [[nodiscard]] constexpr std::string_view name() const { return list[place_].name; }
  friend constexpr bool operator==(OneOf, OneOf) = default;

 private:
  constexpr explicit OneOf(std::size_t place) : place_(place) {}

  /// The list's size for an unknown name.
  static constexpr std::size_t place_of(std::string_view name) {
    std::size_t place = 0;
    while (place < list.size() && list[place].name != name) ++place;
    return place;
  }
  static constexpr std::size_t known(std::string_view name) {
    const std::size_t place = place_of(name);
    if (place == list.size()) throw std::invalid_argument("none is called " + std::string(name));
    return place;
  }

  std::size_t place_;
};

template <class List>
std::vector<std::string> all_names(const List& list) {
  std::vector<std::string> names;
  names.reserve(std::size(list));
  for (const auto& entry : list) names.emplace_back(entry.name);
  return names;
}

/// "elman, lstm, …": the names of the entries for which `asked` is true.
template <class List, class Asked>
std::string names_of(const List& list, Asked asked) {
  std::string names;
  for (const auto& entry : list) {
    if (asked(entry)) names += (names.empty() ? "" : ", ") + std::string(entry.name);
  }
  return names;
}
template <class List>
std::string names_of(const List& list) {
  return names_of(list, [](const auto& /*entry*/) { return true; });
}

}  // namespace gradepth
