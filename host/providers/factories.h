#pragma once

#include <memory>

#include "host/providers/provider.h"

/// One factory per provider, for the list of registry.cpp and for tests of one alone. A factory
/// throws std::runtime_error with the reason, in one line, when the machine lacks what the provider
/// needs.
namespace gradepth {

std::unique_ptr<Provider> make_reference_provider(const Context& context);
std::unique_ptr<Provider> make_cpu_provider(const Context& context);
std::unique_ptr<Provider> make_onednn_provider(const Context& context);
std::unique_ptr<Provider> make_simt_provider(const Context& context);
std::unique_ptr<Provider> make_cuda_provider(const Context& context);   // only in a CUDA build
std::unique_ptr<Provider> make_cudnn_provider(const Context& context);  // only with cuDNN

}  // namespace gradepth
