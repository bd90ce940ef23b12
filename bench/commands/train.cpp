#include "bench/commands/train.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iostream>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "bench/cli/command_line.h"
#include "bench/cli/commands.h"
#include "bench/cli/common_options.h"
#include "bench/cli/knob_flags.h"
#include "bench/cli/names.h"
#include "bench/rows/output.h"
#include "bench/timing/machine.h"
#include "host/device/threads.h"
#include "host/growth/study/seeds.h"
#include "host/providers/provider.h"
#include "host/train/knobs.h"
#include "host/train/row.h"

namespace gradepth {
namespace {

using nlohmann::ordered_json;
using train::TrainResult;
using train::TrainSpec;

/// What is no knob of one run.
struct Request {
  std::vector<std::string> nets = all_names(train::train_nets);
  std::string provider = "cpu";
  std::string format = "table";
  std::uint64_t seeds = 1;
};

TrainSpec spec_of_digits() {
  TrainSpec spec;
  spec.data = digits_path();
  return spec;
}

/// Knobs in the table's order; what is none of them stands where it is looked for.
void add_flags(CLI::App& command, KnobFlags<TrainSpec>& knobs, Request& request) {
  for (const auto& knob : train::train_knobs()) {
    if (knob.flag == "--net") {
      command.add_option("--net", request.nets, knob.help)
          ->delimiter(',')
          ->capture_default_str()
          ->transform([&names = names_of_enum(knob.names)](const std::string& text) {
            return names.canonical("--net", text);
          });
      continue;
    }
    if (knob.flag == "--dtype") {
      command.add_option("--provider", request.provider, "who runs the net")->capture_default_str();
    }
    knobs.add(knob);
  }
  command.add_option("--seeds", request.seeds, "number of seeds, one run each")
      ->capture_default_str();
  add_name_option(command, "--format", request.format, format_names(),
                  "table, json (one object per line) or csv");
}

/// Spec of the first seed of each net.
std::vector<TrainSpec> specs_by_net(const KnobFlags<TrainSpec>& knobs, const Request& request) {
  TrainSpec spec = spec_of_digits();
  knobs.set(spec);
  std::vector<TrainSpec> specs;
  for (const std::string& net : request.nets) {
    train::train_knobs().at("--net").parse(spec, net);
    specs.push_back(spec);
  }
  knobs.refuse_without_effect(specs);
  if (request.seeds < 1 || request.seeds > 1000) {
    refuse("--seeds", std::to_string(request.seeds), "a whole number from 1 to 1000");
  }
  if (spec.seed > std::numeric_limits<std::uint64_t>::max() - (request.seeds - 1)) {
    refuse("--seed", std::to_string(spec.seed), "the last of --seeds must be below 2^64");
  }
  return specs;
}

/// One run per net and seed.
std::vector<TrainSpec> runs(const std::vector<TrainSpec>& specs, std::uint64_t seeds) {
  std::vector<TrainSpec> all;
  for (TrainSpec spec : specs) {
    train::validate(spec);
    for (std::uint64_t i = 0; i < seeds; ++i) {
      all.push_back(spec);
      ++spec.seed;
    }
  }
  return all;
}

/// The results of all runs where this machine lacks the provider; empty where it has it.
/// std::invalid_argument for a name that no provider has.
std::vector<TrainResult> missing(const std::vector<TrainSpec>& specs, const Providers& providers,
                                 const std::string& name) {
  std::vector<TrainResult> results;
  for (const Missing& lacking : providers.missing) {
    if (!Names({lacking.name}).find(name)) continue;
    for (const TrainSpec& spec : specs) {
      TrainResult& result = results.emplace_back();
      result.spec = train::with_defaults(spec);
      result.provider = lacking.name;
      result.status = Status::unsupported;
      result.reason = lacking.reason;
    }
  }
  return results;
}

/// Trains all of them, side by side where the provider's plans can be. `ended` gets the results in
/// the order of the specs, one call at a time.
void train_side_by_side(const std::vector<TrainSpec>& specs, Provider& provider,
                        const std::function<void(const TrainResult&)>& ended) {
  std::mutex telling;
  std::vector<std::optional<TrainResult>> results(specs.size());
  std::size_t told = 0;
  const auto one = [&](int& /*state*/, std::size_t i) {
    TrainResult result = train::train(specs[i], provider, [&](const train::Epoch& epoch) {
      const std::lock_guard lock(telling);
      std::cerr << "train " << specs[i].net.name() << " seed " << specs[i].seed << ": step "
                << epoch.step << ", loss " << significant(epoch.loss) << ", test accuracy "
                << significant(epoch.accuracy) << '\n';
    });
    const std::lock_guard lock(telling);
    results[i] = std::move(result);
    for (; told < results.size() && results[told]; ++told) ended(*results[told]);
  };
  const int threads = provider.is_concurrent() ? available_threads() : 1;
  growth::for_each_seed(
      specs.size(), threads, [] { return 0; }, one);
}

void run(const std::vector<TrainSpec>& specs, const Request& request, int& exit_status) {
  // One thread for each run: then the number of cores does not change a bit of the result.
  const Providers providers = make_providers({.threads = 1});
  Output output(request.format, machinery());
  const auto ended = [&](const TrainResult& result) {
    if (result.status != Status::ok) {
      exit_status = 1;
      std::cerr << "train " << result.spec.net.name() << ": " << name(result.status) << ": "
                << result.reason << '\n';
    }
    output.add(train::to_row(result));
  };
  const std::vector<TrainResult> lacking = missing(specs, providers, request.provider);
  std::for_each(lacking.begin(), lacking.end(), ended);
  if (lacking.empty())
    train_side_by_side(specs, select_provider(providers, request.provider), ended);
  if (output.is_table()) train_table(output.rows()).print(std::cout);
  output.print_csv_of(train_columns(), output.rows());
}

std::string number_text(const ordered_json& value) {
  return value.is_number() ? significant(value.get<double>()) : "-";
}

}  // namespace

std::string digits_path() { return std::string(GRADEPTH_SOURCE_DIR) + "/bench/data/digits.csv"; }

std::vector<TrainSpec> quick_training() {
  std::vector<TrainSpec> specs;
  for (const train::TrainNet& net : train::train_nets) {
    TrainSpec spec;
    spec.net = net;
    spec.data = digits_path();
    spec.epochs = 20;
    specs.push_back(spec);
  }
  return specs;
}

std::vector<Column> train_columns() {
  return with_common_columns({{"task", "/task"},
                              {"net", "/net"},
                              {"seed", "/seed"},
                              {"width", "/width"},
                              {"batch", "/batch"},
                              {"optimiser", "/optimiser"},
                              {"learning_rate", "/learning_rate"},
                              {"clip_norm", "/clip_norm"},
                              {"clip_value", "/clip_value"},
                              {"steps", "/steps"},
                              {"loss_nats", "/loss"},
                              {"baseline_loss_nats", "/baseline_loss"},
                              {"test_accuracy_fraction", "/test_accuracy"},
                              {"clipped_fraction", "/clipped_fraction"},
                              {"skipped_updates", "/skipped_updates"},
                              {"gradient_norm_median", "/gradient_norm/median"},
                              {"gradient_norm_max", "/gradient_norm/max"},
                              {"seconds", "/seconds"}});
}

Table train_table(const std::vector<ordered_json>& rows) {
  Table table({"net", "seed", "status", "steps", "loss", "accuracy", "clipped", "|g|", "seconds"});
  for (const ordered_json& row : rows) {
    const auto text = [&](const char* key) { return row.value(key, std::string("-")); };
    const bool ok = status_of(row) == Status::ok;
    const ordered_json none;
    const auto value = [&](const char* key) { return number_text(ok ? row.at(key) : none); };
    table.add({text("net"), std::to_string(row.value("seed", std::uint64_t{0})), text("status"),
               ok ? std::to_string(row.at("steps").get<std::uint64_t>()) : "-", value("loss"),
               value("test_accuracy"), value("clipped_fraction"),
               number_text(ok && row.at("gradient_norm").is_object()
                               ? row.at("gradient_norm").at("median")
                               : none),
               value("seconds")});
  }
  return table;
}

void add_train_command(CLI::App& app, int& exit_status) {
  CLI::App* command =
      app.add_subcommand("train", "Train a recurrent net and watch its loss and gradient");
  auto knobs =
      std::make_shared<KnobFlags<TrainSpec>>(*command, train::train_knobs(), spec_of_digits());
  auto request = std::make_shared<Request>();
  add_flags(*command, *knobs, *request);
  command->callback([knobs, request, &exit_status] {
    run(runs(specs_by_net(*knobs, *request), request->seeds), *request, exit_status);
  });
}

}  // namespace gradepth
