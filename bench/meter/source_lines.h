#pragma once

#include <cstdint>
#include <string>

namespace gradepth {

/// "pass.cuh:45", where the access before this place of the program stands in the source (see
/// meter::SiteCounts). "?" where addr2line, of binutils, is missing.
std::string source_line(std::uint32_t place);

}  // namespace gradepth
