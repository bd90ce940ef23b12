#include "kernels/simt/engine/shared_memory.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/simt/error.h"
#include "kernels/simt/sanitizers.h"

namespace gradepth::inline simt::detail {
namespace {

constexpr int kNanByte = 0xff;  // four of them are a float NaN, eight a double NaN
constexpr std::align_val_t kAlignment{128};
constexpr std::size_t kRedzone = 64;

/// The bytes of this program's file, read-only.
class ProgramFile {
 public:
  ProgramFile() {
    const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat status {};
    if (file >= 0 && fstat(file, &status) == 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      memory_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    }
    if (file >= 0) close(file);
    if (memory_ == MAP_FAILED) throw Error("cannot read /proc/self/exe");
  }
  ~ProgramFile() { munmap(memory_, size_); }
  ProgramFile(const ProgramFile&) = delete;
  ProgramFile& operator=(const ProgramFile&) = delete;

  template <class T>
  std::span<const T> at(std::size_t offset, std::size_t count) const {
    if (offset > size_ || count > (size_ - offset) / sizeof(T)) throw Error("damaged program file");
    return {reinterpret_cast<const T*>(static_cast<const std::byte*>(memory_) + offset), count};
  }

 private:
  void* memory_ = MAP_FAILED;
  std::size_t size_ = 0;
};

/// In mangled names: local to a function (_ZZ) of namespace gradepth::simt. Guard variables of
/// initialised thread_locals begin with _ZGV and stay as they are.
bool is_shared_variable(std::string_view name) {
  return name.starts_with("_ZZ") && name.find("8gradepth4simt") != std::string_view::npos;
}

std::vector<SharedVariable> find_shared_variables() {
  const ProgramFile file;
  const ElfW(Ehdr)& header = file.at<ElfW(Ehdr)>(0, 1)[0];
  const auto sections = file.at<ElfW(Shdr)>(header.e_shoff, header.e_shnum);
  for (const auto& section : sections) {
    if (section.sh_type != SHT_SYMTAB) continue;
    const auto& strings = sections[section.sh_link];
    const auto names = file.at<char>(strings.sh_offset, strings.sh_size);
    std::vector<SharedVariable> found;
    for (const auto& symbol :
         file.at<ElfW(Sym)>(section.sh_offset, section.sh_size / sizeof(ElfW(Sym)))) {
      if ((symbol.st_info & 0xfU) != STT_TLS || symbol.st_name >= names.size()) continue;
      if (is_shared_variable(&names[symbol.st_name])) {
        found.push_back({symbol.st_value, symbol.st_size});
      }
    }
    return found;
  }
  throw Error("this program is stripped: the executor cannot find its __shared__ variables");
}

}  // namespace

std::byte* thread_locals_of_this_thread() {
  void* memory = nullptr;
  dl_iterate_phdr(
      [](dl_phdr_info* program, std::size_t, void* out) {
        *static_cast<void**>(out) = program->dlpi_tls_data;
        return 1;  // the main program is the first; kernels in shared libraries are not supported
      },
      &memory);
  return static_cast<std::byte*>(memory);
}

std::size_t thread_locals_bytes() {
  std::size_t bytes = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* program, std::size_t, void* out) {
        for (const auto& segment : std::span(program->dlpi_phdr, program->dlpi_phnum)) {
          if (segment.p_type == PT_TLS) *static_cast<std::size_t*>(out) = segment.p_memsz;
        }
        return 1;
      },
      &bytes);
  return bytes;
}

const std::vector<SharedVariable>& shared_variables() {
  static const std::vector<SharedVariable> variables = find_shared_variables();
  return variables;  // a constant of the program
}

void fill_static_shared(std::byte* thread_locals) {
  for (const SharedVariable& variable : shared_variables()) {
    std::byte* const at = thread_locals + variable.offset;
    asan::unpoison(at, variable.bytes);  // the thread's memory may have been a stack before
    std::memset(at, kNanByte, variable.bytes);
  }
}

void DynamicShared::Free::operator()(std::byte* memory) const {
  ::operator delete[](memory, kAlignment);
}

DynamicShared::~DynamicShared() { asan::unpoison(memory_.get(), capacity_); }

void DynamicShared::prepare(std::size_t bytes) {
  if (bytes + kRedzone > capacity_) {
    asan::unpoison(memory_.get(), capacity_);
    capacity_ = bytes + kRedzone;
    memory_.reset(new (kAlignment) std::byte[capacity_]);
  }
  asan::unpoison(memory_.get(), bytes);
  std::memset(memory_.get(), kNanByte, bytes);
  asan::poison(memory_.get() + bytes, capacity_ - bytes);
}

}  // namespace gradepth::inline simt::detail
