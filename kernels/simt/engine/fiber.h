#pragma once
#include <boost/context/detail/fcontext.hpp>
#include <cstddef>

namespace gradepth::inline simt::detail {

/// Memory for one stack, mapped lazily, with a guard page below that turns overflow into a fault.
class Stack {
 public:
  Stack();
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  /// Frames grow under AddressSanitizer; 256 KiB is address space, only touched pages cost memory.
  static constexpr std::size_t kBytes = std::size_t{256} << 10U;
  std::byte* bottom() const { return bottom_; }

 private:
  std::byte* bottom_;
};

/// A function on a stack of its own, which can be left in the middle and resumed later.
/// Boost's fcontext switches in a few nanoseconds; ucontext would make a system call each time.
class Fiber {
 public:
  using Entry = void (*)(void* argument);

  /// Calls entry(argument) on this fiber's stack; returns when it suspends or ends. What an earlier
  /// start left on the stack is forgotten: only trivially destructible things may be on it.
  void start(Entry entry, void* argument);

  /// Continues behind the last suspend(). Call it from the thread that called start(): compilers
  /// keep addresses of thread_local variables across the switch.
  void resume();

  /// Called on this fiber: back to whoever started or resumed it.
  void suspend();

  const std::byte* stack() const { return stack_.bottom(); }

 private:
  using Context = boost::context::detail::fcontext_t;

  /// What run() and switch_back(), which never return, may need of the stack.
  static constexpr std::size_t kOwnFrames = 4096;

  static void run(boost::context::detail::transfer_t from);
  void switch_back(void** fake_stack);

  Stack stack_;
  Entry entry_ = nullptr;
  void* argument_ = nullptr;
  Context own_ = nullptr;
  Context caller_ = nullptr;
  bool ended_ = true;               // of the last start, the entry has returned
  void* own_fake_stack_ = nullptr;  // these four and `ended_` are for AddressSanitizer
  void* caller_fake_stack_ = nullptr;
  const void* caller_bottom_ = nullptr;
  std::size_t caller_bytes_ = 0;
};

}  // namespace gradepth::inline simt::detail
