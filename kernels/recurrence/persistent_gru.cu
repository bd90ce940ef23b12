#include "kernels/recurrence/persistent.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

void gru_forward(const RecurrencePlan& plan, const RecurrentForward& p, unsigned* counters,
                 const StreamRef& stream) {
  launch_forward(GruStep{}, plan, p, counters, stream);
}

void gru_backward(const RecurrencePlan& plan, const RecurrentBackward& p, unsigned* counters,
                  const StreamRef& stream) {
  launch_backward(GruStep{}, plan, p, counters, stream);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
