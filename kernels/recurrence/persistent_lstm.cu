#include "kernels/recurrence/persistent.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

void lstm_forward(const RecurrencePlan& plan, const RecurrentForward& p, unsigned* counters,
                  const StreamRef& stream) {
  launch_forward(LstmStep{}, plan, p, counters, stream);
}

void lstm_backward(const RecurrencePlan& plan, const RecurrentBackward& p, unsigned* counters,
                   const StreamRef& stream) {
  launch_backward(LstmStep{}, plan, p, counters, stream);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
