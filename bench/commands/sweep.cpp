#include "bench/commands/sweep.h"

#include <iostream>
#include <stdexcept>

#include "bench/cli/commands.h"
#include "bench/cli/interrupt.h"
#include "bench/cli/progress.h"
#include "bench/rows/output.h"
#include "bench/tables/sweep.h"
#include "bench/timing/machine.h"
#include "host/growth/study/row.h"

namespace gradepth {
namespace {

using growth::SweepCell;

/// The folder's rows must be points of this very sweep, whatever the values of its axes.
/// std::invalid_argument, in one line that says what differs.
void require_same_study(const Results& results, const SweepCell& cell, std::string_view provider,
                        const std::vector<growth::SweepAxis>& axes) {
  const std::string here = sweep_identity(cell, provider).text();
  const std::vector<std::string> swept = growth::settings_of(axes);
  for (const Row& row : results.earlier()) {
    const std::string there = row.value("identity", "");
    if (there.empty()) continue;
    const std::string differs = difference(there, here, swept);
    if (differs.empty()) continue;
    throw std::invalid_argument("--out " + results.folder().string() +
                                ": has rows of other settings: " + differs +
                                "; choose another folder");
  }
}

/// The sweep's own way through its cells: earlier rows and new ones, in the cells' order.
class Sweep {
 public:
  Sweep(const SweepOptions& options, const std::vector<SweepCell>& cells, Results& results)
      : cells_(cells),
        results_(results),
        output_(options.format, machinery(), [&results](const Row& row) { results.write(row); }) {}

  void run(Provider& provider) {
    const std::vector<std::size_t> open = open_cells(cells_, provider.name(), results_);
    say_where(open.size());
    std::vector<SweepCell> to_measure;
    double work = 0;
    for (const std::size_t i : open) {
      to_measure.push_back(cells_[i]);
      work += growth::work(cells_[i].spec);
    }
    Progress progress(to_measure.size(), work);
    note_interrupts();
    growth::run_sweep(to_measure, provider, [&](std::size_t k, const growth::GrowthResult& result) {
      add_earlier_until(open[k], provider.name());
      output_.add(sweep_row(to_measure[k], result));
      progress.done(growth::work(to_measure[k].spec));
      progress.say_done("points");
      if (interrupted() && k + 1 < to_measure.size()) {
        throw Interrupted("interrupted; the same command with --out " + results_.folder().string() +
                          " goes on from here");
      }
    });
    add_earlier_until(cells_.size(), provider.name());
  }

  [[nodiscard]] const Output& output() const { return output_; }

 private:
  void say_where(std::size_t open) const {
    std::cerr << "results: " << (results_.folder() / "results.jsonl").string();
    if (open < cells_.size()) {
      std::cerr << " (" << cells_.size() - open << " of " << cells_.size() << " points are there)";
    }
    std::cerr << '\n';
    if (const std::size_t unknown = results_.without_identity(); unknown > 0) {
      std::cerr << "(" << unknown
                << " rows there, of an older version, do not say all their settings: they stay, "
                   "and are measured again)\n";
    }
  }

  /// The rows of the cells between the last one and this one are all there.
  void add_earlier_until(std::size_t cell, std::string_view provider) {
    while (output_.rows().size() < cell) {
      const SweepCell& next = cells_[output_.rows().size()];
      output_.add_earlier(*results_.find(sweep_identity(next, provider).text()));
    }
  }

  const std::vector<SweepCell>& cells_;
  Results& results_;
  Output output_;
};

}  // namespace

IdentityText sweep_identity(const SweepCell& cell, std::string_view provider) {
  return growth::row_identity(cell.spec, provider, {.horizons = {}, .at = cell.at});
}

Row sweep_row(const SweepCell& cell, const growth::GrowthResult& result) {
  return growth::row(cell.spec, result, {.horizons = {}, .at = cell.at});
}

std::vector<std::size_t> open_cells(const std::vector<SweepCell>& cells, std::string_view provider,
                                    const Results& results) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (results.find(sweep_identity(cells[i], provider).text()) == nullptr) open.push_back(i);
  }
  return open;
}

int run_sweep_command(const SweepOptions& options, const growth::GrowthSpec& spec,
                      Provider& provider) {
  const std::vector<growth::SweepAxis> axes = growth::parse_sweep(options.axes);
  const std::vector<SweepCell> cells = growth::sweep_cells(spec, axes);
  Results results(options.out.empty() ? new_results_folder() : std::filesystem::path(options.out));
  require_same_study(results, cells.front(), provider.name(), axes);
  Sweep sweep(options, cells, results);
  sweep.run(provider);
  bool failed = false;
  const std::vector<Row>& rows = sweep.output().rows();
  for (const Row& row : rows) failed = failed || status_of(row) != Status::ok;
  if (options.format == "csv") print_sweep_csv(std::cout, axes, rows);
  if (options.format == "table") print_sweep(std::cout, axes, rows);
  return failed ? 1 : 0;
}

}  // namespace gradepth
