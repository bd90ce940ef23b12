#include "kernels/activation/pass.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

template void activation_forward(Activation, std::int64_t, const float*, float*, const StreamRef&);
template std::int64_t activation_workspace<float>(std::int64_t, std::int64_t, bool, bool);
template void activation_backward(Activation, const ActivationBackward<float>&, const StreamRef&);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
