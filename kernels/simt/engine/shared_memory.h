#pragma once
#include <cstddef>
#include <memory>
#include <vector>

namespace gradepth::inline simt::detail {

/// Where the program's thread_local variables lie for the calling thread.
std::byte* thread_locals_of_this_thread();
/// How many bytes they have.
std::size_t thread_locals_bytes();

/// One `__shared__` variable: where it begins among the thread_local variables.
struct SharedVariable {
  std::size_t offset, bytes;
};
/// All of the program.
const std::vector<SharedVariable>& shared_variables();

/// Fills every `__shared__` variable of the program with NaN bytes, for one thread's copy.
///
/// A `__shared__` variable is a function-local thread_local: each host thread runs one block at a
/// time, so its copy is that block's. Nothing in the language lists such variables, and filling all
/// thread_local memory would destroy those that belong to others. The program's own symbol table
/// does list them: a thread_local inside a function of namespace gradepth::simt, where all kernels
/// are. It is read once. A stripped program has no such table: that is an Error, not a silent pass.
void fill_static_shared(std::byte* thread_locals);

/// The dynamic shared memory of one block.
class DynamicShared {
 public:
  DynamicShared() = default;
  ~DynamicShared();
  DynamicShared(const DynamicShared&) = delete;
  DynamicShared& operator=(const DynamicShared&) = delete;

  /// Makes `bytes` of memory, NaN bytes throughout; what lies behind is poisoned for
  /// AddressSanitizer. The memory is kept and reused.
  void prepare(std::size_t bytes);

  std::byte* data() const { return memory_.get(); }

 private:
  struct Free {
    void operator()(std::byte* memory) const;
  };
  std::unique_ptr<std::byte[], Free> memory_;
  std::size_t capacity_ = 0;
};

}  // namespace gradepth::inline simt::detail
