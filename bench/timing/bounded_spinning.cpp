#include "bench/timing/bounded_spinning.h"

#include <unistd.h>

#include <cstdlib>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace gradepth {

void bound_spinning([[maybe_unused]] char** argv) {
#ifdef _OPENMP
  // Pauses of the processor: 50 us where one takes 50 ns (Intel from Skylake on), 10 us elsewhere.
  // A thread that fell asleep takes about as long to wake.
  constexpr const char* pauses = "1000";
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  if (omp_get_max_threads() == 1 || argv[0] == nullptr) return;
  setenv("GOMP_SPINCOUNT", pauses, 1);  // also ends a second start from starting a third
  execv("/proc/self/exe", argv);
#endif
}

}  // namespace gradepth
