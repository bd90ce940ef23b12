#pragma once

#include <array>
#include <string>
#include <vector>

#include "bench/rows/row.h"

/// Where a row comes from: what anyone needs to make it again, or to doubt it.
namespace gradepth {

/// Rows from before this key was written are of schema 0: they have none of the keys below and no
/// `identity`, and all else as today.
inline constexpr int row_schema = 1;

inline constexpr std::array origin_keys{"commit",  "compiler", "flags",   "vector",
                                        "threads", "load",     "command", "schema"};

/// What a program computes with.
struct Machinery {
  std::string vector;  // width of the vector code, by Highway's name of the target
  int threads = 1;     // that share the work
};

/// Adds those of `origin_keys` that the row does not have yet:
///   commit    of the source at the time of the build, "-dirty" if files had changed since;
///             "unknown" outside a git checkout
///   compiler, flags   of the code that computes
///   load      processes that wanted a processor, mean over the last minute, now; null if unknown
///   command   the command line of this process, quoted for a shell
void add_origin(Row& row, const Machinery& machinery);

/// Words as a shell takes them back apart: quoted where a character asks for it.
std::string shell_words(const std::vector<std::string>& words);

}  // namespace gradepth
