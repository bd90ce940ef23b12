#pragma once

#include <functional>
#include <string>

#include "bench/compare/runs.h"

namespace gradepth {

/// The rows of speed and growth whose names are `wanted`, in a file of results or in a folder's
/// `results.jsonl`, or where that is missing in all its .jsonl together. Repetitions of one row,
/// told apart by their key `repetition`, are pooled; of two rows with one `identity` the later
/// counts where the first had failed, as a run that went on leaves them. What a row does not say of
/// its machine is taken from the info row before it. std::invalid_argument, naming file and line,
/// when it cannot be read, when a line is no row, when a number in it cannot be, when a name is
/// there twice, and when no such row is in it.
ComparedRun read_compared_run(const std::string& path,
                              const std::function<bool(const std::string& name)>& wanted);

/// Of the same files: checksums of their bytes.
std::string checksum_of_run(const std::string& path);

}  // namespace gradepth
