#pragma once

#include <cstdint>
#include <iosfwd>
#include <nlohmann/json.hpp>

#include "bench/rows/output.h"
#include "host/problem/identity.h"

namespace gradepth {

/// At which depth a saturated net loses its gradient in f32, bf16 and f16: with slopes taken from
/// the stored output, as frameworks take them, and from the stored pre-activation.
///
/// The net is an mlp with W = I, b = a - f(a) and h0 = f(a): every unit of every map has the
/// pre-activation a. Of tanh and sigmoid they lie just beyond where f'(y) turns 0
/// in bf16, in f16 and in f32.
struct SlopeStudy {
  std::int64_t depth = 24;
  std::int64_t width = 64;
  std::uint64_t seed = 1;  // of the loss gradient
};

IdentityText slope_study_identity(const SlopeStudy& study);

/// The study as one row of kind `study` (bench/ROWS.md), on the reference.
Row slope_study_row(const SlopeStudy& study);

/// Such a row for people, within 80 columns.
void print_slope_study(std::ostream& out, const Row& row);
/// One line per net, format and side of the slope.
void print_slope_study_csv(std::ostream& out, const Row& row);

}  // namespace gradepth
