#include "bench/cli/common_options.h"

#include <algorithm>
#include <stdexcept>

namespace gradepth {

CLI::Option* add_name_option(CLI::App& command, const std::string& flag, std::string& value,
                             const Names& names, const std::string& help) {
  const std::string shown = flag.substr(0, flag.find(','));
  return command.add_option(flag, value, help)
      ->capture_default_str()
      ->transform(
          [shown, &names](const std::string& text) { return names.canonical(shown, text); });
}

void add_format_option(CLI::App& command, std::string& format) {
  add_name_option(command, "--format", format, format_names(), format_names().list());
}

void add_math_option(CLI::App& command, std::string& math) {
  add_name_option(command, "--math", math, math_names(),
                  "products of f32 matrices on a GPU: fma, or tf32");
}

void add_variant_option(CLI::App& command, std::string& variant) {
  add_name_option(command, "--variant", variant, variant_names(),
                  "how simt and cuda run recurrent layers: " + variant_names().list());
}

namespace {

/// The present provider of that name; `also` is what else the flag takes.
Provider& select(const Providers& providers, const std::string& wanted, const std::string& flag,
                 const std::vector<std::string>& also) {
  for (const Missing& missing : providers.missing) {
    if (Names({missing.name}).find(wanted)) {
      throw std::runtime_error((flag + ' ').append(wanted).append(": ").append(missing.reason));
    }
  }
  std::vector<std::string> known;
  known.reserve(providers.present.size() + also.size());
  for (const auto& provider : providers.present) known.emplace_back(provider->name());
  known.insert(known.end(), also.begin(), also.end());
  return *find(providers, Names(known).canonical(flag, wanted));
}

}  // namespace

std::vector<Provider*> select_providers(const Providers& providers, const std::string& names) {
  std::vector<Provider*> selected;
  const auto add = [&](Provider& provider) {
    if (std::find(selected.begin(), selected.end(), &provider) == selected.end()) {
      selected.push_back(&provider);
    }
  };
  for (std::size_t begin = 0; begin <= names.size();) {
    const std::size_t end = std::min(names.find(',', begin), names.size());
    const std::string wanted = names.substr(begin, end - begin);
    if (Names({"all"}).find(wanted)) {
      for (const auto& provider : providers.present) add(*provider);
    } else {
      add(select(providers, wanted, "--provider", {"all"}));
    }
    begin = end + 1;
  }
  return selected;
}

Provider& select_provider(const Providers& providers, const std::string& name,
                          const std::string& flag) {
  return select(providers, name, flag, {});
}

std::regex compile_filter(const std::string& filter) {
  try {
    return std::regex(filter);
  } catch (const std::regex_error& error) {
    throw std::invalid_argument("--filter " + filter + ": not a regular expression (" +
                                error.what() + ')');
  }
}

std::vector<Provider*> timed_providers(const Providers& providers) {
  std::vector<Provider*> timed;
  for (const auto& provider : providers.present) {
    if (provider_info(provider->name()).is_timed()) timed.push_back(provider.get());
  }
  return timed;
}

}  // namespace gradepth
