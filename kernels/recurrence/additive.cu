#include <type_traits>

#include "kernels/recurrence/additive.cuh"

namespace gradepth::inline GRADEPTH_PLATFORM {

namespace {

/// f(kernel's Terms as a constant).
template <class F>
auto with_terms(const Additive& net, F f) {
  using std::integral_constant;
  if (net.terms == net.T) return f(integral_constant<Terms, Terms::all>{});
  if (is_windowed(net)) return f(integral_constant<Terms, Terms::windowed>{});
  return f(integral_constant<Terms, Terms::two>{});
}

}  // namespace

std::int64_t additive_blocks(std::int64_t n) { return divide_up(n, block_threads); }

void additive_forward(const Additive& net, const StreamRef& stream) {
  if (net.n == 0) return;
  const dim3 grid(as_blocks(additive_blocks(net.n)));
  const auto kernel =
      with_terms(net, [](auto terms) { return additive_forward_kernel<terms.value>; });
  launch(kernel, grid, dim3(block_threads), 0, stream, net);
}

void additive_backward(const Additive& net, const StreamRef& stream) {
  if (net.n == 0) return;
  const dim3 grid(as_blocks(additive_blocks(net.n)));
  const auto kernel =
      with_terms(net, [](auto terms) { return additive_backward_kernel<terms.value>; });
  launch(kernel, grid, dim3(block_threads), 0, stream, net);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
