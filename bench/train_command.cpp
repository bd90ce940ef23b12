#include "bench/train_command.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

#include "bench/commands.h"
#include "bench/machine.h"
#include "bench/rows/output.h"
#include "host/growth/seeds.h"
#include "host/provider.h"
#include "host/threads.h"
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

void add_flags(CLI::App& command, Flags& flags) {
  TrainSpec& spec = flags.spec;
  const auto add = [&](const char* flag, auto& value, const std::string& text) {
    command.add_option(flag, value, text)->capture_default_str();
  };
  add("--task", spec.task, "digits: 64 pixels of a handwritten digit one by one, 10 classes");
  command.add_option("--net", flags.nets, "one or more of " + std::string(train::net_names))
      ->delimiter(',')
      ->capture_default_str();
  add("--init", spec.init, "elman-tanh's recurrent weights: orthogonal or gaussian, gain 1");
  command.add_option("--input-scale", spec.input_scale,
                     "deviation of the input weights; without it, the net's own");
  add("--width", spec.width, "hidden units");
  add("--batch", spec.batch, "samples per update");
  add("--epochs", spec.epochs, "passes over the training part");
  add("--steps", spec.steps, "updates, instead of epochs; 0: by epochs");
  add("--optimiser", spec.optimiser, "adam or sgd");
  command.add_option("--learning-rate", spec.learning_rate, "step size; without it, the net's own");
  add("--clip-norm", spec.clip.norm, "largest norm of the whole gradient; 0: off");
  add("--clip-value", spec.clip.value, "largest element of the gradient; 0: off");
  add("--data", spec.data, "CSV file: 64 pixels 0..16 and the class per line");
  add("--provider", flags.provider, "who runs the net");
  add("--dtype", flags.dtype, "f64, f32, f16 or bf16");
  add("--seed", spec.seed, "first seed");
  add("--seeds", flags.seeds, "number of seeds, one run each");
  add("--format", flags.format, "table, json (one object per line) or csv");
}

void validate(const Flags& flags) {
  if (flags.format != "table" && flags.format != "json" && flags.format != "csv") {
    throw std::invalid_argument("--format " + flags.format + ": one of table, json, csv");
  }
  if (flags.seeds < 1 || flags.seeds > 1000) {
    throw std::invalid_argument("--seeds " + std::to_string(flags.seeds) +
                                ": a whole number from 1 to 1000");
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

/// The result of a run whose provider this machine lacks. std::invalid_argument for a name that no
/// provider has.
TrainResult missing(const TrainSpec& spec, const Providers& providers, const std::string& name) {
  std::string known;
  for (const auto& present : providers.present) known += std::string(present->name()) + ", ";
  for (const Missing& lacking : providers.missing) {
    known += lacking.name + ", ";
    if (lacking.name == name) {
      TrainResult result;
      result.spec = spec;
      result.provider = name;
      result.status = "unsupported";
      result.reason = lacking.reason;
      return result;
    }
  }
  throw std::invalid_argument("--provider " + name + ": one of " +
                              known.substr(0, known.size() - 2));
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
  if (Provider* provider = find(providers, flags.provider)) {
    train_side_by_side(specs, *provider, ended);
  } else {
    for (const TrainSpec& spec : specs) ended(missing(spec, providers, flags.provider));
  }
  if (output.is_table()) train_table(output.rows()).print(std::cout);
  output.print_csv_of(train_columns(), output.rows());
}

std::string number(const ordered_json& value) {
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
    const auto value = [&](const char* key) { return number(ok ? row.at(key) : none); };
    table.add(
        {text("net"), std::to_string(row.value("seed", 0)), text("status"),
         ok ? std::to_string(row.at("steps").get<int>()) : "-", value("loss"),
         value("test_accuracy"), value("clipped_fraction"),
         number(ok && row.at("gradient_norm").is_object() ? row.at("gradient_norm").at("median")
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
  command->callback([flags, &exit_status] { run(*flags, exit_status); });
}

}  // namespace gradepth
