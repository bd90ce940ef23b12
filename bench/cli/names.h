#pragma once

#include "host/knobs/names.h"

/// The names that flags of the commands alone take.
namespace gradepth {

[[nodiscard]] const Names& format_names();
[[nodiscard]] const Names& math_names();
[[nodiscard]] const Names& variant_names();
/// Of workloads (bench/workloads.h).
[[nodiscard]] const Names& preset_names();
/// Of recurrent nets that papers named.
[[nodiscard]] const Names& recurrent_preset_names();

}  // namespace gradepth
