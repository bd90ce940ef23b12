#include "kernels/clip/launch.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

template ClipLauncher<float> clip_launcher(ClipMode);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
