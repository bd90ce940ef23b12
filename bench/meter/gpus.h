#pragma once

#include <span>
#include <string_view>

namespace gradepth {

/// What the model needs to know of a GPU.
struct Gpu {
  std::string_view name;
  double memory_gb_per_s;
  int processors;
  double clock_ghz;    // boost
  int fp32_per_clock;  // fused multiply-adds of a processor
};

/// A100, H100, H200, RTX4090, L4, B200.
std::span<const Gpu> gpus();

}  // namespace gradepth
