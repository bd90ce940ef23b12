#pragma once

#include <stdexcept>
#include <string>

namespace gradepth {

/// `VALUE: what is allowed`. Who knows where the value came from, a flag or a file, says so before
/// it.
struct Refused : std::invalid_argument {
  using std::invalid_argument::invalid_argument;
  Refused(const std::string& value, const std::string& allowed)
      : std::invalid_argument((value.empty() ? "\"\"" : value) + ": " + allowed) {}
};

}  // namespace gradepth
