#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace gradepth {

/// Which weights of W [N, N] a density P keeps. A convolution's are kept by channel, with all taps.
///   independent  each with probability P
///   rows         whole rows with probability P: a unit hears all or nothing
///   blocks       blocks of 8 × 8 with probability P
///   band         those of the max(1, round(P N)) units nearest on a ring, as in a convolution
enum class Sparsity : std::uint8_t { independent, rows, blocks, band };
inline constexpr std::array<std::string_view, 4> sparsity_names{"independent", "rows", "blocks",
                                                                "band"};
constexpr std::string_view name(Sparsity sparsity) {
  return sparsity_names[static_cast<std::size_t>(sparsity)];
}

/// `blocks` square weight blocks of N × N with `taps` entries each (1, or the 9 of a convolution).
struct WeightLayout {
  std::int64_t blocks;
  std::int64_t N;
  std::int64_t taps;
};

/// Sets to 0 what a density below 1 does not keep, and scales what it keeps so that the variance of
/// W h stays, on the mean over masks. `uniform(i)` is number i of the mask's stream, in [0, 1).
void thin(std::vector<double>& W, const WeightLayout& layout, double density, Sparsity sparsity,
          const std::function<double(std::size_t)>& uniform);

}  // namespace gradepth
