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
#include "bench/cli/names.h"
#include "bench/rows/output.h"
#include "bench/timing/machine.h"
#include "host/device/threads.h"
#include "host/growth/study/seeds.h"
#include "host/providers/provider.h"
#include "host/train/row.h"

namespace gradepth {
namespace {

using nlohmann::ordered_json;
using train::TrainResult;
using train::TrainSpec;

/// What the flags say.
struct Flags {
  TrainSpec spec;
  std::vector<std::string> nets{"elman-tanh", "irnn", "lstm"};
  std::string dtype = "f32";
  std::string provider = "cpu";
  std::string format = "table";
  std::uint64_t seeds = 1;
};

const Names& task_names() {
  static const Names names({"digits"});
  return names;
}

const Names& train_net_names() {
  static const Names names({"elman-tanh", "irnn", "lstm"});
  return names;
}

const Names& train_init_names() {
  static const Names names({"orthogonal", "gaussian"},
                           {{"orthogonal:1", "orthogonal"}, {"gaussian:1", "gaussian"}});
  return names;
}

const Names& optimiser_names() {
  static const Names names({"adam", "sgd"});
  return names;
}

void add_flags(CLI::App& command, Flags& flags) {
  TrainSpec& spec = flags.spec;
  const auto add = [&](const char* flag, auto& value, const std::string& text) {
    command.add_option(flag, value, text)->capture_default_str();
  };
  const auto name = [&](const char* flag, std::string& value, const Names& names,
                        const std::string& text) {
    add_name_option(command, flag, value, names, text);
  };
  name("--task", spec.task, task_names(),
       "digits: 64 pixels of a handwritten digit one by one, 10 classes");
  command.add_option("--net", flags.nets, "one or more of " + train_net_names().list())
      ->delimiter(',')
      ->capture_default_str()
      ->transform(
          [](const std::string& text) { return train_net_names().canonical("--net", text); });
  name("--init", spec.init, train_init_names(),
       "elman-tanh's recurrent weights: orthogonal or gaussian, gain 1");
  command.add_option("--input-scale", spec.input_scale,
                     "deviation of the input weights; without it, the net's own");
  add("--width", spec.width, "hidden units");
  add("--batch", spec.batch, "samples per update");
  add("--epochs", spec.epochs, "passes over the training part");
  command.add_option("--steps", spec.steps, "updates, instead of epochs");
  name("--optimiser,--optimizer", spec.optimiser, optimiser_names(), optimiser_names().list());
  command.add_option("--learning-rate", spec.learning_rate, "step size; without it, the net's own");
  add("--clip-norm", spec.clip.norm, "largest norm of the whole gradient; 0: off");
  add("--clip-value", spec.clip.value, "largest element of the gradient; 0: off");
  add("--data", spec.data, "CSV file: 64 pixels 0..16 and the class per line");
  add("--provider", flags.provider, "who runs the net");
  name("--dtype", flags.dtype, dtype_names(), dtype_names().list());
  add("--seed", spec.seed, "first seed");
  add("--seeds", flags.seeds, "number of seeds, one run each");
  name("--format", flags.format, format_names(), "table, json (one object per line) or csv");
}

void validate(const Flags& flags) {
  if (flags.seeds < 1 || flags.seeds > 1000) {
    refuse("--seeds", std::to_string(flags.seeds), "a whole number from 1 to 1000");
  }
  if (flags.spec.seed > std::numeric_limits<std::uint64_t>::max() - (flags.seeds - 1)) {
    refuse("--seed", std::to_string(flags.spec.seed), "the last of --seeds must be below 2^64");
  }
}

/// Refuses what was given and changes nothing.
void refuse_without_effect(const CLI::App& command, const Flags& flags) {
  if (command.count("--steps") > 0 && command.count("--epochs") > 0) {
    refuse("--epochs", std::to_string(flags.spec.epochs), "not beside --steps");
  }
  const bool drawn =
      std::find(flags.nets.begin(), flags.nets.end(), "elman-tanh") != flags.nets.end();
  if (command.count("--init") > 0 && !drawn) {
    refuse("--init", flags.spec.init,
           "only for elman-tanh; it changes nothing about " + flags.nets.front());
  }
}

/// One run per net and seed.
std::vector<TrainSpec> runs(const Flags& flags) {
  std::vector<TrainSpec> all;
  for (const std::string& net : flags.nets) {
    TrainSpec spec = flags.spec;
    spec.net = net;
    spec.dtype = parse_dtype(flags.dtype);
    train::validate(spec);
    for (std::uint64_t i = 0; i < flags.seeds; ++i) {
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
      result.status = "unsupported";
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
      std::cerr << "train " << specs[i].net << " seed " << specs[i].seed << ": step " << epoch.step
                << ", loss " << significant(epoch.loss) << ", test accuracy "
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

void run(const Flags& flags, int& exit_status) {
  validate(flags);
  const auto specs = runs(flags);
  // One thread for each run: then the number of cores does not change a bit of the result.
  const Providers providers = make_providers({.threads = 1});
  Output output(flags.format, machinery());
  const auto ended = [&](const TrainResult& result) {
    if (result.status != "ok") {
      exit_status = 1;
      std::cerr << "train " << result.spec.net << ": " << result.status << ": " << result.reason
                << '\n';
    }
    output.add(train::to_row(result));
  };
  const std::vector<TrainResult> lacking = missing(specs, providers, flags.provider);
  std::for_each(lacking.begin(), lacking.end(), ended);
  if (lacking.empty()) train_side_by_side(specs, select_provider(providers, flags.provider), ended);
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
  for (const char* net : {"elman-tanh", "irnn", "lstm"}) {
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
    const bool ok = text("status") == "ok";
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
  auto flags = std::make_shared<Flags>();
  flags->spec.data = digits_path();
  CLI::App* command =
      app.add_subcommand("train", "Train a recurrent net and watch its loss and gradient");
  add_flags(*command, *flags);
  command->callback([command, flags, &exit_status] {
    refuse_without_effect(*command, *flags);
    run(*flags, exit_status);
  });
}

}  // namespace gradepth
