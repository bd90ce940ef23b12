#include "kernels/simt/engine/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include "kernels/simt/error.h"
#include "kernels/simt/sanitizers.h"

namespace gradepth::inline simt::detail {
namespace {

std::size_t page_bytes() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

Stack::Stack() {
  const std::size_t guard = page_bytes();
  void* const memory = mmap(nullptr, guard + kBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw Error("no address space left for the stacks of more threads");
  if (mprotect(memory, guard, PROT_NONE) != 0) {
    munmap(memory, guard + kBytes);
    throw Error("no guard page for a stack: more threads than vm.max_map_count allows");
  }
  bottom_ = static_cast<std::byte*>(memory) + guard;
}

Stack::~Stack() {
  asan::unpoison(bottom_, kBytes);  // the next owner of these addresses starts clean
  munmap(bottom_ - page_bytes(), page_bytes() + kBytes);
}

void Fiber::start(Entry entry, void* argument) {
  entry_ = entry;
  argument_ = argument;
  // Of a run that was abandoned, frames lie anywhere.
  const std::size_t dirty = ended_ ? kOwnFrames : Stack::kBytes;
  asan::unpoison(stack_.bottom() + Stack::kBytes - dirty, dirty);
  ended_ = false;
  own_ = boost::context::detail::make_fcontext(stack_.bottom() + Stack::kBytes, Stack::kBytes, run);
  resume();
}

void Fiber::resume() {
  asan::start_switch(&caller_fake_stack_, stack_.bottom(), Stack::kBytes);
  own_ = boost::context::detail::jump_fcontext(own_, this).fctx;
  asan::finish_switch(caller_fake_stack_, nullptr, nullptr);
}

void Fiber::suspend() { switch_back(&own_fake_stack_); }

void Fiber::switch_back(void** fake_stack) {
  asan::start_switch(fake_stack, caller_bottom_, caller_bytes_);
  caller_ = boost::context::detail::jump_fcontext(caller_, nullptr).fctx;
  asan::finish_switch(own_fake_stack_, &caller_bottom_, &caller_bytes_);
}

void Fiber::run(boost::context::detail::transfer_t from) {
  Fiber& self = *static_cast<Fiber*>(from.data);
  self.caller_ = from.fctx;
  asan::finish_switch(nullptr, &self.caller_bottom_, &self.caller_bytes_);
  self.entry_(self.argument_);
  self.ended_ = true;
  self.switch_back(nullptr);  // does not come back
}

}  // namespace gradepth::inline simt::detail
