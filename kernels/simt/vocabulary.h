#pragma once
/// The words of CUDA that are neither functions nor objects, and can only be macros. All others
/// are real functions, types and variables of namespace gradepth::simt.

// CUDA's names are reserved ones. NOLINTBEGIN(bugprone-reserved-identifier)
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(bytes) __attribute__((aligned(bytes)))
// In a function only. Every host thread runs one block at a time, so its copy is the block's.
// For dynamic shared memory use dynamic_shared<T>(), not `extern __shared__`.
// `used`: the compiler must not conclude from the code that a variable is never written, and fold
// it to 0: the executor has filled it.
#define __shared__ static thread_local __attribute__((used))
// NOLINTEND(bugprone-reserved-identifier)
