#include "bench/studies/share_study.h"

#include <algorithm>
#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "bench/rows/csv.h"
#include "bench/tables/table.h"
#include "host/growth/study/row.h"
#include "host/text/json.h"
#include "host/text/not_finite.h"

namespace gradepth {
namespace {

std::string chain_name(const Row& chain) {
  const bool one = chain["setting"]["share"] == "on";
  const Row& density = chain["setting"]["density"];  // `rows:0.1`, or a number
  if (density.is_string())
    return one ? "shared, " + density.get<std::string>() : "fresh, " + density.get<std::string>();
  const auto share = density.get<double>();
  return std::string(one ? "shared" : "fresh") + ", " +
         (share == 1 ? "dense" : significant(100 * share, 3) + " %");
}

Table chains_table(const Row& row) {
  Table table({"chain", "seeds", "rate", "low", "high", "total", "spread", "verdict"});
  for (const Row& chain : row["chains"]) {
    if (status_of(chain) != Status::ok) {
      table.add({chain_name(chain), "", "", "", "", "", "", chain["status"].get<std::string>()});
      continue;
    }
    table.add({chain_name(chain), chain["fitted_seeds"].dump(),
               significant(json::real_at(chain, "/rate/value")),
               significant(json::real_at(chain, "/rate/low")),
               significant(json::real_at(chain, "/rate/high")),
               significant(json::real_at(chain, "/mean")),
               significant(json::real_at(chain, "/spread")), chain["verdict"].get<std::string>()});
  }
  return table;
}

std::string bounds(const Row& x) {
  return significant(json::real_at(x, "/value")) + " [" + significant(json::real_at(x, "/low")) +
         ", " + significant(json::real_at(x, "/high")) + ']';
}

/// What a draw's growth has to do with the spectral radius of its W.
void print_laws(std::ostream& out, const Row& row) {
  Table table({"growth on L ln rho", "settled", "slope", "correlation", "offset"});
  bool has_law = false;
  for (const Row& chain : row["chains"]) {
    if (!chain.contains("law") || !chain["law"].is_object()) continue;
    const Row& law = chain["law"];
    const auto settled = law["settled"].get<std::vector<bool>>();
    const auto count = std::count(settled.begin(), settled.end(), true);
    has_law = true;
    table.add({chain_name(chain), std::to_string(count) + " of " + std::to_string(settled.size()),
               law["slope"].is_null() ? "" : bounds(law["slope"]),
               significant(json::real_at(law, "/correlation")),
               law["offset"].is_null() ? "" : bounds(law["offset"])});
  }
  if (!has_law) return;
  out << '\n';
  table.print(out);
  out << "\nrho: spectral radius of each draw's W (ReLU: of its active part); settled: draws\n"
         "whose active part no longer changes; offset: growth less L ln rho.\n";
}

Row law(const std::optional<growth::RadiusLaw>& law) {
  if (!law) return nullptr;
  Row row{{"ln_radius", json::numbers(law->ln_radius)}, {"settled", law->settled}};
  for (const char* key : {"slope", "intercept", "correlation", "offset"}) row[key] = nullptr;
  if (!law->line) return row;
  row["slope"] = json::interval(law->line->slope);
  row["intercept"] = json::number(law->line->intercept);
  row["correlation"] = json::number(law->line->correlation);
  row["offset"] = json::interval(*law->offset);
  return row;
}

}  // namespace

IdentityText share_identity(const growth::GrowthSpec& spec, double density,
                            std::string_view provider) {
  growth::GrowthSpec chain = spec;  // the study sets these two itself
  chain.share = true;
  chain.init.density = 1;
  return IdentityText()
      .add("study", "share")
      .add(growth::row_identity(chain, provider))
      .add("sparse_density", density);
}

Row share_row(const growth::ShareStudy& study) {
  const growth::ShareChain& first = study.chains[0];
  Row row{{"kind", "study"},
          {"name", "share/" + first.result.name},
          {"study", "share"},
          {"provider", first.result.provider},
          {"dtype", std::string(name(first.spec.dtype))},
          {"status", name(Status::ok)},
          {"reason", ""},
          {"identity",
           share_identity(first.spec, study.chains.back().spec.init.density, first.result.provider)
               .text()}};
  for (const growth::ShareChain& chain : study.chains) {
    const Row whole = growth::row(chain.spec, chain.result);
    Row part;
    for (const char* key : {"name", "status", "reason", "depth", "seeds", "setting", "rate",
                            "rates", "growths", "theory", "verdict"}) {
      if (whole.contains(key)) part[key] = whole[key];
    }
    part["mean"] = json::number(chain.mean);
    part["spread"] = json::number(chain.spread);
    part["fitted_seeds"] = chain.seeds;
    part["law"] = law(chain.law);
    if (chain.result.status != Status::ok && status_of(row) == Status::ok) {
      set_status(row, chain.result.status, chain.result.reason);
    }
    row["chains"].push_back(std::move(part));
  }
  for (const growth::ShareContrast& contrast : study.contrasts) {
    row["contrasts"].push_back({{"first", contrast.first},
                                {"second", contrast.second},
                                {"mean_difference", json::interval(contrast.mean_difference)},
                                {"spread_ratio", json::interval(contrast.spread_ratio)}});
  }
  return row;
}

void print_share(std::ostream& out, const Row& row) {
  if (status_of(row) != Status::ok) {
    out << row["name"].get<std::string>() << '\n'
        << row["status"].get<std::string>() << ": " << row["reason"].get<std::string>() << '\n';
    return;
  }
  const Row& first = row["chains"][0];
  const Row& setting = first["setting"];
  out << setting["net"].get<std::string>() << ", " << setting["activation"].get<std::string>()
      << ", W " << setting["init"].get<std::string>() << ", width " << setting["width"] << ", "
      << first["depth"] << " steps, " << row["provider"].get<std::string>() << ' '
      << row["dtype"].get<std::string>() << "\n\n";
  chains_table(row).print(out);
  out << "\nshared: one W for all steps; fresh: a W for each; %: share of weights kept.\n"
         "rate: ln-norm per step, with 95 % interval. total: over all steps, mean over\n"
         "seeds; spread: its standard deviation.\n\n";
  Table table({"first : second", "difference of totals", "ratio of spreads"});
  for (const Row& contrast : row["contrasts"]) {
    table.add({contrast["first"].get<std::string>() + " : " + contrast["second"].get<std::string>(),
               bounds(contrast["mean_difference"]), bounds(contrast["spread_ratio"])});
  }
  table.print(out);
  print_laws(out, row);
}

void print_share_csv(std::ostream& out, const Row& row) {
  std::vector<Row> chains;
  for (const Row& chain : row["chains"]) {
    Row line = row;  // what the study says of itself stands with each chain
    line.erase("chains");
    line.update(chain);
    chains.push_back(std::move(line));
  }
  print_csv(out,
            with_common_columns({{"share", "/setting/share"},
                                 {"density", "/setting/density"},
                                 {"depth", "/depth"},
                                 {"seeds", "/seeds"},
                                 {"fitted_seeds", "/fitted_seeds"},
                                 {"rate_ln_per_map", "/rate/value"},
                                 {"rate_low_ln_per_map", "/rate/low"},
                                 {"rate_high_ln_per_map", "/rate/high"},
                                 {"theory_rate_ln_per_map", "/theory/rate"},
                                 {"total_mean_ln", "/mean"},
                                 {"total_spread_ln", "/spread"},
                                 {"verdict", "/verdict"}}),
            chains);
}

}  // namespace gradepth
