#include "bench/cli/interrupt.h"

#include <csignal>

namespace gradepth {
namespace {

volatile std::sig_atomic_t seen = 0;  // the only thing that a signal handler may touch

}  // namespace

void note_interrupts() {
  std::signal(SIGINT, [](int) {
    seen = 1;
    std::signal(SIGINT, SIG_DFL);
  });
}

bool interrupted() { return seen != 0; }

}  // namespace gradepth
