#pragma once
/// The executor's side is kernels/simt/whole.h.

#ifdef __CUDACC__

namespace gradepth::inline cuda {

/// *to = *from, one access on each side where the type's alignment allows it.
template <class T>
__device__ void copy_whole(T* to, const T* from) {
  *to = *from;
}

}  // namespace gradepth::inline cuda

#endif  // __CUDACC__
