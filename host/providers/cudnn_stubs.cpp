#include "host/providers/cudnn_plan.h"
namespace gradepth::cudnn {
Planned make_plan(const ActivationProblem&, const LibraryPtr&) {
  return Unsupported{"not yet in this version"};
}
Planned make_plan(const ClipProblem&, const LibraryPtr&) {
  return Unsupported{"not yet in this version"};
}
Planned make_plan(const FeedForwardProblem&, const LibraryPtr&) {
  return Unsupported{"not yet in this version"};
}
}  // namespace gradepth::cudnn
