#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "host/providers/cudnn/api.h"

/// Choosing the fastest of several ways to compute the same, on samples that are not reported.
namespace gradepth::cudnn {

/// One way that was tried: its time, or why it was refused.
struct Trial {
  std::string name;
  double ms = 0;
  std::string refusal;  // empty: accepted
};

/// The accepted trial that took least; -1 if all were refused.
inline std::ptrdiff_t fastest(const std::vector<Trial>& trials) {
  std::ptrdiff_t best = -1;
  for (std::size_t i = 0; i < trials.size(); ++i) {
    if (!trials[i].refusal.empty()) continue;
    if (best < 0 || trials[i].ms < trials[static_cast<std::size_t>(best)].ms) {
      best = static_cast<std::ptrdiff_t>(i);
    }
  }
  return best;
}

/// `STANDARD fma 1.23 ms, PERSIST_STATIC fma refused: …`, in the order of the trials.
inline std::string describe(const std::vector<Trial>& trials) {
  std::string text;
  for (const Trial& trial : trials) {
    if (!text.empty()) text += ", ";
    text += trial.name;
    if (trial.refusal.empty()) {
      char time[32];
      std::snprintf(time, sizeof time, " %.3g ms", trial.ms);
      text += time;
    } else {
      text += " refused: " + trial.refusal;
    }
  }
  return text;
}

/// Calls attempt(), which gives a time in ms; what it throws becomes the reason of a refusal.
template <class Attempt>
Trial try_out(std::string name, Attempt attempt) {
  Trial trial{std::move(name), 0, {}};
  try {
    trial.ms = attempt();
  } catch (const CudnnError& error) {
    trial.refusal = error.reason;
  } catch (const std::runtime_error& error) {
    trial.refusal = error.what();
  }
  // What failed must not be taken for an error of what comes next.
  if (!trial.refusal.empty()) (void)cudaGetLastError();
  return trial;
}

/// Median time in ms of run(), which queues work on `stream`, by events; after one warm-up.
template <class Run>
double median_ms(cudaStream_t stream, Run run) {
  constexpr int samples = 5;
  const Event begin = make_event();
  const Event end = make_event();
  run();
  float times[samples];
  for (float& ms : times) {
    check(cudaEventRecord(begin.get(), stream));
    run();
    check(cudaEventRecord(end.get(), stream));
    check(cudaEventSynchronize(end.get()));
    check(cudaEventElapsedTime(&ms, begin.get(), end.get()));
  }
  std::sort(std::begin(times), std::end(times));
  return times[samples / 2];
}

}  // namespace gradepth::cudnn
