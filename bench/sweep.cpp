#include "bench/sweep.h"

#include <chrono>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <map>
#include <sstream>

#include "bench/commands.h"
#include "bench/interrupt.h"
#include "bench/results.h"
#include "bench/sweep_table.h"
#include "host/growth/grid.h"
#include "host/growth/row.h"

namespace gradepth {
namespace {

using growth::SweepCell;
using Row = nlohmann::ordered_json;

/// What a row must have in common with a cell to be its result.
std::string identity(const Row& row) {
  Row same;
  for (const char* key : {"name", "provider", "dtype", "seeds", "depth", "setting", "sweep"}) {
    same[key] = row.value(key, Row());
  }
  return same.dump(-1, ' ', false, Row::error_handler_t::replace);
}

std::string identity(const SweepCell& cell, std::string_view provider) {
  growth::GrowthResult nothing;
  nothing.name = growth::row_name(cell.spec, provider);
  nothing.provider = provider;
  nothing.status = "error";  // such a row has its head only
  return identity(sweep_row(cell, nothing));
}

std::string duration(double seconds) {
  const auto s = static_cast<long>(std::lround(seconds));
  return s < 120 ? std::to_string(s) + " s" : std::to_string(s / 60) + " min";
}

/// One line on stderr that is written over, or one every ten seconds where stderr is a file.
class Progress {
 public:
  Progress(std::size_t cells, double work) : cells_(cells), work_(work) {}

  void done(double work) {
    ++done_;
    finished_ += work;
    const double seconds = Seconds(Clock::now() - begin_).count();
    if (done_ < cells_ && seconds < next_) return;
    next_ = seconds + 2;
    std::ostringstream line;
    line << '[' << std::setw(3) << std::lround(seconds) << " s] " << done_ << " of " << cells_
         << " points";
    if (done_ < cells_)
      line << ", about " << duration(seconds * (work_ / finished_ - 1)) << " left";
    std::cerr << line.str() << '\n';
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;
  std::size_t cells_;
  double work_;
  std::size_t done_ = 0;
  double finished_ = 0;
  double next_ = 2;
  Clock::time_point begin_ = Clock::now();
};

class Sweep {
 public:
  Sweep(const SweepOptions& options, std::vector<SweepCell> cells, std::string provider)
      : options_(options),
        cells_(std::move(cells)),
        results_(options.out.empty()
                     ? new_results_folder(std::filesystem::path(GRADEPTH_SOURCE_DIR) / "results")
                     : std::filesystem::path(options.out),
                 Results::GoOn{}),
        rows_(cells_.size()) {
    std::map<std::string, const Row*> before;
    for (const Row& row : results_.earlier()) {
      if (row.value("status", "") == "ok") before.emplace(identity(row), &row);
    }
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      const auto found = before.find(identity(cells_[i], provider));
      if (found != before.end()) {
        rows_[i] = *found->second;
      } else {
        open_.push_back(i);
      }
    }
  }

  void run(Provider& provider, Provider* reference) {
    std::cerr << "results: " << (results_.folder() / "results.jsonl").string();
    if (open_.size() < cells_.size()) {
      std::cerr << " (" << cells_.size() - open_.size() << " of " << cells_.size()
                << " points are there)";
    }
    std::cerr << '\n';
    std::vector<SweepCell> open;
    double work = 0;
    for (const std::size_t i : open_) {
      open.push_back(cells_[i]);
      work += growth::work(cells_[i].spec);
    }
    Progress progress(open.size(), work);
    note_interrupts();
    growth::run_sweep(open, provider, reference,
                      [&](std::size_t k, const growth::GrowthResult& result) {
                        Row row = sweep_row(open[k], result);
                        results_.write(row);
                        rows_[open_[k]] = std::move(row);
                        progress.done(growth::work(open[k].spec));
                        if (interrupted() && k + 1 < open.size()) {
                          throw Interrupted("interrupted; the same command with --out " +
                                            results_.folder().string() + " goes on from here");
                        }
                      });
  }

  [[nodiscard]] const std::vector<Row>& rows() const { return rows_; }

 private:
  const SweepOptions& options_;
  std::vector<SweepCell> cells_;
  Results results_;
  std::vector<Row> rows_;          // by cell
  std::vector<std::size_t> open_;  // cells to be measured
};

}  // namespace

nlohmann::ordered_json sweep_row(const growth::SweepCell& cell,
                                 const growth::GrowthResult& result) {
  nlohmann::ordered_json row = growth::row(cell.spec, result);
  for (const auto& [key, value] : cell.at) row["sweep"][key] = value;
  return row;
}

int run_sweep_command(const SweepOptions& options, const growth::GrowthSpec& spec,
                      Provider& provider, Provider* reference) {
  const std::vector<growth::SweepAxis> axes = growth::parse_sweep(options.axes);
  Sweep sweep(options, growth::sweep_cells(spec, axes), std::string(provider.name()));
  sweep.run(provider, reference);
  bool failed = false;
  for (const Row& row : sweep.rows()) {
    failed = failed || row.value("status", "") != "ok";
    if (options.format == "json") {
      std::cout << row.dump(-1, ' ', false, Row::error_handler_t::replace) << '\n';
    }
  }
  if (options.format == "csv") print_sweep_csv(std::cout, axes, sweep.rows());
  if (options.format == "table") print_sweep(std::cout, axes, sweep.rows());
  return failed ? 1 : 0;
}

}  // namespace gradepth
