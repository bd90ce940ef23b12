#include "host/problem/kinds/additive_form.h"

#include "host/problem/kinds/common.h"
#include "host/problem/kinds/parts.h"

namespace gradepth {
namespace {

constexpr std::string_view two_term_name = "two-term";
constexpr std::string_view sum_name = "sum";
constexpr std::string_view terms_name = "terms:";

}  // namespace

std::string AdditiveForm::name() const {
  if (*this == two_term) return std::string(two_term_name);
  if (*this == sum) return std::string(sum_name);
  return std::string(terms_name) + std::to_string(terms);
}

std::optional<AdditiveForm> AdditiveForm::find(std::string_view name) {
  if (name == two_term_name) return two_term;
  if (name == sum_name) return sum;
  if (!name.starts_with(terms_name)) return std::nullopt;
  const auto terms = kinds::read_whole(name.substr(terms_name.size()), 1, kinds::max_size);
  return terms ? std::optional(AdditiveForm{*terms}) : std::nullopt;
}

}  // namespace gradepth
