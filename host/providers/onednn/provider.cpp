#include <dnnl.h>

#include <string>

#include "host/providers/factories.h"
#include "host/providers/onednn/plans.h"
#include "host/providers/shared/workers.h"

#ifdef __SANITIZE_THREAD__
/// oneDNN's threads are OpenMP's, whose barriers ThreadSanitizer does not see: the races that it
/// reports within oneDNN are none.
extern "C" const char* __tsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "called_from_lib:libdnnl.so";
}
#endif

namespace gradepth {
namespace {

/// oneDNN's own primitives: the baseline on the CPU.
class OnednnProvider final : public Provider {
 public:
  explicit OnednnProvider(const Context& context) : context_(context) {}

  [[nodiscard]] std::string_view name() const override { return "onednn"; }
  [[nodiscard]] std::string version() const override {
    const dnnl_version_t* v = dnnl_version();
    const cpu::Workers workers(context_.threads, false);
    return "oneDNN " + std::to_string(v->major) + '.' + std::to_string(v->minor) + '.' +
           std::to_string(v->patch) + ", f32, " + std::to_string(workers.count()) + " threads";
  }
  [[nodiscard]] Planned plan(const Problem& problem) override {
    validate(problem);
    if (dtype(problem) != Dtype::f32) return Unsupported{"onednn: f32 only"};
    if (asks_for_input_slopes(problem)) {
      return Unsupported{"onednn: slopes from the output, where that says them"};
    }
    return std::visit([this](const auto& p) { return onednn::make_plan(p, context_); }, problem);
  }

 private:
  Context context_;
};

}  // namespace

std::unique_ptr<Provider> make_onednn_provider(const Context& context) {
  return std::make_unique<OnednnProvider>(context);
}

namespace onednn {

Planned make_plan(const ClipProblem& /*problem*/, const Context& /*context*/) {
  return Unsupported{"oneDNN has no gradient clipping"};
}

}  // namespace onednn
}  // namespace gradepth
