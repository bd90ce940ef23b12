#pragma once

/// How long the threads of OpenMP wait for each other without sleeping.
namespace gradepth {

/// Starts this program anew with GOMP_SPINCOUNT set, unless the user chose how threads wait
/// (OMP_WAIT_POLICY, GOMP_SPINCOUNT) or only one runs. Call it when the flags are known to be good,
/// before anything else is done.
///
/// libgomp's own choice is to spin for about 15 ms: longer than a time slice. Where another process
/// takes a processor from one thread of a team, the rest then spin away the time in which it could
/// run in their place. libgomp reads the variable when it is loaded, before any code of ours, and
/// offers no call for it; hence the second start, which takes some milliseconds; process and
/// environment stay, so that debuggers and profilers follow. Where it is not possible the program
/// goes on as it is.
void bound_spinning(char** argv);

}  // namespace gradepth
