#pragma once

#include <variant>
#include <vector>

#include "bench/workloads.h"

namespace gradepth::cudnn {

/// All problems of one kind in the lists that are checked and timed.
template <class P>
std::vector<P> problems() {
  std::vector<P> found;
  for (const char* preset : {"small", "quick", "full"}) {
    for (const Workload& workload : workloads(preset)) {
      if (const auto* p = std::get_if<P>(&workload.problem)) found.push_back(*p);
    }
  }
  return found;
}

}  // namespace gradepth::cudnn
