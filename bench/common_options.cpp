#include "bench/common_options.h"

#include <sstream>
#include <stdexcept>

namespace gradepth {

void add_format_option(CLI::App& command, std::string& format) {
  command.add_option("--format", format, "table, json or csv")
      ->check(CLI::IsMember({"table", "json", "csv"}))
      ->capture_default_str();
}

void add_math_option(CLI::App& command, std::string& math) {
  command.add_option("--math", math, "products of f32 matrices on a GPU: fma, or tf32")
      ->check(CLI::IsMember({"fma", "tf32"}))
      ->capture_default_str();
}

void add_variant_option(CLI::App& command, std::string& variant) {
  command
      .add_option("--variant", variant,
                  "how simt and cuda run recurrent layers: auto, small, persistent, steps or graph")
      ->check(CLI::IsMember({"auto", "small", "persistent", "steps", "graph"}))
      ->capture_default_str();
}

std::vector<Provider*> select_providers(const Providers& providers, const std::string& names) {
  std::vector<Provider*> selected;
  std::string known;
  for (const auto& provider : providers.present) {
    if (names == "all") selected.push_back(provider.get());
    if (!known.empty()) known += ", ";
    known += provider->name();
  }
  if (names == "all") return selected;
  known += ", all";
  std::istringstream list(names);
  for (std::string wanted; std::getline(list, wanted, ',');) {
    if (Provider* provider = find(providers, wanted)) {
      selected.push_back(provider);
      continue;
    }
    for (const Missing& missing : providers.missing) {
      if (missing.name != wanted) continue;
      throw std::runtime_error("--provider " + wanted + ": " + missing.reason);
    }
    throw std::invalid_argument("--provider " + wanted + ": one of " + known);
  }
  return selected;
}

std::vector<Provider*> timed_providers(const Providers& providers) {
  std::vector<Provider*> timed;
  for (const auto& provider : providers.present) {
    if (provider->name() != "reference" && provider->name() != "simt") {
      timed.push_back(provider.get());
    }
  }
  return timed;
}

}  // namespace gradepth
