#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench/rows/csv.h"
#include "bench/tables/table.h"
#include "host/train/train.h"

namespace gradepth {

/// bench/data/digits.csv of the source tree that this program was built from.
std::string digits_path();

/// The runs of the suite's quick training study: elman tanh, IRNN and LSTM on the digits.
std::vector<train::TrainSpec> quick_training();

/// Columns of rows of kind `train` as CSV.
std::vector<Column> train_columns();

/// Rows of kind `train` as a table.
Table train_table(const std::vector<nlohmann::ordered_json>& rows);

}  // namespace gradepth
