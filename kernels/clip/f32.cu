#include "kernels/clip/launch.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

template void clip_norm(const ClipTables<float>&, double, const ClipUpdate&, const ClipWorkspace&,
                        const StreamRef&, std::int64_t);
template void clip_norm_on_chip(const ClipTables<float>&, const ClipPlaces&, double,
                                const ClipUpdate&, const ClipWorkspace&, const StreamRef&);
template void clip_value(const ClipTables<float>&, double, const ClipUpdate&, const StreamRef&);
template void clip_adaptive(const ClipTables<float>&, double, const ClipUpdate&,
                            const ClipWorkspace&, const StreamRef&, std::int64_t);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
