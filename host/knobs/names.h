#pragma once

#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// The names that flags take.
namespace gradepth {

/// The candidate that `text` is most likely meant to be: a slip or two away, or the only one that
/// begins with it. None if nothing is near; a candidate that is `text` itself does not count.
[[nodiscard]] std::optional<std::string> nearest(std::string_view text,
                                                 std::span<const std::string> candidates);
/// `; did you mean CANDIDATE?`, or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view text,
                                       std::span<const std::string> candidates);

/// One flag's names. Case, hyphens and underscores do not matter: LeakyReLU is leaky_relu. A name
/// such as `gaussian:S` stands for every text that has something after the colon.
class Names {
 public:
  /// What people call a name as well: `swish` is silu, `orthogonal` is orthogonal:1.
  struct Alias {
    std::string_view text;
    std::string_view name;
  };
  explicit Names(std::vector<std::string> names, std::vector<Alias> aliases = {});

  /// The name as results spell it, none if there is no such name.
  [[nodiscard]] std::optional<std::string> find(std::string_view text) const;
  /// The same; std::invalid_argument, `FLAG TEXT: one of …`, where there is none.
  [[nodiscard]] std::string canonical(std::string_view flag, std::string_view text) const;
  [[nodiscard]] const std::vector<std::string>& all() const { return names_; }
  /// `a, b or c`.
  [[nodiscard]] std::string list() const;

 private:
  std::vector<std::string> names_;
  std::vector<Alias> aliases_;
};

/// Of the knobs that several commands have.
[[nodiscard]] const Names& dtype_names();
[[nodiscard]] const Names& activation_flag_names();
[[nodiscard]] const Names& slope_names();

/// Every knob of an enum has them.
inline const Names& names_of_enum(const std::optional<Names>& names) {
  if (!names) throw std::logic_error("a knob of an enum without names");
  return *names;
}

}  // namespace gradepth
