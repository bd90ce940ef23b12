#include "bench/tables/suite.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <ostream>
#include <string>

#include "bench/commands/train.h"
#include "bench/studies/share_study.h"
#include "bench/studies/slope_study.h"
#include "bench/tables/net_study.h"
#include "bench/tables/sweep.h"
#include "bench/tables/table.h"
#include "host/text/json.h"
#include "kernels/cell/cells.h"

namespace gradepth {
namespace {

/// Rates below 1e-9 per step are rounding errors of a zero.
std::string rounded(double rate) { return significant(std::abs(rate) < 1e-9 ? 0.0 : rate); }

std::vector<Row> of_kind(const std::vector<Row>& rows, const char* kind) {
  std::vector<Row> selected;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(selected),
               [&](const Row& row) { return text_of(row, "kind") == kind; });
  return selected;
}

/// Providers in the order in which they first appear.
std::vector<std::string> providers_of(const std::vector<Row>& rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) {
    const std::string provider = text_of(row, "provider");
    if (std::find(names.begin(), names.end(), provider) == names.end()) names.push_back(provider);
  }
  return names;
}

/// Rows by problem, in order of appearance.
std::vector<std::pair<std::string, std::vector<Row>>> by_problem(const std::vector<Row>& rows) {
  std::vector<std::pair<std::string, std::vector<Row>>> groups;
  for (const Row& row : rows) {
    if (groups.empty() || groups.back().first != text_of(row, "problem")) {
      groups.emplace_back(text_of(row, "problem"), std::vector<Row>{});
    }
    groups.back().second.push_back(row);
  }
  return groups;
}

/// The provider's row of a group, or null.
const Row* row_of(const std::vector<Row>& group, const std::string& provider) {
  for (const Row& row : group) {
    if (text_of(row, "provider") == provider) return &row;
  }
  return nullptr;
}

/// `0.523 ±2%`: median and half the distance of the quartiles; `≈` after a disturbed one.
std::string milliseconds(const Row* row) {
  if (row == nullptr || status_of(*row) != Status::ok) return "-";
  const double median = json::real_at(*row, "/ms");
  const double spread =
      (json::real_at(*row, "/ms_upper") - json::real_at(*row, "/ms_lower")) / 2 / median;
  const bool disturbed = row->contains("disturbed") && (*row)["disturbed"] == true;
  return significant(median) + " ±" + significant(100 * spread, 1) + '%' + (disturbed ? "≈" : "");
}

void print_checks(const std::vector<Row>& rows, std::ostream& out) {
  std::map<std::string, std::map<std::optional<Status>, int>> counts;
  for (const Row& row : rows) ++counts[text_of(row, "provider")][status_of(row)];
  for (auto& [provider, count] : counts) {
    out << "\nThe CUDA kernels, run on the CPU (" << provider << "): " << count[Status::ok]
        << " workloads agree with the\nfloat64 reference, "
        << count[Status::incorrect] + count[Status::error] << " do not, "
        << count[Status::unsupported] << " are unsupported.\n";
  }
}

void print_growth(const std::vector<Row>& rows, std::ostream& out) {
  out << "\nGradient growth: ln of the gradient's norm per layer or step back from the loss\n";
  Table table({"net", "init", "depth", "measured", "theory", "verdict"});
  for (const Row& row : rows) {
    const bool ok = status_of(row) == Status::ok;
    const Row theory = row.contains("theory") && row["theory"].is_object() ? row["theory"] : Row{};
    table.add({net_label(row["setting"]), text_of(row["setting"], "init"),
               std::to_string(row["depth"].get<long>()),
               ok ? rounded(json::real_at(row["rate"], "/value")) : "-",
               theory.is_object() ? rounded(json::real_at(theory, "/rate")) : "-",
               text_of(row, ok ? "verdict" : "status")});
  }
  table.print(out);
}

/// What a problem's rate is counted in: memory's, or that of arithmetic.
bool is_about_memory(const std::string& kind) { return kind == "activation" || kind == "clip"; }

