#include "kernels/activation/pass.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

template std::int64_t activation_workspace<float>(std::int64_t, std::int64_t, bool, bool);
template ActivationKernels<float> activation_kernels(Activation);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
