#pragma once

#include <array>
#include <string_view>
#include <type_traits>
#include <utility>

#include "kernels/activation/functions.h"
#include "kernels/host_device.h"
#include "kernels/named.h"

/// The list of activations (functions.h), and what is asked of them by type or as data.
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

/// An activation as data (functions.h).
struct ActivationInfo {
  std::string_view name;
  bool homogeneous;
  bool odd;
  bool slope_from_output;  // it has one
};
template <class... Acts>
constexpr std::array<ActivationInfo, sizeof...(Acts)> infos_of(ActivationList<Acts...> /*list*/) {
  return {ActivationInfo{.name = Acts::name,
                         .homogeneous = Acts::homogeneous,
                         .odd = Acts::odd,
                         .slope_from_output = has_slope_from_output<Acts>}...};
}
inline constexpr auto all_activations = infos_of(Activations{});

/// One of them: "tanh".
using Activation = OneOf<all_activations>;

/// Calls f(Act{}) with the activation's type.
template <class F>
void with_activation(Activation act, F&& f) {
  for_each_activation([&](auto one) {
    if (act == one.name) f(one);
  });
}

/// Whether it is a straight line through 0.
constexpr bool is_linear(Activation act) { return act->homogeneous && act->odd; }
/// 0 on one side, or nearly, and a straight line on the other: what He's draw is for.
constexpr bool is_rectifier(Activation act) { return act->homogeneous && !act->odd; }

}  // namespace gradepth
