#include "bench/meter/gpus.h"

#include <array>

namespace gradepth {
namespace {

// Memory bandwidth, processors and boost clock: NVIDIA's data sheets "A100 80GB" (SXM4), "H100"
// (SXM5), "H200" (SXM), "L4" and "HGX B200", and the white papers "A100 Tensor Core GPU
// Architecture", "H100 Tensor Core GPU Architecture" and "Ada GPU Architecture" (RTX 4090).
// processors x fp32_per_clock x 2 x clock gives their fp32 peaks within 1 %: 19.5, 67,
// 67, 82.6, 30.3 TFLOP/s. For the B200, whose clock NVIDIA does not print, the clock is what its
// driver reports, and the peak is 74 of the 75 to 80 TFLOP/s that are printed.
constexpr std::array<Gpu, 6> known{{
    {"A100", 2039, 108, 1.41, 64},
    {"H100", 3350, 132, 1.98, 128},
    {"H200", 4800, 132, 1.98, 128},
    {"RTX4090", 1008, 128, 2.52, 128},
    {"L4", 300, 58, 2.04, 128},
    {"B200", 8000, 148, 1.965, 128},
}};

}  // namespace

std::span<const Gpu> gpus() { return known; }

}  // namespace gradepth
