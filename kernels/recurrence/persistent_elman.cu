#include <string>

#include "kernels/recurrence/persistent.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

ElmanStep elman(std::string_view act) {
  const auto known = output_activation(act);
  if (!known) {
    throw std::invalid_argument("activation " + std::string(act) +
                                ": only step by step, its slope needs the input");
  }
  return {*known};
}

}  // namespace

std::optional<OutputActivation> output_activation(std::string_view name) {
  if (name == Tanh::name) return OutputActivation::tanh;
  if (name == Relu::name) return OutputActivation::relu;
  if (name == Sigmoid::name) return OutputActivation::sigmoid;
  if (name == Identity::name) return OutputActivation::identity;
  if (name == LeakyRelu::name) return OutputActivation::leaky_relu;
  return {};
}

std::int64_t barrier_counters(const RecurrencePlan& plan) {
  if (plan.variant != RecurrenceVariant::persistent) return 0;
  return std::int64_t{plan.batch_slices} * barrier_counter_stride;
}

std::int64_t bias_parts(const RecurrencePlan& plan) {
  if (plan.rows == 0) return 0;
  return std::int64_t{plan.batch_slices} * (plan.threads / plan.rows);
}

void elman_forward(std::string_view act, const RecurrencePlan& plan, const RecurrentForward& p,
                   unsigned* counters, const StreamRef& stream) {
  launch_forward(elman(act), plan, p, counters, stream);
}

void elman_backward(std::string_view act, const RecurrencePlan& plan, const RecurrentBackward& p,
                    unsigned* counters, const StreamRef& stream) {
  launch_backward(elman(act), plan, p, counters, stream);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
