#include "bench/cli/interrupt.h"

#include <csignal>

namespace gradepth {
namespace {

volatile std::sig_atomic_t interrupt_seen = 0;  // the only thing that a signal handler may touch

}  // namespace

void note_interrupts() {
  std::signal(SIGINT, [](int) {
    interrupt_seen = 1;
    std::signal(SIGINT, SIG_DFL);
  });
}

bool interrupted() { return interrupt_seen != 0; }

}  // namespace gradepth
