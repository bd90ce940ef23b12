#include "host/train/knobs.h"

#include <cmath>

#include "host/knobs/field.h"

namespace gradepth::train {
namespace {

using Knob = gradepth::Knob<TrainSpec>;
using Rules = KnobRules<TrainSpec>;

/// A field of the spec, or of its clip.
template <class Field>
auto of(Field TrainSpec::*field) {
  return [field](auto& spec) -> auto& { return spec.*field; };
}
template <class Field>
auto of(Field Clip::*field) {
  return [field](auto& spec) -> auto& { return spec.clip.*field; };
}

/// Names in the order of an enum, or those of a list's entries.
template <class Field>
Knob named(const std::string& flag, const Names& names, const std::string& help,
           Field TrainSpec::*field, Rules rules = {}) {
  return field_knob<TrainSpec>(flag, names, help, of(field), std::move(rules));
}

std::function<void(const TrainSpec&, const std::string&)> check_count(auto at, std::int64_t most) {
  return [at, most](const TrainSpec& s, const std::string& given) {
    const std::optional<std::int64_t> count = at(s);
    if (!count || (*count >= 1 && *count <= most)) return;
    throw Refused(given, "a whole number from 1 to " + std::to_string(most));
  };
}

Knob count(const std::string& flag, const std::string& help, auto at, std::int64_t most,
           Rules rules = {}) {
  rules.check = check_count(at, most);
  return field_knob<TrainSpec>(flag, {}, help, at, std::move(rules));
}

/// A number that is not negative.
Knob size(const std::string& flag, const std::string& help, auto at) {
  Rules rules;
  rules.check = [at](const TrainSpec& s, const std::string& given) {
    const std::optional<double> number = at(s);
    if (!number || (std::isfinite(*number) && *number >= 0)) return;
    throw Refused(given, "a finite number, 0 or above");
  };
  return field_knob<TrainSpec>(flag, {}, help, at, std::move(rules));
}

Knob task() {
  return named("--task", Names({task_names.begin(), task_names.end()}),
               "digits: 64 pixels of a handwritten digit one by one, 10 classes", &TrainSpec::task);
}

/// Of the command, which takes several, each net is a run.
Knob net() {
  const Names nets(all_names(train_nets));
  return named("--net", nets, "one or more of " + nets.list(), &TrainSpec::net);
}

Knob init() {
  Rules rules;
  rules.applies = [](const TrainSpec& s) { return s.net->takes_init; };
  rules.tag = [](const TrainSpec& s) {
    return s.net->takes_init && s.init == Start::gaussian ? std::string(name(s.init)) : "";
  };
  return named("--init",
               Names({start_names.begin(), start_names.end()},
                     {{"orthogonal:1", "orthogonal"}, {"gaussian:1", "gaussian"}}),
               "elman-tanh's recurrent weights: orthogonal or gaussian, gain 1", &TrainSpec::init,
               std::move(rules));
}

Knob epochs() {
  Rules rules;
  rules.in_setting = Shown::never;
  rules.check_given = [](const TrainSpec& s) {
    if (s.steps) throw Refused(std::to_string(s.epochs), "not beside --steps");
  };
  return count("--epochs", "passes over the training part", of(&TrainSpec::epochs), 1'000'000,
               std::move(rules));
}

Knob data() {
  Knob knob =
      field_knob<TrainSpec>("--data", {}, "CSV file: 64 pixels 0..16 and the class per line",
                            of(&TrainSpec::data), {.in_setting = Shown::never});
  knob.identify = [](IdentityText& id, const TrainSpec& s) {
    id.add("data", checksum_of_file(s.data));
  };
  return knob;
}

}  // namespace

const KnobTable<TrainSpec>& train_knobs() {
  static const KnobTable<TrainSpec> table(
      {task(), net(), init(),
       size("--input-scale", "deviation of the input weights; without it, the net's own",
            of(&TrainSpec::input_scale)),
       count("--width", "hidden units", of(&TrainSpec::width), 4096),
       count("--batch", "samples per update", of(&TrainSpec::batch), 1'000'000), epochs(),
       count("--steps", "updates, instead of epochs", of(&TrainSpec::steps), 1'000'000'000,
             {.in_setting = Shown::never}),
       named("--optimiser,--optimizer", Names({method_names.begin(), method_names.end()}),
             "adam or sgd", &TrainSpec::optimiser),
       size("--learning-rate", "step size; without it, the net's own",
            of(&TrainSpec::learning_rate)),
       size("--clip-norm", "largest norm of the whole gradient; 0: off", of(&Clip::norm)),
       size("--clip-value", "largest element of the gradient; 0: off", of(&Clip::value)), data(),
       field_knob<TrainSpec>("--dtype", dtype_names(), dtype_names().list(), of(&TrainSpec::dtype),
                             {.in_setting = Shown::never}),
       field_knob<TrainSpec>("--seed", {}, "first seed", of(&TrainSpec::seed))},
      {.identity = {"task", "net", "init", "input_scale", "width", "batch", "epochs", "steps",
                    "optimiser", "learning_rate", "clip_norm", "clip_value", "dtype", "seed",
                    "data"},
       .setting = {"task", "net", "init", "input_scale", "seed", "width", "batch", "optimiser",
                   "learning_rate", "clip_norm", "clip_value"}});
  return table;
}

}  // namespace gradepth::train
