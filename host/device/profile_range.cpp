#include "host/device/profile_range.h"

#ifdef GRADEPTH_HAVE_CUDA
#include <nvtx3/nvToolsExt.h>

#include <algorithm>
#endif

namespace gradepth {

#ifdef GRADEPTH_HAVE_CUDA
ProfileRange::ProfileRange(std::string name) {
  std::replace(name.begin(), name.end(), '/', '.');
  nvtxRangePushA(name.c_str());
}
ProfileRange::~ProfileRange() { nvtxRangePop(); }
#else
ProfileRange::ProfileRange(std::string /*name*/) {}  // NOLINT: the other build takes it by value
ProfileRange::~ProfileRange() = default;
#endif

}  // namespace gradepth
