#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/growth/jacobians/jacobians.h"
#include "host/growth/study/spec.h"

namespace gradepth::growth {

/// The leading `count` Lyapunov exponents of one path, ln per map: the mean of ln R_ii over the
/// maps, where R comes from an orthonormal block that is taken forward from state 0 and
/// re-orthonormalised on the way (Benettin et al. 1980). The first tenth of the maps, where the
/// fit's window begins (fit_window), aligns the block and does not count; neither do the states
/// there, which may still approach their attractor.
///
/// In the order of the QR, which is descending but for the fluctuation of a finite path; -infinity
/// from where a map is singular on, NaN if a value was not finite. The block starts at random; it
/// depends on the seed alone. Throws std::invalid_argument if count is more than the state has
/// elements.
[[nodiscard]] std::vector<double> lyapunov_exponents(const Jacobians& jacobians, std::size_t count,
                                                     std::uint64_t seed);

/// Exponents that theory knows, from the first on.
struct LyapunovTheory {
  std::vector<double> exponents;
  std::string formula;
  std::string source;
};

/// Linear nets: fresh Gaussian matrices of width N, λ_i = ½ [ψ((N - i + 1)/2) + ln(2 σ_w²/N)]
/// (Newman 1986), or multiples of orthogonal ones, ln ρ. Autonomous Gaussian tanh nets above the
/// edge of chaos: the first, ½ ln χ. None else.
[[nodiscard]] std::optional<LyapunovTheory> lyapunov_theory(const GrowthSpec& spec,
                                                            std::size_t count);

}  // namespace gradepth::growth
