#pragma once

#include <string>

#include "host/problem/tensor.h"

namespace gradepth {

/// A matrix from a CSV file of finite numbers: a row per line, commas between, spaces and empty
/// lines do not matter. At most 2^28 numbers. std::invalid_argument, in one line that says where,
/// for anything else; only regular files are read.
Tensor read_csv_matrix(const std::string& path);

}  // namespace gradepth
