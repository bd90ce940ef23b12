#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gradepth {

/// How many of its newest states an additive net adds up, f_{t+1} = w (f_t + f_{t-1} + … +
/// f_{t-terms+1}), where states before f_0 are 0. One term is the scalar chain f_{t+1} = w f_t.
struct AdditiveForm {
  static const AdditiveForm two_term;
  static const AdditiveForm sum;  // of all states

  std::int64_t terms = 2;  // 0: all

  [[nodiscard]] constexpr bool adds_all() const { return terms == 0; }
  /// How many there are to add up in a net of T steps; T: all of them.
  [[nodiscard]] constexpr std::int64_t within(std::int64_t T) const {
    return adds_all() ? T : std::min(terms, T);
  }

  /// `two-term`, `sum`, and of other numbers `terms:3`.
  [[nodiscard]] std::string name() const;
  /// From its name; `terms:2` is `two-term`.
  [[nodiscard]] static std::optional<AdditiveForm> find(std::string_view name);

  friend bool operator==(const AdditiveForm&, const AdditiveForm&) = default;
};

inline constexpr AdditiveForm AdditiveForm::two_term{2};
inline constexpr AdditiveForm AdditiveForm::sum{0};

}  // namespace gradepth
