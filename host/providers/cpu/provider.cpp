#include <dnnl.h>

#include <string>

#include "host/providers/cpu/plans.h"
#include "host/providers/cpu/product.h"
#include "host/providers/factories.h"
#include "host/providers/shared/workers.h"

namespace gradepth {
namespace {

/// Our vectorised code, with oneDNN's sgemm for the large products. The default provider.
class CpuProvider final : public Provider {
 public:
  explicit CpuProvider(const Context& context) : context_(context) {}

  [[nodiscard]] std::string_view name() const override { return "cpu"; }
  [[nodiscard]] std::string version() const override {
    const dnnl_version_t* v = dnnl_version();
    const cpu::Workers workers(context_.threads, false);
    return "f32, panels of " + std::to_string(cpu::panel_width()) + " columns, " +
           std::to_string(workers.count()) + " threads, oneDNN " + std::to_string(v->major) + '.' +
           std::to_string(v->minor) + '.' + std::to_string(v->patch) + " sgemm";
  }
  [[nodiscard]] bool is_concurrent() const override { return true; }
  [[nodiscard]] Planned plan(const Problem& problem) override {
    validate(problem);
    if (dtype(problem) != Dtype::f32) return Unsupported{"cpu: f32 only"};
    return std::visit([this](const auto& p) { return cpu::make_plan(p, context_); }, problem);
  }

 private:
  Context context_;
};

}  // namespace

std::unique_ptr<Provider> make_cpu_provider(const Context& context) {
  return std::make_unique<CpuProvider>(context);
}

}  // namespace gradepth
