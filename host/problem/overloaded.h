#pragma once

namespace gradepth {

/// Several lambdas as one callable: a case for each alternative of a std::variant.
template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;  // clang 16 does not deduce this by itself

}  // namespace gradepth
