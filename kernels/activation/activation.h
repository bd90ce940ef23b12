#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "kernels/activation/functions.h"
#include "kernels/host_device.h"

/// The list of activations (functions.h), and what is asked of them by type or by name.
namespace gradepth {

/// Where a slope comes from: the stored output, or the stored pre-activation.
enum class SlopeFrom : unsigned char { output, input };

/// Whether Act's slope can come from the output.
template <class Act>
constexpr bool has_slope_from_output = requires {
  Act::slope_from_output(0.0);
};

/// f' from what a pass keeps: y with `of_output`, else x.
template <class Act, bool of_output, class T>
HD T slope_of_kept(T kept) {
  if constexpr (of_output) {
    return Act::slope_from_output(kept);
  } else {
    return Act::slope(kept);
  }
}

template <class... As, class... Bs>
ActivationList<As..., Bs...> operator+(ActivationList<As...> a, ActivationList<Bs...> b);
template <class... Acts>
auto on_chip_of(ActivationList<Acts...> list)
    -> decltype((ActivationList<>{} + ... +
                 std::conditional_t<Acts::on_chip, ActivationList<Acts>, ActivationList<>>{}));
/// Those with `on_chip`.
using OnChipActivations = decltype(on_chip_of(Activations{}));

/// Calls f(Act{}) for every activation of the list, in order.
template <class F, class... Acts>
void for_each_activation(F&& f, ActivationList<Acts...> /*list*/) {
  (f(Acts{}), ...);
}
template <class F>
void for_each_activation(F&& f) {
  for_each_activation(std::forward<F>(f), Activations{});
}

/// The names of the list, separated by `separator`.
inline std::string activation_names(std::string_view separator = ", ") {
  std::string names;
  for_each_activation([&](auto act) {
    if (!names.empty()) names += separator;
    names += decltype(act)::name;
  });
  return names;
}

inline bool is_activation(std::string_view name) {
  bool found = false;
  for_each_activation([&](auto act) { found = found || decltype(act)::name == name; });
  return found;
}

/// Calls f(Act{}) for the activation called `name`; std::invalid_argument for an unknown name.
template <class F, class... Acts>
void with_activation(std::string_view name, F&& f, ActivationList<Acts...> /*list*/) {
  const bool found = ((Acts::name == name && (f(Acts{}), true)) || ...);
  if (!found) {
    throw std::invalid_argument("activation " + std::string(name) + ": one of " +
                                activation_names());
  }
}
template <class F>
void with_activation(std::string_view name, F&& f) {
  with_activation(name, std::forward<F>(f), Activations{});
}

inline bool is_homogeneous(std::string_view name) {
  bool is = false;
  with_activation(name, [&](auto act) { is = decltype(act)::homogeneous; });
  return is;
}

inline bool is_odd(std::string_view name) {
  bool is = false;
  with_activation(name, [&](auto act) { is = decltype(act)::odd; });
  return is;
}

/// Whether it is a straight line through 0.
inline bool is_linear(std::string_view name) { return is_homogeneous(name) && is_odd(name); }
/// 0 on one side, or nearly, and a straight line on the other: what He's draw is for.
inline bool is_rectifier(std::string_view name) { return is_homogeneous(name) && !is_odd(name); }

}  // namespace gradepth
