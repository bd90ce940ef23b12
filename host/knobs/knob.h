#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "host/knobs/names.h"
#include "host/knobs/refused.h"
#include "host/problem/identity.h"
#include "host/text/json.h"

/// A knob is what a user may set about a study: everything that is to be said of it stands in one
/// entry of one table. Flags and their help, the axes of a sweep, a row's name, its `setting`, its
/// identity and the refusal of what has no effect all come from there.
namespace gradepth {

/// What a flag takes, as --help says it.
enum class Takes : std::uint8_t { text, whole, natural, number, nothing };

/// Whether a row's `setting` has the knob.
enum class Shown : std::uint8_t { where_it_applies, always, never };

/// How --sweep turns a knob.
template <class Spec>
struct KnobSweep {
  std::string key = {};                         // --sweep KEY; empty: not at all
  std::function<void(Spec&, double)> set = {};  // throws Refused: what is allowed
  std::vector<std::string> sets = {};           // which of the identity's keys; empty: all of them
};

/// What a knob may have beside its value; all of it may be empty.
template <class Spec>
struct KnobRules {
  std::string key = {};                             // in rows; empty: the flag's words
  std::function<bool(const Spec&)> applies = {};    // whether it says anything about the net
  std::function<bool(const Spec&)> says_none = {};  // a value that is true of every net
  Shown in_setting = Shown::where_it_applies;
  std::function<json::Value(const Spec&)> shown = {};  // there; null: not there
  std::function<std::string(const Spec&)> tag = {};    // in the row's name; "": nothing
  /// Throws Refused for a value that does not fit the rest. `given` is the text of the flag.
  std::function<void(const Spec&, const std::string& given)> check = {};
  /// The same for what was given and has no effect.
  std::function<void(const Spec&)> check_given = {};
  KnobSweep<Spec> sweep = {};
};

template <class Spec>
struct Knob {
  std::string flag;  // --clip-value; other spellings behind a comma
  std::string help;
  Takes takes = Takes::text;
  std::optional<Names> names = {};  // if it takes names
  /// From the flag's text; throws Refused. Empty: the command reads it.
  std::function<void(Spec&, const std::string&)> parse = {};
  std::function<std::string(const Spec&)> text = {};  // as on the command line
  /// Everything that decides a result, with all digits.
  std::function<void(IdentityText&, const Spec&)> identify = {};
  KnobRules<Spec> rules = {};

  /// Its first spelling.
  [[nodiscard]] std::string first_flag() const { return flag.substr(0, flag.find(',')); }
  /// `clip_value`, unless the rules say something else.
  [[nodiscard]] std::string key() const {
    if (!rules.key.empty()) return rules.key;
    std::string words = first_flag().substr(2);
    std::replace(words.begin(), words.end(), '-', '_');
    return words;
  }
  /// What `look` refuses is this knob's: std::invalid_argument with the flag before it.
  template <class Look>
  void named(Look look) const {
    try {
      look();
    } catch (const Refused& refused) {
      throw std::invalid_argument(first_flag() + ' ' + refused.what());
    }
  }
  [[nodiscard]] bool applies(const Spec& spec) const {
    return !rules.applies || rules.applies(spec);
  }
  [[nodiscard]] IdentityText identity(const Spec& spec) const {
    IdentityText exactly;
    identify(exactly, spec);
    return exactly;
  }
  [[nodiscard]] json::Value setting(const Spec& spec) const {
    const bool is_shown = rules.in_setting == Shown::always ||
                          (rules.in_setting == Shown::where_it_applies && applies(spec));
    return is_shown ? rules.shown(spec) : json::Value(nullptr);
  }
};

/// Orders that are older than the table, of keys. What stands in none of them comes behind, as in
/// the table. What `identity` lacks is younger than rows that exist: it is said only where it is
/// not at its default, so that they still answer what they answered.
struct KnobOrders {
  std::vector<std::string> identity = {};  // the identity's keys
  std::vector<std::string> setting = {};
  std::vector<std::string> name = {};
  std::vector<std::string> sweep = {};  // keys of --sweep
};

/// All knobs of a study, in the order of --help.
template <class Spec>
class KnobTable {
 public:
  KnobTable(std::vector<Knob<Spec>> knobs, KnobOrders orders)
      : knobs_(std::move(knobs)), orders_(std::move(orders)) {
    for (const Knob<Spec>& knob : knobs_) {
      const std::vector<std::string> keys = knob.identity(Spec{}).keys();
      const bool is_old = place(orders_.identity, keys.front()) < orders_.identity.size();
      is_old_.push_back(is_old);
    }
  }

  [[nodiscard]] auto begin() const { return knobs_.begin(); }
  [[nodiscard]] auto end() const { return knobs_.end(); }
  [[nodiscard]] const KnobOrders& orders() const { return orders_; }

