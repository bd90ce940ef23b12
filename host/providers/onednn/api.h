#pragma once

#include <dnnl.hpp>
#include <optional>

#include "kernels/activation/activation.h"

/// The difference between oneDNN 2.6 and 3.x. In 2.6 an operation descriptor stands between the
/// arguments and the primitive descriptor; 3.x leaves it out and names source and destination of
/// elementwise operations apart. Only 2.6 was tried.
namespace gradepth::onednn {

constexpr bool has_operation_descriptors = DNNL_VERSION_MAJOR < 3;

/// Describes a forward primitive, or one that needs no forward one.
template <class Primitive, class... Args>
auto describe(const dnnl::engine& engine, const Args&... args) {
  using Description = typename Primitive::primitive_desc;
  if constexpr (has_operation_descriptors) {
    return Description(typename Primitive::desc(args...), engine);
  } else {
    return Description(engine, args...);
  }
}

/// Describes a backward primitive after its forward one.
template <class Primitive, class Forward, class... Args>
auto describe_backward(const dnnl::engine& engine, const Forward& forward, const Args&... args) {
  using Description = typename Primitive::primitive_desc;
  if constexpr (has_operation_descriptors) {
    return Description(typename Primitive::desc(args...), engine, forward);
  } else {
    return Description(engine, args..., forward);
  }
}

/// An activation in oneDNN's terms.
struct Eltwise {
  dnnl::algorithm algorithm;
  float alpha = 0;
  float beta = 0;
};

template <class Primitive = dnnl::eltwise_forward>
auto describe_eltwise(const dnnl::engine& engine, const Eltwise& f,
                      const dnnl::memory::desc& data) {
  constexpr auto prop = dnnl::prop_kind::forward_training;
  if constexpr (has_operation_descriptors) {
    return describe<Primitive>(engine, prop, f.algorithm, data, f.alpha, f.beta);
  } else {
    return describe<Primitive>(engine, prop, f.algorithm, data, data, f.alpha, f.beta);
  }
}

template <class Forward, class Primitive = dnnl::eltwise_backward>
auto describe_eltwise_backward(const dnnl::engine& engine, const Forward& forward, const Eltwise& f,
                               const dnnl::memory::desc& data) {
  if constexpr (has_operation_descriptors) {
    return describe_backward<Primitive>(engine, forward, f.algorithm, data, data, f.alpha, f.beta);
  } else {
    return describe_backward<Primitive>(engine, forward, f.algorithm, data, data, data, f.alpha,
                                        f.beta);
  }
}

/// Our activation in oneDNN's terms; nothing if it has none with our values.
struct EltwisePair {
  Eltwise forward;
  Eltwise backward;
  bool from_output;  // backward reads y in place of x
};
inline std::optional<EltwisePair> find_eltwise(Activation act) {
  using dnnl::algorithm;
  struct Known {
    Activation act;
    EltwisePair described;
  };
  static const Known known[] = {
      {"identity", {{algorithm::eltwise_linear, 1, 0}, {algorithm::eltwise_linear, 1, 0}, false}},
      {"sigmoid",
       {{algorithm::eltwise_logistic}, {algorithm::eltwise_logistic_use_dst_for_bwd}, true}},
      {"tanh", {{algorithm::eltwise_tanh}, {algorithm::eltwise_tanh_use_dst_for_bwd}, true}},
      {"relu", {{algorithm::eltwise_relu}, {algorithm::eltwise_relu_use_dst_for_bwd}, true}},
      {"leaky_relu",
       {{algorithm::eltwise_relu, 0.01F}, {algorithm::eltwise_relu_use_dst_for_bwd, 0.01F}, true}},
      {"elu", {{algorithm::eltwise_elu, 1}, {algorithm::eltwise_elu_use_dst_for_bwd, 1}, true}},
      {"gelu", {{algorithm::eltwise_gelu_erf}, {algorithm::eltwise_gelu_erf}, false}},
      {"gelu_tanh", {{algorithm::eltwise_gelu_tanh}, {algorithm::eltwise_gelu_tanh}, false}},
      {"silu", {{algorithm::eltwise_swish, 1}, {algorithm::eltwise_swish, 1}, false}},
      {"softplus", {{algorithm::eltwise_soft_relu, 1}, {algorithm::eltwise_soft_relu, 1}, false}},
      {"hard_tanh",
       {{algorithm::eltwise_clip_v2, -1, 1},
        {algorithm::eltwise_clip_v2_use_dst_for_bwd, -1, 1},
        true}},
      {"mish", {{algorithm::eltwise_mish}, {algorithm::eltwise_mish}, false}},
      // x clamp(alpha x + beta, 0, 1); up to 2.6 they are not read.
      {"hard_swish",
       {{algorithm::eltwise_hardswish, 1.F / 6, 0.5F},
        {algorithm::eltwise_hardswish, 1.F / 6, 0.5F},
        false}},
  };
  for (const auto& [one, described] : known) {
    if (one == act) return described;
  }
  return std::nullopt;
}

}  // namespace gradepth::onednn
