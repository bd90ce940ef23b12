#include "host/growth/theory/active_part.h"

#include <Eigen/Core>
#include <cmath>
#include <vector>

#include "host/growth/theory/spectrum.h"
#include "host/growth/theory/theory.h"
#include "host/growth/theory/transient.h"
#include "host/problem/exact_activation.h"
#include "host/text/not_finite.h"
#include "kernels/activation/activation.h"

namespace gradepth::growth {
namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// ln of the spectral radius of diag(slopes) W: units without a slope take no part.
double ln_radius(const Eigen::Ref<const RowMajor>& W, const Eigen::VectorXd& slopes) {
  std::vector<Eigen::Index> active;
  for (Eigen::Index i = 0; i < slopes.size(); ++i) {
    if (slopes[i] != 0) active.push_back(i);
  }
  const auto n = static_cast<Eigen::Index>(active.size());
  const RowMajor part = slopes(active).asDiagonal() * W(active, active);
  return std::log(spectral_radius({part.data(), static_cast<std::size_t>(n * n)}, active.size()));
}

}  // namespace

ActivePart active_part(const GrowthSpec& spec, const Tensors& drawn) {
  const auto shared = shared_matrix(spec, drawn);
  const bool is_turned = spec.activation->homogeneous && spec.init.bias.scale == 0 &&
                         !spec.init.has_input() && !spec.init.weights;
  if (!shared || !is_turned || spec.width > facts_width) return {nan, false};
  const Eigen::Map<const RowMajor> W(shared->data(), spec.width, spec.width);
  Eigen::VectorXd h =
      Eigen::Map<const Eigen::VectorXd>(drawn.find("h0")->second.data.data(), spec.width);
  Eigen::VectorXd slopes = Eigen::VectorXd::Zero(spec.width);
  std::int64_t same_since = 0;  // the first map with these slopes
  with_activation(spec.activation, [&](auto act) {
    using Act = decltype(act);
    for (std::int64_t l = 0; l < spec.depth; ++l) {
      const Eigen::VectorXd a = W * h;
      const Eigen::VectorXd now = a.unaryExpr([](double x) { return exact_slope<Act>(x); });
      if (now != slopes) same_since = l;
      slopes = now;
      h = a.unaryExpr([](double x) { return exact_value<Act>(x); });
      const double norm = h.norm();
      if (norm > 0) h /= norm;
    }
  });
  return {ln_radius(W, slopes), 3 * same_since <= 2 * spec.depth};
}

}  // namespace gradepth::growth
