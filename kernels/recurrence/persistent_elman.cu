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
  std::optional<OutputActivation> found;
  std::uint8_t place = 0;
  for_each_activation(
      [&](auto act) {
        if (act.name == name) found = OutputActivation{place};
        ++place;
      },
      OnChipActivations{});
  return found;
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
