#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace gradepth::growth {

/// A square upper triangular matrix whose rows may differ in size by more than float64's range:
/// row i is 2^e_i u_i, e_i a whole number, the largest element of u_i about 1.
class ScaledTriangle {
 public:
  /// The identity.
  explicit ScaledTriangle(std::size_t n);

  /// T <- R T, R [n, n] row-major, upper triangular. Every element is a sum of products of its own:
  /// what is small in a row of T is never added to what is large in another.
  void multiply_left(std::span<const double> R);

  /// Keeps the leading n × n block.
  void keep(std::size_t n);

  /// ln of the singular values, descending; -infinity where 0. One-sided Jacobi iteration on the
  /// rows (Hestenes 1958), accurate relative to each value (Demmel & Veselic 1992).
  [[nodiscard]] std::vector<double> ln_singular_values() const;

 private:
  void normalise(std::size_t i);

  std::size_t n_;
  std::vector<double> u_;               // [n, n], row-major
  std::vector<std::int64_t> exponent_;  // [n]
};

}  // namespace gradepth::growth