void print_speed_of(const std::string& kind, const std::vector<Row>& rows, std::ostream& out) {
  const std::vector<std::string> providers = providers_of(rows);
  std::vector<std::string> header{kind};
  for (const std::string& provider : providers) header.push_back(provider + " ms");
  header.insert(header.end(), {"limit ms", is_about_memory(kind) ? "GB/s" : "GFLOP/s"});
  Table table(header);
  for (const auto& [problem, group] : by_problem(rows)) {
    std::vector<std::string> cells{problem.substr(kind.size() + 1)};
    const Row* best = nullptr;
    for (const std::string& provider : providers) {
      const Row* row = row_of(group, provider);
      cells.push_back(milliseconds(row));
      const bool faster =
          row != nullptr && status_of(*row) == Status::ok &&
          (best == nullptr || json::real_at(*row, "/ms") < json::real_at(*best, "/ms"));
      if (faster) best = row;
    }
    if (best == nullptr) continue;  // the reasons follow below
    cells.push_back(significant(json::real_at(*best, "/limit_ms")));
    cells.push_back(
        significant(json::real_at(*best, is_about_memory(kind) ? "/gb_per_s" : "/gflop_per_s")));
    table.add(cells);
  }
  table.print(out);
}

void print_speed(const std::vector<Row>& rows, std::ostream& out) {
  out << "\nSpeed: median time of one step ± half its quartiles' distance (≈: disturbed by\n"
         "other programs, also when measured again); the least that the processor allows;\n"
         "the rate of the fastest\n";
  for (const char* kind : {"activation", "clip", "recurrent", "feedforward"}) {
    std::vector<Row> members;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(members), [&](const Row& row) {
      return text_of(row, "problem").starts_with(std::string(kind) + '/');
    });
    if (!members.empty()) print_speed_of(kind, members, out);
  }
  std::map<std::string, int> reasons;
  for (const Row& row : rows) {
    if (status_of(row) == Status::ok) continue;
    ++reasons[text_of(row, "provider") + ", " + text_of(row, "status") + ": " +
              text_of(row, "reason")];
  }
  for (const auto& [reason, count] : reasons) {
    out << "  " << reason << " (" << count << (count == 1 ? " row)\n" : " rows)\n");
  }
}

/// Families with more than one depth: time and growth side by side.
void print_depth_axis(const std::vector<Row>& rows, std::ostream& out) {
  std::map<std::string, std::vector<Row>> families;
  for (const Row& row : rows) {
    if (row.contains("growth")) families[text_of(row, "family")].push_back(row);
  }
  const std::vector<std::string> providers = providers_of(rows);
  for (const auto& [family, members] : families) {
    const auto groups = by_problem(members);
    if (groups.size() < 3) continue;
    out << "\nTime and gradient over depth: " << family << '\n';
    std::vector<std::string> header{"depth"};
    for (const std::string& provider : providers) header.push_back(provider + " ms");
    header.insert(header.end(), {"ln |g_0|/|g_L|", "per step"});
    Table table(header);
    for (const auto& [problem, group] : groups) {
      std::vector<std::string> cells{std::to_string(group[0]["depth"].get<long>())};
      const Row* grown = nullptr;
      for (const std::string& provider : providers) {
        const Row* row = row_of(group, provider);
        cells.push_back(milliseconds(row));
        if (grown == nullptr && row != nullptr && (*row)["growth"].is_object()) grown = row;
      }
      const Row growth = grown != nullptr ? (*grown)["growth"] : Row::object();
      cells.push_back(grown ? significant(json::real(growth["ln_norm"].back())) : "-");
      cells.push_back(grown ? significant(json::real_at(growth, "/rate")) : "-");
      table.add(cells);
    }
    table.print(out);
  }
}

}  // namespace

void print_suite(const std::vector<Row>& rows, std::ostream& out) {
  const std::vector<Row> speed = of_kind(rows, "speed");
  print_checks(of_kind(rows, "check"), out);
  std::vector<Row> nets;
  std::vector<Row> swept;
  for (const Row& row : of_kind(rows, "growth"))
    (row.contains("sweep") ? swept : nets).push_back(row);
  print_growth(nets, out);
  if (!swept.empty()) {
    out << "\nMap of gains: " << net_label(swept.front()["setting"]) << ", "
        << swept.front()["depth"] << " deep\n";
    print_sweep(out, axes_of(swept), swept);
  }
  for (const Row& study : of_kind(rows, "study")) {
    const std::string which = text_of(study, "study");
    if (which == "slopes") {
      out << "\nSlopes from the output, or from the input\n";
      print_slope_study(out, study);
    } else if (which == "share") {
      out << "\nOne W for all maps, or a fresh one for each\n";
      print_share(out, study);
    } else {
      print_net_study(out, study);
    }
  }
  print_speed(speed, out);
  print_depth_axis(speed, out);
  const std::vector<Row> training = of_kind(rows, "train");
  if (!training.empty()) {
    out << "\nTraining: sequential handwritten digits, one pixel per step, 10 classes\n";
    train_table(training).print(out);
  }
}

}  // namespace gradepth
