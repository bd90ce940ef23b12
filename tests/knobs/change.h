#pragma once

#include <cmath>
#include <concepts>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "host/draw/initialise.h"
#include "host/problem/net.h"
#include "host/problem/tensor.h"

/// Another value of any field, the nearest there is.
namespace gradepth {

inline void change(bool& x) { x = !x; }
inline void change(std::string& x) { x += 'x'; }
template <std::integral T>
void change(T& x) {
  ++x;
}
inline void change(double& x) { x = std::nextafter(x, std::numeric_limits<double>::infinity()); }
template <class T>
requires std::is_enum_v<T>
void change(T& x) { x = static_cast<T>(static_cast<int>(x) == 0 ? 1 : 0); }
template <const auto& list>
void change(OneOf<list>& x) {
  x = list[x == OneOf<list>(list[0]) ? 1 : 0];
}
inline void change(Net& x) { x = x == "mlp" ? Net("lstm") : Net("mlp"); }
inline void change(Tensor& x) { x = Tensor({1}, {7}); }
inline void change(std::shared_ptr<const RecurrentWeights>& x) {
  x = std::make_shared<const RecurrentWeights>(
      RecurrentWeights{"elman", Tensor({1, 1}, {1}), Tensor({1}, {0}), "rnn.npz", "rnn"});
}

template <class T>
void change(std::optional<T>& x) {
  if (!x) x.emplace();
  change(*x);
}

/// Specs that differ from `plain` in one field each; `for_each_field(spec, visit)` visits them.
template <class Spec, class ForEach>
std::vector<Spec> each_field_changed(const Spec& plain, ForEach for_each_field) {
  std::size_t fields = 0;
  Spec counted = plain;
  for_each_field(counted, [&](auto&) { ++fields; });
  std::vector<Spec> all;
  for (std::size_t chosen = 0; chosen < fields; ++chosen) {
    all.push_back(plain);
    std::size_t i = 0;
    for_each_field(all.back(), [&](auto& field) {
      if (i++ == chosen) change(field);
    });
  }
  return all;
}

}  // namespace gradepth
