#pragma once
#include <cstddef>

namespace gradepth::inline simt {

namespace detail {
std::byte* dynamic_shared_memory();
}  // namespace detail

/// The block's dynamic shared memory, `shared_bytes` of the launch long, aligned to 16 bytes.
template <class T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(detail::dynamic_shared_memory());
}

}  // namespace gradepth::inline simt
