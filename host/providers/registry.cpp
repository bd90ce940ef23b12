#include <stdexcept>

#include "host/providers/provider.h"
#include "host/providers/factories.h"
#include "host/device/vector_target.h"

namespace gradepth {

Providers make_providers(const Context& context) {
  (void)vector_target();  // before oneDNN is first used; a wrong GRADEPTH_VECTOR ends here
  Providers providers;
  const auto add = [&](const char* name, auto&& factory) {
    try {
      providers.present.push_back(factory(context));
    } catch (const std::runtime_error& error) {
      providers.missing.push_back({name, error.what()});
    }
  };
  add("reference", make_reference_provider);
  add("cpu", make_cpu_provider);
  add("onednn", make_onednn_provider);
  add("simt", make_simt_provider);
#ifdef GRADEPTH_HAVE_CUDA
  add("cuda", make_cuda_provider);
#else
  providers.missing.push_back({"cuda", "this build has no CUDA; use cmake --preset cuda"});
#endif
#if defined(GRADEPTH_HAVE_CUDNN)
  add("cudnn", make_cudnn_provider);
#elif defined(GRADEPTH_HAVE_CUDA)
  providers.missing.push_back(
      {"cudnn", "this build has no cuDNN 9: none was found, or GRADEPTH_CUDNN is off"});
#else
  providers.missing.push_back({"cudnn", "this build has no CUDA; use cmake --preset cuda"});
#endif
  return providers;
}

Provider* find(const Providers& providers, std::string_view name) {
  for (const auto& provider : providers.present) {
    if (provider->name() == name) return provider.get();
  }
  return nullptr;
}

}  // namespace gradepth
