#include "host/device/vector_target.h"

#include <dnnl.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

namespace gradepth {
namespace {

/// What Highway compiled for and this processor has; bits ascend from the best.
std::vector<std::int64_t> present_targets() { return hwy::SupportedAndGeneratedTargets(); }

std::string upper_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::int64_t find_target(const std::string& wanted) {
  const std::string name = upper_case(wanted) == "AVX512" ? "AVX3" : upper_case(wanted);
  std::string known;
  for (const std::int64_t target : present_targets()) {
    if (hwy::TargetName(target) == name) return target;
    known += (known.empty() ? "" : ", ") + std::string(hwy::TargetName(target));
  }
  throw std::invalid_argument("GRADEPTH_VECTOR " + wanted + ": one of " + known +
                              " on this processor");
}

/// Holds oneDNN's kernels to the instructions of a target; its weakest kind is SSE4.1.
void limit_onednn([[maybe_unused]] std::int64_t target) {
#if HWY_ARCH_X86
  const dnnl_cpu_isa_t isa = target <= HWY_AVX3   ? dnnl_cpu_isa_all
                             : target == HWY_AVX2 ? dnnl_cpu_isa_avx2
                                                  : dnnl_cpu_isa_sse41;
  if (dnnl_set_max_cpu_isa(isa) != dnnl_success) {
    throw std::logic_error("GRADEPTH_VECTOR is looked at too late: oneDNN has chosen already");
  }
#endif
}

std::int64_t choose() {
  std::int64_t chosen = present_targets().front();
  const char* wanted = std::getenv("GRADEPTH_VECTOR");
  if (wanted != nullptr && *wanted != '\0') {
    chosen = find_target(wanted);
    limit_onednn(chosen);
  }
  // From here on Highway dispatches to this one.
  hwy::GetChosenTarget().Update(chosen);
  return chosen;
}

}  // namespace

std::string vector_target() {
  static const std::int64_t chosen = choose();
  return hwy::TargetName(chosen);
}

std::vector<std::string> vector_targets() {
  std::vector<std::string> names;
  for (const std::int64_t target : present_targets()) names.emplace_back(hwy::TargetName(target));
  return names;
}

}  // namespace gradepth
