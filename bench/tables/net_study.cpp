#include "bench/tables/net_study.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "bench/tables/table.h"
#include "host/text/json.h"
#include "kernels/cell/cells.h"

namespace gradepth {
namespace {

std::string number_at(const Row& net, const char* path, int digits = 3) {
  const double x = json::real_at(net, path);
  return std::isnan(x) ? "-" : significant(x, digits);
}

std::string state(const Row& net) {
  return text_of(net, status_of(net) == Status::ok ? "verdict" : "status");
}

std::string bounds(const Row& net, const std::string& at, int digits = 3) {
  return '[' + number_at(net, (at + "/low").c_str(), digits) + ", " +
         number_at(net, (at + "/high").c_str(), digits) + ']';
}

void print_blame(std::ostream& out, const Row& members) {
  Table table({"net", "init", "rate", "slopes", "weights", "verdict"});
  for (const Row& net : members) {
    table.add({net_label(net["setting"]), text_of(net["setting"], "init"),
               number_at(net, "/rate/value"), number_at(net, "/rate_slope/value"),
               number_at(net, "/rate_weight/value"), state(net)});
  }
  table.print(out);
}

/// A line for each net, a column for each depth.
void print_windows(std::ostream& out, const Row& members) {
  std::vector<long> depths;
  std::vector<std::pair<std::string, std::map<long, const Row*>>> lines;
  for (const Row& net : members) {
    const Row& setting = net["setting"];
    const std::string init = text_of(setting, "init");
    const std::string label = net_label(setting) + ", " + init.substr(0, init.find(':'));
    const auto depth = net["depth"].get<long>();
    if (std::find(depths.begin(), depths.end(), depth) == depths.end()) depths.push_back(depth);
    auto line = std::find_if(lines.begin(), lines.end(),
                             [&](const auto& known) { return known.first == label; });
    if (line == lines.end()) line = lines.insert(lines.end(), {label, {}});
    line->second[depth] = &net;
  }
  std::vector<std::string> header{"net"};
  for (const long depth : depths) header.push_back("L " + std::to_string(depth));
  Table table(header);
  for (const auto& [label, by_depth] : lines) {
    std::vector<std::string> cells{label};
    for (const long depth : depths) {
      const auto net = by_depth.find(depth);
      const bool known = net != by_depth.end() && net->second->contains("window");
      cells.push_back(known ? bounds(*net->second, "/window") : "");
    }
    table.add(cells);
  }
  table.print(out);
}

void print_net_laws(std::ostream& out, const Row& members) {
  Table table({"net", "init", "law", "exponent", "interval", "theory"});
  for (const Row& net : members) {
    const bool has_law = net.contains("law") && net["law"].is_object();
    const Row::json_pointer of_theory("/theory/law/kind");
    table.add(
        {net_label(net["setting"]), text_of(net["setting"], "init"),
         has_law ? text_of(net["law"], "kind") : "none", number_at(net, "/law/exponent", 2),
         has_law ? bounds(net, "/law", 2) : "",
         net.contains(of_theory) && net[of_theory].is_string()
             ? net[of_theory].get<std::string>() + ' ' + number_at(net, "/theory/law/exponent", 2)
             : "-"});
  }
  table.print(out);
}

void print_additive(std::ostream& out, const Row& members) {
  Table table({"net", "init", "rate", "theory", "verdict"});
  for (const Row& net : members) {
    table.add({net_label(net["setting"]), text_of(net["setting"], "init"),
               number_at(net, "/rate/value", 4), number_at(net, "/theory/rate", 4), state(net)});
  }
  table.print(out);
}

void print_irnn(std::ostream& out, const Row& members) {
  Table table({"net", "input", "growth of the gradient", "of the outputs", "verdict"});
  const auto grown = [](const Row& curve) {
    return significant(json::real(curve.back()) - json::real(curve.front()));
  };
  for (const Row& net : members) {
    if (status_of(net) != Status::ok) continue;
    Row outputs = net["forward_norm"];  // by depth: the outputs come first
    table.add({net_label(net["setting"]), text_of(net["setting"], "input"),
               grown(net["ln_norm"]["median"]),
               significant(json::real(outputs.front()) - json::real(outputs.back())), state(net)});
  }
  table.print(out);
}

void print_memory(std::ostream& out, const Row& members) {
  Table table({"net", "init", "verdict", "E (dL/dw)^2", "theory"});
  for (const Row& net : members) {
    table.add({net_label(net["setting"]), text_of(net["setting"], "init"), state(net),
               number_at(net, "/weight_gradient/sum_squared_mean", 4),
               number_at(net, "/weight_gradient/theory/sum_squared_mean", 4)});
  }
  table.print(out);
}

void print_horizons(std::ostream& out, const Row& members) {
  Table table({"net", "init", "slopes", "f32", "f32_ftz", "bf16", "f16"});
  for (const Row& net : members) {
    const Row& setting = net["setting"];
    const std::string bias = text_of(setting, "bias");
    std::vector<std::string> cells{net_label(setting) + (bias == "constant:0" ? "" : ", b " + bias),
                                   text_of(setting, "init"), text_of(net["setting"], "slope")};
    if (!net.contains("precision")) continue;
    for (const Row& format : net["precision"]) {
      const double lost = json::real_at(format, "/lost_at");
      cells.push_back(std::isnan(lost) ? "never" : significant(lost));
    }
    table.add(cells);
  }
  table.print(out);
}

struct Printed {
  const char* study;
  const char* title;
  void (*print)(std::ostream& out, const Row& members);
};
constexpr std::array all_printed{
    Printed{"blame", "Who is to blame: ln-norm per map by slopes and by weights", print_blame},
    Printed{"windows", "Gains between which the gradient stays within a factor of ten",
            print_windows},
    Printed{"laws", "Laws: exponential, power or stretched exponential", print_net_laws},
    Printed{"additive", "Additive nets: sums of earlier states", print_additive},
    Printed{"irnn", "IRNN: ln of its outputs beside its gradient", print_irnn},
    Printed{"memory", "The curse of memory: h' = w h + x, where nothing explodes", print_memory},
    Printed{"precision", "Depth at which a format has lost the gradient", print_horizons}};

}  // namespace

std::string net_label(const Row& setting) {
  std::string label = text_of(setting, "net");
  const auto cell = RecurrentCell::find(label);
  if (cell == RecurrentCell("additive")) {
    label += ' ' + text_of(setting, "form");
  } else if (!cell || (*cell)->takes_activation) {
    label += ' ' + text_of(setting, "activation");
  }
  const std::string share = text_of(setting, "share");
  if (cell && share == "off") label += ", fresh W";
  if (!cell && share == "on") label += ", one W";
  const double forget_bias = json::real_at(setting, "/forget_bias");
  if (forget_bias != 0 && !std::isnan(forget_bias)) label += ", b_f " + significant(forget_bias);
  return label;
}

void print_net_study(std::ostream& out, const Row& row) {
  const std::string study = text_of(row, "study");
  for (const Printed& printed : all_printed) {
    if (study != printed.study) continue;
    out << '\n' << printed.title << '\n';
    printed.print(out, row["nets"]);
  }
}

}  // namespace gradepth
