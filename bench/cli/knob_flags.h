#pragma once

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/cli/command_line.h"
#include "bench/cli/common_options.h"
#include "host/knobs/knob.h"

namespace gradepth {

/// The flags of a table's knobs, and what they were given. It must live as long as the command.
template <class Spec>
class KnobFlags {
 public:
  /// `defaults` stand in --help.
  KnobFlags(CLI::App& command, const KnobTable<Spec>& table, Spec defaults)
      : command_(command), table_(table), defaults_(std::move(defaults)) {}

  void add(const Knob<Spec>& knob) { add(knob, knob.help, knob.names ? &*knob.names : nullptr); }
  void add(std::string_view flag) { add(table_.at(flag)); }
  /// The same, with words of the command's own; `names` must outlive it.
  void add(std::string_view flag, const std::string& help, const Names* names = nullptr) {
    const Knob<Spec>& knob = table_.at(flag);
    add(knob, help, names != nullptr ? names : knob.names ? &*knob.names : nullptr);
  }

  /// Sets what was given. std::invalid_argument, as for all of these: one line that names the flag,
  /// the value and what is allowed.
  void set(Spec& spec) const {
    for (const Given& given : flags_) {
      if (given.option->count() == 0) continue;
      given.knob->named([&] { given.knob->parse(spec, given.value()); });
    }
  }

  /// Refuses values that are out of range, or do not fit each other.
  void check(const Spec& spec) const {
    for (const Given& given : flags_) {
      const Knob<Spec>& knob = *given.knob;
      if (!knob.rules.check) continue;
      const std::string value = given.option->count() > 0 ? given.value() : knob.text(spec);
      knob.named([&] { knob.rules.check(spec, value); });
    }
  }

  /// Refuses what was given and changes nothing about any of the nets.
  void refuse_without_effect(const std::vector<Spec>& specs) const {
    for (const Given& given : flags_) {
      const Knob<Spec>& knob = *given.knob;
      if (given.option->count() == 0) continue;
      const bool is_true = std::any_of(specs.begin(), specs.end(), [&](const Spec& spec) {
        return knob.applies(spec) || (knob.rules.says_none && knob.rules.says_none(spec));
      });
      const Spec& first = specs.front();
      if (!is_true) {
        refuse(knob.first_flag(), given.value(), table_.without_effect(knob, first));
      }
      if (knob.rules.check_given) knob.named([&] { knob.rules.check_given(first); });
    }
  }

 private:
  struct Given {
    const Knob<Spec>* knob;
    std::string text = {};
    bool on = false;
    const CLI::Option* option = nullptr;

    [[nodiscard]] std::string value() const {
      return knob->takes == Takes::nothing ? (on ? "on" : "off") : text;
    }
  };

  /// Of CLI11's help.
  static std::string type(Takes takes) {
    switch (takes) {
      case Takes::whole:
        return "INT";
      case Takes::natural:
        return "UINT";
      case Takes::number:
        return "FLOAT";
      case Takes::text:
      case Takes::nothing:
        break;
    }
    return "TEXT";
  }

  void add(const Knob<Spec>& knob, const std::string& help, const Names* names) {
    Given& given = flags_.emplace_back(Given{&knob, knob.text(defaults_)});
    if (knob.takes == Takes::nothing) {
      given.option = command_.add_flag(knob.flag, given.on, help);
    } else if (names != nullptr) {
      given.option = add_name_option(command_, knob.flag, given.text, *names, help);
    } else {
      CLI::Option* option = command_.add_option(knob.flag, given.text, help);
      option->type_name(type(knob.takes));
      if (!given.text.empty()) option->capture_default_str();
      given.option = option;
    }
  }

  CLI::App& command_;
  const KnobTable<Spec>& table_;
  Spec defaults_;
  std::deque<Given> flags_;  // options hold on to their texts
};

}  // namespace gradepth
