#include "bench/studies/slope_study.h"

#include <cmath>
#include <map>
#include <ostream>
#include <string>

#include "bench/rows/csv.h"
#include "bench/tables/table.h"
#include "host/growth/precision/horizon.h"
#include "host/problem/exact_activation.h"

namespace gradepth {
namespace {

struct Saturated {
  Activation activation;
  double argument;
};
constexpr Saturated nets[] = {{"tanh", 4},    {"tanh", 6},     {"tanh", 10},
                              {"sigmoid", 7}, {"sigmoid", 10}, {"sigmoid", 18},
                              {"gelu", -3},   {"gelu", -5},    {"gelu", -7}};
constexpr SlopeFrom sides[] = {SlopeFrom::output, SlopeFrom::input};
constexpr const char* study_formats[] = {"f32", "bf16", "f16"};

growth::GrowthSpec spec_of(const SlopeStudy& study, const Saturated& net, SlopeFrom slope) {
  growth::GrowthSpec spec;
  spec.net = "mlp";
  spec.activation = net.activation;
  spec.depth = study.depth;
  spec.width = study.width;
  spec.seeds = 1;
  spec.first_seed = study.seed;
  spec.slope = slope;
  spec.init.W = {WeightInit::Kind::identity, 1, {}};
  with_activation(net.activation, [&](auto act) {
    const double y = exact_value<decltype(act)>(net.argument);
    spec.init.bias = {ValueInit::Kind::constant, net.argument - y};
    spec.init.h0 = {ValueInit::Kind::constant, y};
  });
  return spec;
}

Row or_null(const std::optional<double>& depth) { return depth ? Row(*depth) : Row(nullptr); }

/// `lost_at` and `best` by format of one net and side.
std::map<std::string, growth::PrecisionHorizon> horizons_of(const growth::GrowthSpec& spec) {
  std::map<std::string, growth::PrecisionHorizon> by_format;
  for (growth::PrecisionHorizon& horizon : growth::precision_horizons(spec)) {
    std::string format = growth::label(horizon);
    by_format.emplace(std::move(format), std::move(horizon));
  }
  return by_format;
}

Row net_row(const SlopeStudy& study, const Saturated& net) {
  Row row{{"activation", net.activation.name()}, {"argument", net.argument}};
  with_activation(net.activation, [&](auto act) {
    row["slope"] = exact_slope<decltype(act)>(net.argument);
    row["has_slope_from_output"] = has_slope_from_output<decltype(act)>;
  });
  for (const SlopeFrom side : sides) {
    if (side == SlopeFrom::output && !row["has_slope_from_output"]) continue;
    const auto by_format = horizons_of(spec_of(study, net, side));
    for (const char* format : study_formats) {
      const growth::PrecisionHorizon& horizon = by_format.find(format)->second;
      row["lost_at"][format][name(side)] = or_null(horizon.lost_at);
      row["lost_at_best_scale"][format][name(side)] = or_null(horizon.best_lost_at);
    }
  }
  return row;
}

/// `1:14`, from the output and from the input; `13` where there is no choice; `>24`: not lost.
std::string both(const Row& net, const char* key, const char* format, const Row& depth) {
  const auto lost_at = [&](const char* side) {
    const Row& at = net[key][format][side];
    return at.is_null() ? '>' + depth.dump() : std::to_string(std::lround(at.get<double>()));
  };
  return net["has_slope_from_output"] ? lost_at("output") + ':' + lost_at("input")
                                      : lost_at("input");
}

}  // namespace

IdentityText slope_study_identity(const SlopeStudy& study) {
  return IdentityText()
      .add("study", "slopes")
      .add("depth", study.depth)
      .add("width", study.width)
      .add("seed", study.seed);
}

Row slope_study_row(const SlopeStudy& study) {
  Row row{{"kind", "study"},
          {"name", "slopes/mlp/L" + std::to_string(study.depth) + "_N" +
                       std::to_string(study.width) + "/reference"},
          {"study", "slopes"},
          {"provider", "reference"},
          {"dtype", "f64"},
          {"status", name(Status::ok)},
          {"reason", ""},
          {"identity", slope_study_identity(study).text()},
          {"depth", study.depth},
          {"width", study.width},
          {"first_seed", study.seed},
          {"nets", Row::array()}};
  for (const Saturated& net : nets) row["nets"].push_back(net_row(study, net));
  return row;
}

void print_slope_study(std::ostream& out, const Row& row) {
  out << "saturated nets of " << row["depth"]
      << " maps: depth at which the gradient is lost, with slopes\nfrom the stored output:from the "
         "stored pre-activation (gelu has the latter only)\n\n";
  Table table({"net", "a", "f'(a)", "f32", "bf16", "f16", "f32 *", "bf16 *", "f16 *"});
  for (const Row& net : row["nets"]) {
    std::vector<std::string> cells{net["activation"], significant(net["argument"].get<double>()),
                                   significant(net["slope"].get<double>(), 2)};
    for (const char* key : {"lost_at", "lost_at_best_scale"}) {
      for (const char* format : study_formats)
        cells.push_back(both(net, key, format, row["depth"]));
    }
    table.add(std::move(cells));
  }
  table.print(out);
  out << "\n*: with the loss scale, a power of two, under which it is lost last.\n";
}

void print_slope_study_csv(std::ostream& out, const Row& row) {
  std::vector<Row> lines;
  for (const Row& net : row["nets"]) {
    for (const char* format : study_formats) {
      for (const SlopeFrom side : sides) {
        if (!net["lost_at"][format].contains(name(side))) continue;
        Row line = row;
        line.erase("nets");
        line.update(net);
        line["format"] = format;
        line["slope_from"] = name(side);
        for (const char* key : {"lost_at", "lost_at_best_scale"}) {
          line[key] = net[key][format][name(side)];
        }
        lines.push_back(std::move(line));
      }
    }
  }
  print_csv(out,
            with_common_columns({{"activation", "/activation"},
                                 {"argument", "/argument"},
                                 {"slope", "/slope"},
                                 {"format", "/format"},
                                 {"slope_from", "/slope_from"},
                                 {"depth", "/depth"},
                                 {"lost_at_depth", "/lost_at"},
                                 {"lost_at_depth_best_scale", "/lost_at_best_scale"}}),
            lines);
}

}  // namespace gradepth
