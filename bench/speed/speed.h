#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

#include "bench/rows/csv.h"
#include "bench/timing/limits.h"
#include "bench/timing/measure.h"
#include "bench/workloads.h"
#include "host/problem/identity.h"
#include "host/providers/provider.h"

namespace gradepth {

/// Times one workload on each of the providers, in turn, after comparing each with the reference.
/// One row per provider, `kind` "speed": a provider that refuses has status unsupported, one whose
/// result is wrong has status incorrect and no time, one that fails has status error; none ends the
/// run. Recurrent and feed-forward rows carry the gradient growth of the run that was compared.
///
/// Keys: kind, name, problem, family, provider, dtype, status, reason, detail, depth, clock, ms
/// (median), ms_min, ms_lower, ms_upper, noise, disturbed, samples, blocks, preempted, throttled,
/// ms_cold, ms_wall, parts, versus, bytes, flops, gb_per_s, gflop_per_s, limit_ms, of_limit,
/// of_limit_reason, workspace_bytes, error, tolerance, approximation, tails, slope_bytes, left_out
/// (host/problem/judge.h), growth {ln_norm, rate, total}, growth_reason. `limits` are measured
/// again where a row comes out above. `context` is what the providers were made with.
std::vector<Row> measure_speed(const Workload& workload, const std::vector<Provider*>& providers,
                               Limits& limits, const MeasureOptions& options, std::uint64_t seed,
                               const Context& context = {});

/// One row of kind "check" per provider: as above without the timing. `inputs` are drawn with
/// `seed`.
std::vector<Row> check_workload(const Workload& workload, const std::vector<Provider*>& providers,
                                std::uint64_t seed, const Context& context = {});

/// What such rows answer (host/problem/identity.h). A time also depends on the number of threads
/// and on how long it was measured.
IdentityText check_identity(const Workload& workload, std::string_view provider, std::uint64_t seed,
                            const Context& context);
IdentityText speed_identity(const Workload& workload, std::string_view provider, std::uint64_t seed,
                            const Context& context, const MeasureOptions& options);

/// Columns of such rows as CSV; those of `speed` are more.
std::vector<Column> check_columns();
std::vector<Column> speed_columns();

}  // namespace gradepth
