#include "host/problem/kinds/parts.h"

#include <algorithm>
#include <stdexcept>

#include "host/text/not_finite.h"

namespace gradepth::kinds {

std::string shown(std::string_view text, const char* none) {
  constexpr std::size_t most = 200;
  if (text.empty()) return none;
  std::string line(text.substr(0, most));
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return text.size() > most ? line + "..." : line;
}

std::optional<std::int64_t> read_whole(std::string_view text, std::int64_t least,
                                       std::int64_t most) {
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
  const std::optional<std::int64_t> value = decimal_whole<std::int64_t>(text);
  return value && *value >= least && *value <= most ? value : std::nullopt;
}

std::optional<double> read_number(std::string_view text) {
  return text == "inf" ? infinity : decimal_number(text);
}

std::string_view NameReader::take_word() {
  last_ = rest_.substr(0, rest_.find('/'));
  rest_.remove_prefix(std::min(last_.size() + 1, rest_.size()));
  return last_;
}

std::string_view NameReader::detail() const {
  return rest_.substr(0, rest_.find_first_of("_/", 1));
}

std::optional<std::string_view> NameReader::after(std::string_view label, bool bare) const {
  if (!rest_.starts_with(label)) return std::nullopt;
  const std::string_view behind = rest_.substr(label.size());
  const std::string_view value = behind.substr(0, behind.find_first_of("_/"));
  if (bare && !value.empty()) return std::nullopt;
  return value;
}

void NameReader::take(std::string_view label, std::string_view value) {
  const std::size_t length = label.size() + value.size();
  last_ = rest_.substr(0, length);
  rest_.remove_prefix(length);
  if (rest_.size() > 1 && rest_[0] == '_') rest_.remove_prefix(1);
}

void NameReader::refuse(const std::string& message) const {
  throw std::invalid_argument("problem " + shown(name_, "\"\"") + ": " + message);
}

void NameReader::expect_end(const std::vector<std::string>& may_stand) const {
  if (rest_.empty()) return;
  std::string allowed;
  if (rest_[0] != '/') {
    for (const std::string& label : may_stand) allowed += (allowed.empty() ? "" : ", ") + label;
  }
  refuse(shown(detail()) + ": " + (allowed.empty() ? "nothing" : allowed) + " may stand after " +
         shown(last_));
}

}  // namespace gradepth::kinds
