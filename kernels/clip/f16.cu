#include "kernels/clip/launch.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

template ClipLauncher<float16> clip_launcher(std::string_view);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
