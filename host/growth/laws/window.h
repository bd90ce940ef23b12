#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "host/growth/study/spec.h"
#include "host/providers/provider.h"

/// The window of gains in which a net neither vanishes nor explodes: what the gradient's norm gains
/// over the whole way lies within ± ln 10. Its width against depth is an instability of its own: it
/// falls as 1/L and faster than any initialisation can be kept.
namespace gradepth::growth {

/// Gains are what W's draws are multiplied by (--sweep gain), 0 or above.
struct GainWindow {
  std::optional<double> low;   // 0 where the net does not vanish without weights either
  std::optional<double> high;  // the total is ln 10 here, or -ln 10 where the reason says so
  std::string reason;          // why an end is missing or another, in words; else empty
  std::size_t evaluations = 0;

  [[nodiscard]] std::optional<double> width() const {
    return low && high ? std::optional(*high - *low) : std::nullopt;
  }
};

/// The largest gain that is tried, and the least that is told from 0.
inline constexpr double largest_gain = 1024;
inline constexpr double least_gain = 0x1p-40;

/// The window of a total, ln_growth(gain), which may be infinite; NaN where it is not known.
///
/// Gain 0, then 1/16, 1/8, … are tried until the total is ln 10 or more: `high` is a root between
/// the last two, the first explosion. `low` is a root of total = -ln 10 behind the last of these
/// gains, below `high`, at which the net vanishes. So where the total is not monotone this is the
/// window that ends at the first explosion, as far as powers of two tell; without one, the last in
/// which the net does not vanish. Roots by TOMS 748 in
/// ln gain (Alefeld, Potra & Shi 1995), until the total is within `tolerance`.
[[nodiscard]] GainWindow find_window(const std::function<double(double gain)>& ln_growth,
                                     double tolerance);

struct WindowStudy {
  GainWindow measured;
  std::optional<GainWindow> theory;  // none where theory is not known around it
};

/// Measured: of the mean over seeds of ln norm at depth L, the draws being the same at every gain.
/// A seed whose format runs out counts with its renormalised pass (renormalised.h), one whose
/// gradient is 0 as in the verdict. Theory: of what find_theory says without drawn numbers, summed
/// over all maps. `threads` seeds run side by side; the result does not depend on it. The provider
/// must be able to run the net. `cache` may be null.
[[nodiscard]] WindowStudy measure_window(const GrowthSpec& spec, Provider& provider, int threads,
                                         WeightCache* cache);

/// Of theory alone.
[[nodiscard]] std::optional<GainWindow> theory_window(const GrowthSpec& spec);

}  // namespace gradepth::growth