  /// By its first flag. std::logic_error if there is none.
  [[nodiscard]] const Knob<Spec>& at(std::string_view flag) const {
    for (const Knob<Spec>& knob : knobs_) {
      if (knob.first_flag() == flag) return knob;
    }
    throw std::logic_error("no knob has the flag " + std::string(flag));
  }

  /// Refuses values that are out of range, or do not fit each other: std::invalid_argument, one
  /// line that names the flag, the value and what is allowed.
  void check(const Spec& spec) const {
    for (const Knob<Spec>& knob : knobs_) {
      if (knob.rules.check) knob.named([&] { knob.rules.check(spec, knob.text(spec)); });
    }
  }

  /// Every knob, exactly.
  [[nodiscard]] IdentityText identity(const Spec& spec) const {
    IdentityText text;
    for_each_said(spec, [&](const Knob<Spec>& knob) { text.add(knob.identity(spec)); });
    return text.in_order(orders_.identity);
  }

  /// The part of a row that says how the net was set.
  [[nodiscard]] json::Value setting(const Spec& spec) const {
    std::vector<std::pair<std::string, json::Value>> shown;
    for_each_said(spec, [&](const Knob<Spec>& knob) {
      if (json::Value value = knob.setting(spec); !value.is_null()) {
        shown.emplace_back(knob.key(), std::move(value));
      }
    });
    sort(shown, orders_.setting, [](const auto& entry) { return entry.first; });
    json::Value setting = json::Value::object();
    for (auto& [key, value] : shown) setting[key] = std::move(value);
    return setting;
  }

  /// `gaussian:1_b-gaussian:0.1_sparse`: a row's name says how the net is drawn.
  [[nodiscard]] std::string tags(const Spec& spec) const {
    std::string tags;
    for (const Knob<Spec>* knob : sorted(orders_.name, [](const auto& k) { return k.key(); })) {
      if (!knob->rules.tag) continue;
      const std::string tag = knob->rules.tag(spec);
      if (!tag.empty()) tags += (tags.empty() ? "" : "_") + tag;
    }
    return tags;
  }

  /// Keys of --sweep.
  [[nodiscard]] std::vector<std::string> sweep_keys() const {
    std::vector<std::string> keys;
    for (const Knob<Spec>* knob : sorted(orders_.sweep, key_of_sweep)) {
      if (knob->rules.sweep.set) keys.push_back(knob->rules.sweep.key);
    }
    return keys;
  }
  /// nullptr for a key that is none.
  [[nodiscard]] const Knob<Spec>* find_swept(std::string_view key) const {
    const auto found = std::find_if(knobs_.begin(), knobs_.end(), [&](const Knob<Spec>& knob) {
      return knob.rules.sweep.set && knob.rules.sweep.key == key;
    });
    return found == knobs_.end() ? nullptr : &*found;
  }

  /// The nets that the knob says anything about, `lstm, gru`.
  [[nodiscard]] std::string nets_of(const Knob<Spec>& knob) const {
    std::string nets;
    for (const std::string& net : names_of_enum(at("--net").names).all()) {
      Spec spec;
      at("--net").parse(spec, net);
      if (knob.applies(spec)) nets += (nets.empty() ? "" : ", ") + net;
    }
    return nets;
  }
  /// Why it was given for nothing.
  [[nodiscard]] std::string without_effect(const Knob<Spec>& knob, const Spec& spec) const {
    return "only for " + nets_of(knob) + "; it changes nothing about " + at("--net").text(spec);
  }

 private:
  static std::size_t place(const std::vector<std::string>& order, std::string_view key) {
    return static_cast<std::size_t>(std::find(order.begin(), order.end(), key) - order.begin());
  }
  template <class T, class KeyOf>
  static void sort(std::vector<T>& list, const std::vector<std::string>& order, KeyOf key_of) {
    std::stable_sort(list.begin(), list.end(), [&](const T& a, const T& b) {
      return place(order, key_of(a)) < place(order, key_of(b));
    });
  }
  template <class KeyOf>
  [[nodiscard]] std::vector<const Knob<Spec>*> sorted(const std::vector<std::string>& order,
                                                      KeyOf key_of) const {
    std::vector<const Knob<Spec>*> list;
    list.reserve(knobs_.size());
    for (const Knob<Spec>& knob : knobs_) list.push_back(&knob);
    sort(list, order, [&](const Knob<Spec>* knob) { return key_of(*knob); });
    return list;
  }
  static std::string key_of_sweep(const Knob<Spec>& knob) { return knob.rules.sweep.key; }

  template <class Visit>
  void for_each_said(const Spec& spec, Visit visit) const {
    const Spec plain;
    for (std::size_t i = 0; i < knobs_.size(); ++i) {
      const Knob<Spec>& knob = knobs_[i];
      if (is_old_[i] || knob.identity(spec).text() != knob.identity(plain).text()) visit(knob);
    }
  }

  std::vector<Knob<Spec>> knobs_;
  KnobOrders orders_;
  std::vector<bool> is_old_;
};

}  // namespace gradepth
