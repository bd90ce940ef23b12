#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bench/rows/row.h"
#include "host/growth/study/spec.h"
#include "host/problem/identity.h"
#include "host/providers/provider.h"

namespace gradepth {

/// One question put to several nets, each measured as `growth` measures it.
struct NetStudy {
  std::string name;
  std::vector<growth::GrowthSpec> nets;
  bool precision = false;  // also: where f32, bf16 and f16 lose the gradient
};

/// Those of the suite, by preset (brief, quick or full):
///   blame      who makes a gradient vanish or explode, slopes or weights, by activation and net
///   windows    the gains between which it does neither, against depth
///   laws       nets whose growth is no rate
///   additive   sums of earlier states, which vanish and explode
///   irnn       what W = I costs: its outputs beside its gradient
///   memory     the curse of memory: dL/dw of h' = w h + x, where nothing explodes
///   precision  the depth at which formats lose the gradient
std::vector<NetStudy> net_studies(std::string_view preset);

/// What a row of the study answers (host/problem/identity.h): its nets, one by one.
IdentityText net_study_identity(const NetStudy& study, std::string_view provider);

/// About so many operations.
double work(const NetStudy& study);

/// The study as one row of kind `study` (bench/ROWS.md).
Row net_study_row(const NetStudy& study, Provider& provider);

}  // namespace gradepth
