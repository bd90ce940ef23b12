#include "host/growth/studies/share.h"

#include <cmath>

#include "host/growth/knobs/fits.h"
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
