#include "host/device/peak_loops.h"

#include "host/device/vector_target.h"

// This file is compiled once for each instruction set.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "host/device/peak_loops.cpp"  // NOLINT(cppcoreguidelines-macro-usage)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace gradepth::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

void triad(float* a, const float* b, const float* c, float s, std::ptrdiff_t n) {
  for (std::ptrdiff_t i = 0; i < n; ++i) a[i] = b[i] + s * c[i];
}

PeakLoops::Work multiply_add(int steps) {
  constexpr int chains = 12;  // two units with a latency of four steps need eight
  const hn::ScalableTag<float> d;
  const auto scale = hn::Set(d, 0.999F);
  const auto addend = hn::Set(d, 1e-3F);
  hn::Vec<decltype(d)> x[chains];
  for (int k = 0; k < chains; ++k) x[k] = hn::Set(d, 1e-3F * static_cast<float>(k));
  for (int i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (auto& chain : x) chain = hn::MulAdd(chain, scale, addend);
  }
  float keep = 0;
  for (const auto& chain : x) keep += hn::GetLane(chain);
  return {2.0 * static_cast<double>(hn::Lanes(d)) * chains * steps, keep};
}

PeakLoops all_loops() { return {triad, multiply_add}; }

}  // namespace
}  // namespace gradepth::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gradepth {
namespace {
HWY_EXPORT(all_loops);
}  // namespace

const PeakLoops& peak_loops() {
  static const PeakLoops chosen =
      on_vector_target([] { return HWY_DYNAMIC_DISPATCH(all_loops)(); });
  return chosen;
}

}  // namespace gradepth
#endif  // HWY_ONCE
