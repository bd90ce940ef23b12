#pragma once

#include <CLI/CLI.hpp>
#include <regex>
#include <string>
#include <vector>

#include "bench/cli/names.h"
#include "host/providers/provider.h"

/// What commands share.
namespace gradepth {

/// Adds a flag that takes one of `names`, which must outlive the command; `value` holds the name as
/// results spell it.
CLI::Option* add_name_option(CLI::App& command, const std::string& flag, std::string& value,
                             const Names& names, const std::string& help);

/// Adds `--format table|json|csv`.
void add_format_option(CLI::App& command, std::string& format);

/// Adds `--math fma|tf32`.
void add_math_option(CLI::App& command, std::string& math);
/// Adds `--variant auto|small|persistent|steps|graph`.
void add_variant_option(CLI::App& command, std::string& variant);

/// The providers named in a comma-separated list, or all present ones for "all".
/// std::invalid_argument for an unknown name; std::runtime_error, with the reason, for one that
/// this machine or build lacks.
std::vector<Provider*> select_providers(const Providers& providers, const std::string& names);

/// The one provider of that name, which `flag` gave; std::invalid_argument for a list as well.
Provider& select_provider(const Providers& providers, const std::string& name,
                          const std::string& flag = "--provider");

/// The regular expression of --filter; std::invalid_argument if it is none.
std::regex compile_filter(const std::string& filter);

/// The present providers that are timed by default. The executor and the reference are made to be
/// right, not fast: they are timed only on request.
std::vector<Provider*> timed_providers(const Providers& providers);

}  // namespace gradepth
