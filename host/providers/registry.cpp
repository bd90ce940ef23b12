#include <array>
#include <stdexcept>

#include "host/device/vector_target.h"
#include "host/providers/factories.h"
#include "host/providers/provider.h"
#include "kernels/named.h"

namespace gradepth {
namespace {

using Role = ProviderInfo::Role;
using Machine = ProviderInfo::Machine;

#ifdef GRADEPTH_HAVE_CUDA
constexpr auto make_cuda = make_cuda_provider;
constexpr std::string_view no_cudnn =
    "this build has no cuDNN 9: none was found, or GRADEPTH_CUDNN is off";
#else
constexpr std::unique_ptr<Provider> (*make_cuda)(const Context&) = nullptr;
constexpr std::string_view no_cudnn = "this build has no CUDA; use cmake --preset cuda";
#endif
#ifdef GRADEPTH_HAVE_CUDNN
constexpr auto make_cudnn = make_cudnn_provider;
#else
constexpr std::unique_ptr<Provider> (*make_cudnn)(const Context&) = nullptr;
#endif

constexpr std::array all_providers{
    ProviderInfo{"reference", Role::truth, Machine::processor, make_reference_provider, ""},
    ProviderInfo{"cpu", Role::ours, Machine::processor, make_cpu_provider, ""},
    ProviderInfo{"onednn", Role::library, Machine::processor, make_onednn_provider, ""},
    ProviderInfo{"simt", Role::ours, Machine::executor, make_simt_provider, ""},
    ProviderInfo{"cuda", Role::ours, Machine::gpu, make_cuda,
                 "this build has no CUDA; use cmake --preset cuda"},
    ProviderInfo{"cudnn", Role::library, Machine::gpu, make_cudnn, no_cudnn},
};

}  // namespace

std::span<const ProviderInfo> provider_list() { return all_providers; }

const ProviderInfo& provider_info(std::string_view name) {
  return named(all_providers, name, "provider");
}

Providers make_providers(const Context& context) {
  (void)vector_target();  // before oneDNN is first used; a wrong GRADEPTH_VECTOR ends here
  Providers providers;
  for (const ProviderInfo& info : all_providers) {
    if (info.make == nullptr) {
      providers.missing.push_back({std::string(info.name), std::string(info.absent)});
      continue;
    }
    try {
      providers.present.push_back(info.make(context));
    } catch (const std::runtime_error& error) {
      providers.missing.push_back({std::string(info.name), error.what()});
    }
  }
  return providers;
}

Provider* find(const Providers& providers, std::string_view name) {
  for (const auto& provider : providers.present) {
    if (provider->name() == name) return provider.get();
  }
  return nullptr;
}

}  // namespace gradepth
