#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace gradepth {

/// What became of a run: done; refused by a provider, or by a machine that has none of its kind;
/// its result wrong; failed.
enum class Status : std::uint8_t { ok, unsupported, incorrect, error };
inline constexpr std::array<std::string_view, 4> status_names{"ok", "unsupported", "incorrect",
                                                              "error"};
constexpr std::string_view name(Status status) {
  return status_names[static_cast<std::size_t>(status)];
}

/// A refusal is no failure.
constexpr bool is_failure(Status status) {
  return status == Status::incorrect || status == Status::error;
}

}  // namespace gradepth
