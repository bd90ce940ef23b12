#pragma once

// HD marks a function that the host and a CUDA device can both call. Elsewhere it is empty, so that
// formulas shared by every provider (activation/functions.h, cell/*.h) need no platform.
#ifdef __CUDACC__
#define HD __host__ __device__
#else
#define HD
#endif
