#include "kernels/activation/pass.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

template void activation_forward(Activation, std::int64_t, const bfloat16*, bfloat16*,
                                 const StreamRef&);
template std::int64_t activation_workspace<bfloat16>(std::int64_t, std::int64_t, bool, bool);
template void activation_backward(Activation, const ActivationBackward<bfloat16>&,
                                  const StreamRef&);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
