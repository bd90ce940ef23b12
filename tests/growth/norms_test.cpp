// The training step's own per-step gradient norms, provider by provider, against float64.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "host/growth/study/measure.h"
#include "host/growth/study/resolve.h"
#include "host/problem/judge.h"
#include "kernels/cell/cells.h"

namespace gradepth::growth {
namespace {

struct NetCase {
  Net net;
  Residual residual = Residual::plain;
};

GrowthSpec spec_of(const NetCase& net, std::int64_t T, std::int64_t B, std::int64_t H) {
  GrowthSpec spec;
  spec.net = net.net;
  spec.residual = net.residual;
  spec.residual_scale = 0.7;
  spec.depth = T;
  spec.batch = B;
  spec.width = H;
  spec.seeds = 1;
  spec.init.loss_on = Initialisation::LossOn::both;
  spec.init.bias = {ValueInit::Kind::gaussian, 0.3};
  // At width 1 a Jacobian 1 + A w f' may come close to 0, and magnify every rounding.
  if (spec.net == "residual") spec.init.W.scale = 0.5;
  if (spec.net == "additive") {
    spec.activation = "identity";
    spec.init.W = {WeightInit::Kind::constant, 0.6, {}};
  }
  return spec;
}

/// The largest distance of ln |dL/dh_t| from the float64 reference's on the same inputs, in units
/// of what the judge allows; negative if the provider cannot. That bounds an element's error
/// relative to the largest of its step; the norm's relative error lies below it, since
/// Σ e_i g_i / |g|² ≤ |e| / |g|, e's elements being of one size and independent.
double norms_off(Provider& provider, Provider& reference, const GrowthSpec& spec) {
  const Problem problem = make_problem(spec);
  Planned planned = provider.plan(problem);
  if (std::holds_alternative<Unsupported>(planned)) return -1;
  GrowthSpec exact = spec;
  exact.dtype = Dtype::f64;
  const PlanPtr truth = std::get<PlanPtr>(reference.plan(make_problem(exact)));
  const PlanPtr& plan = std::get<PlanPtr>(planned);
  const Judge judge(problem, draw(problem, spec.init, spec.first_seed));
  for (Plan* p : {plan.get(), truth.get()}) {
    p->set(judge.inputs());
    p->run();
    p->wait();
  }
  const Tensor got = plan->get("dh_norm2");
  const Tensor want = truth->get("dh_norm2");
  EXPECT_EQ(got.size(), static_cast<std::size_t>(spec.depth) + 1);
  const double allowed = judge.tolerance("dh_norm2", plan->math());
  double worst = 0;
  for (std::size_t t = 0; t < std::min(got.size(), want.size()); ++t) {
    worst = std::max(worst, std::abs(0.5 * std::log(got.data[t] / want.data[t])) / allowed);
  }
  return worst;
}

/// Growth shows the very numbers of the plan.
void expect_in_growth(Provider& provider, const GrowthSpec& spec) {
  const Problem problem = make_problem(spec);
  const PlanPtr plan = std::get<PlanPtr>(provider.plan(problem));
  plan->set(draw(problem, spec.init, spec.first_seed));
  plan->run();
  plan->wait();
  const Tensor got = plan->get("dh_norm2");
  const GrowthResult growth = measure_growth(spec, provider);
  EXPECT_EQ(growth.norms_from, NormsFrom::kernel);
  const std::size_t L = got.size() - 1;
  for (std::size_t d = 0; d <= L; ++d) {
    EXPECT_NEAR(growth.ln_norm.median[d], 0.5 * std::log(got.data[L - d] / got.data[L]), 1e-12);
  }
}

/// A subset where a plan or its run is slow: every size in some combination with every other.
std::vector<std::array<std::int64_t, 3>> sizes(bool few) {
  if (few) return {{1, 3, 7}, {7, 1, 33}, {33, 3, 1}, {7, 3, 7}};
  std::vector<std::array<std::int64_t, 3>> all;
  for (const int T : {1, 7, 33}) {
    for (const int B : {1, 3}) {
      for (const int H : {1, 7, 33}) all.push_back({T, B, H});
    }
  }
  return all;
}

TEST(GrowthNorms, EveryProviderAgreesWithFloat64) {
  const Providers providers = make_providers({});
  Provider& reference = *find(providers, "reference");
  for (const auto& provider : providers.present) {
    int ran = 0;
    for (const NetCase& net :
         {NetCase{"mlp"}, NetCase{"cnn"}, NetCase{"residual"},
          NetCase{"residual", Residual::preact}, NetCase{"residual", Residual::scaled},
          NetCase{"elman"}, NetCase{"lstm"}, NetCase{"gru"}, NetCase{"mgu"}, NetCase{"additive"}}) {
      const bool slow = provider->name() == "simt" || provider->name() == "onednn";
      const bool cnn = net.net == "cnn";
      for (const auto& [T, B, H] : sizes(cnn || slow)) {
        if (cnn && H > 7) continue;  // 33 channels of 64 pixels each
        const double off = norms_off(*provider, reference, spec_of(net, T, B, H));
        if (off < 0) continue;
        EXPECT_LE(off, 1) << provider->name() << ' ' << net.net.name() << ' ' << name(net.residual)
                          << " T" << T << " B" << B << " H" << H;
        if (T == 7 && B == 3 && H == 7) expect_in_growth(*provider, spec_of(net, T, B, H));
        ++ran;
      }
    }
    EXPECT_GE(ran, 10) << provider->name();
  }
}

TEST(GrowthNorms, EveryWayThroughTimeAgreesWithFloat64) {
  for (const Variant variant :
       {Variant::small, Variant::persistent, Variant::steps, Variant::graph}) {
    const Providers providers = make_providers({.variant = variant});
    int ran = 0;
    for (const CellInfo& cell : gate_cells) {
      for (const auto& [T, B, H] : sizes(true)) {
        const double off = norms_off(*find(providers, "simt"), *find(providers, "reference"),
                                     spec_of({RecurrentCell(cell)}, T, B, H));
        if (off < 0) continue;
        EXPECT_LE(off, 1) << name(variant) << ' ' << cell.name << " T" << T << " B" << B << " H"
                          << H;
        ++ran;
      }
    }
    EXPECT_GE(ran, 6) << name(variant);
  }
}

}  // namespace
}  // namespace gradepth::growth
