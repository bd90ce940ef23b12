#include "host/device/loaded.h"

#include <cublas_v2.h>
#include <dlfcn.h>

#include <stdexcept>

namespace gradepth::inline cuda {
namespace {

std::string library_of(std::string_view function) {
  // The major version is part of a library's name: its functions are those of the headers.
#ifdef GRADEPTH_CUDNN_MAJOR
  if (function.starts_with("cudnn")) return "libcudnn.so." + std::to_string(GRADEPTH_CUDNN_MAJOR);
#endif
  const char* name = function.starts_with("cublasLt") ? "libcublasLt.so." : "libcublas.so.";
  return name + std::to_string(CUBLAS_VER_MAJOR);
}

[[noreturn]] void fail() {
  const char* error = dlerror();
  throw std::runtime_error(error == nullptr ? "a library of CUDA cannot be loaded" : error);
}

}  // namespace

void* address_of(const std::string& function) {
  // Never closed: its threads and their ends are its own. A second dlopen only counts.
  void* library = dlopen(library_of(function).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) fail();
  void* address = dlsym(library, function.c_str());
  if (address == nullptr) fail();
  return address;
}

}  // namespace gradepth::inline cuda
