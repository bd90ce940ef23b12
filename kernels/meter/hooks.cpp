// The meter's side of kernels/simt/meter_hooks.h.
#include "kernels/simt/meter_hooks.h"

#include <cxxabi.h>
#include <dlfcn.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "kernels/meter/meter.h"
#include "kernels/meter/recorder.h"

namespace gradepth::inline simt::meter {
namespace {

/// The arguments of the launch that runs.
struct Arguments {
  const std::byte* first = nullptr;
  std::size_t bytes = 0;
};
constinit Arguments arguments;

thread_local Recorder own_recorder;
constinit thread_local Recorder* recording = nullptr;

void remove_all(std::string& text, const std::string& what) {
  for (std::size_t at = 0; (at = text.find(what)) != std::string::npos;)
    text.erase(at, what.size());
}

/// "void gradepth::simt::k<gradepth::Tanh, 4>(long, ...)" becomes "k<Tanh, 4>". The program exports
/// its symbols for this (CMake's ENABLE_EXPORTS); a kernel without one is "?".
std::string kernel_name(const void* kernel) {
  Dl_info info{};
  if (dladdr(kernel, &info) == 0 || info.dli_sname == nullptr) return "?";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> demangled(
      abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status), std::free);
  if (demangled == nullptr) return info.dli_sname;
  std::string name = demangled.get();
  int depth = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    depth += name[i] == '<' ? 1 : name[i] == '>' ? -1 : 0;
    if (name[i] == '(' && depth == 0) name.erase(i);
  }
  if (name.starts_with("void ")) name.erase(0, 5);
  remove_all(name, "gradepth::");
  remove_all(name, "simt::");
  return name;
}

}  // namespace

Recorder* recorder() { return recording; }

Launch::Launch(const dim3& grid, const dim3& block, std::size_t shared_bytes, void (*kernel)(),
               const void* arguments_first, std::size_t argument_bytes) {
  Meter* const meter = Meter::active();
  if (meter == nullptr) return;
  arguments = {static_cast<const std::byte*>(arguments_first), argument_bytes};
  LaunchCounts launch;
  launch.kernel = kernel_name(reinterpret_cast<const void*>(kernel));
  launch.blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  launch.threads = block.x * block.y * block.z;
  launch.shared_bytes = shared_bytes;
  meter->launch_begins(std::move(launch));
}

Launch::~Launch() {
  Meter* const meter = Meter::active();
  if (meter != nullptr && meter->launch() != nullptr) meter->launch_ends();
}

Wait::Wait() {
  if (recording != nullptr) recording->wait_begins();
}
Wait::~Wait() {
  if (recording != nullptr) recording->wait_ends();
}

void block_begins(unsigned threads, const std::byte* thread_locals, const std::byte* shared,
                  std::size_t shared_bytes) {
  Meter* const meter = Meter::active();
  if (meter == nullptr || meter->launch() == nullptr) return;
  own_recorder.begin(*meter->launch(), threads, thread_locals, shared, shared_bytes,
                     arguments.first, arguments.bytes);
  recording = &own_recorder;
}

void block_ends() {
  if (recording == nullptr) return;
  recording->end();
  recording = nullptr;
}

void thread_runs(unsigned rank, const std::byte* stack) {
  if (recording != nullptr) recording->run(rank, stack);
}
void thread_exits(unsigned rank) {
  if (recording != nullptr) recording->exit(rank);
}
void block_barrier() {
  if (recording != nullptr) recording->block_barrier();
}
void grid_barrier() {
  if (recording != nullptr) recording->grid_barrier();
}
void warp_meets(unsigned warp, bool all) {
  if (recording != nullptr) recording->warp_meets(warp, all);
}
void atomic(const void* address, std::size_t bytes) {
  if (recording != nullptr) recording->atomic(address, bytes, __builtin_return_address(0));
}
void zeroes(const void* /*memory*/, std::size_t bytes) {
  if (Meter::active() != nullptr) Meter::active()->zeroes(bytes);
}

}  // namespace gradepth::inline simt::meter
