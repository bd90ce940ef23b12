#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "host/growth/study/spec.h"
#include "host/problem/rounded.h"
#include "host/problem/tensor.h"

/// Where the gradient of one run leaves its number format.
namespace gradepth::growth {

/// √(Σx⁴ / Σx²), the typical size of the elements that a vector's norm is made of; 0 for zeros,
/// infinite where one is not finite. The vector may come in several parts.
[[nodiscard]] double typical_size(std::initializer_list<std::span<const double>> parts);

/// The least number with half of the format's digits: 2^(digits/2) times the least number; where
/// subnormals are flushed numbers have all digits or none.
[[nodiscard]] double least_with_digits(Rounding rounding);

/// Whether a vector has lost half of its digits to the format's lower end: its typical size lies
/// below. Rounding may hold such a vector at a few least numbers for ever. Not for a vector of
/// zeros, which says nothing about its size.
[[nodiscard]] bool has_lost_digits(std::initializer_list<std::span<const double>> parts,
                                   Rounding rounding);

/// The first depth whose gradient has passed through a state that is not finite, L + 1 without one:
/// map s makes state s and has slopes of it. From h and, for an lstm, c [L+1, …].
[[nodiscard]] std::size_t first_behind_a_lost_state(const Tensor& h, const Tensor& c);

/// The first depth at which the gradient says nothing any more.
struct RangeEnd {
  enum class Kind : std::uint8_t {
    none,
    above,  // a gradient, or a state that it passed through, is not finite
    below,  // its digits are lost
    zero    // it is 0: the format's doing, or the net's
  };
  Kind kind = Kind::none;
  std::size_t depth = 0;
};
/// From the recorded states h and gradients dh [L+1, …], and c, dc of an lstm.
[[nodiscard]] RangeEnd range_end(const GrowthSpec& spec, const Tensor& h, const Tensor& c,
                                 const Tensor& dh, const Tensor& dc);

}  // namespace gradepth::growth
