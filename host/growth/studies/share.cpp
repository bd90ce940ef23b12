#include "host/growth/studies/share.h"

#include <cmath>

#include "host/growth/knobs/fits.h"
#include "host/growth/study/resolve.h"
#include "host/growth/study/seeds.h"
#include "host/growth/theory/spectrum.h"
#include "host/text/not_finite.h"

namespace gradepth::growth {
namespace {

constexpr std::array<const char*, 4> chain_names{"shared, dense", "fresh, dense", "shared, sparse",
                                                 "fresh, sparse"};

/// The finite totals of a chain's seeds.
std::vector<double> totals(const ShareChain& chain) {
  std::vector<double> finite;
  for (const double rate : chain.result.rates) {
    if (std::isfinite(rate)) finite.push_back(rate * static_cast<double>(chain.spec.depth));
  }
  return finite;
}

ShareContrast contrast(const std::array<ShareChain, 4>& chains, std::size_t i, std::size_t j) {
  const std::vector<double> a = totals(chains[i]);
  const std::vector<double> b = totals(chains[j]);
  ShareContrast result{chain_names[i], chain_names[j], {nan, {}, {}}, {nan, {}, {}}};
  if (a.size() < 3 || b.size() < 3) return result;
  result.mean_difference = mean_difference(a, b);
  result.spread_ratio = spread_ratio(a, b);
  return result;
}

}  // namespace

std::optional<RadiusLaw> radius_law(const GrowthSpec& spec, const GrowthResult& result) {
  if (!is_shared(spec) || result.growths.empty()) return std::nullopt;
  const Problem problem = make_problem(spec);
  const Initialisation init = resolve(spec);
  std::vector<ActivePart> parts(result.growths.size());
  for_each_seed(
      parts.size(), available_threads(), [] { return 0; },
      [&](int /*state*/, std::size_t i) {
        parts[i] = active_part(spec, draw(problem, init, spec.first_seed + i));
      });
  if (std::isnan(parts.front().ln_radius)) return std::nullopt;
  RadiusLaw law;
  std::vector<double> radii;
  std::vector<double> growths;
  std::vector<double> beyond;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    law.ln_radius.push_back(parts[i].ln_radius);
    law.settled.push_back(parts[i].settled);
    const double total = static_cast<double>(spec.depth) * parts[i].ln_radius;
    if (!parts[i].settled || !std::isfinite(total) || !std::isfinite(result.growths[i])) continue;
    radii.push_back(total);
    growths.push_back(result.growths[i]);
    beyond.push_back(result.growths[i] - total);
  }
  constexpr std::size_t few = 10;
  if (radii.size() >= few && variance(radii) > 0) {
    law.line = fit_line(radii, growths);
    law.offset = student_interval(beyond);
  }
  return law;
}

ShareStudy measure_share(const GrowthSpec& spec, double density, Provider& provider,
                         const std::function<void(const std::string&)>& progress) {
  refuse_share_misfits(spec, density);  // before the first chain is announced
  ShareStudy study;
  for (std::size_t i = 0; i < study.chains.size(); ++i) {
    ShareChain& chain = study.chains[i];
    progress(chain_names[i]);
    chain.spec = spec;
    chain.spec.share = i % 2 == 0;
    chain.spec.init.density = i < 2 ? 1.0 : density;
    chain.result = measure_growth(chain.spec, provider);
    chain.law = radius_law(chain.spec, chain.result);
    const std::vector<double> finite = totals(chain);
    chain.seeds = static_cast<std::int64_t>(finite.size());
    chain.mean = finite.empty() ? nan : mean(finite);
    chain.spread = finite.size() < 2 ? nan : std::sqrt(variance(finite));
  }
  study.contrasts = {contrast(study.chains, 0, 1), contrast(study.chains, 2, 3),
                     contrast(study.chains, 2, 0), contrast(study.chains, 3, 1)};
  return study;
}

}  // namespace gradepth::growth
