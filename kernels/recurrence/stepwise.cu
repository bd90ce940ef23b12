#include "kernels/recurrence/stepwise.cuh"

#include <stdexcept>
#include <string>

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

template <class F>
void with_gated_cell(std::string_view cell, F f) {
  if (cell == "lstm") {
    f(LstmStep{});
  } else if (cell == "gru") {
    f(GruStep{});
  } else {
    throw std::invalid_argument("cell " + std::string(cell) + ": one of lstm, gru");
  }
}

}  // namespace

void gated_forward(std::string_view cell, const RecurrentForward& p, std::int64_t t,
                   const float* product, const StreamRef& stream) {
  const dim3 grid(as_blocks(p.B), as_blocks(divide_up(p.H, block_threads)));
  with_gated_cell(cell, [&](auto c) {
    launch(gated_forward_kernel<decltype(c)>, grid, dim3(block_threads), 0, stream, p, t, product);
  });
}

void gated_backward(std::string_view cell, const RecurrentBackward& p, std::int64_t s,
                    const float* through, const StreamRef& stream) {
  with_gated_cell(cell, [&](auto c) {
    launch(gated_backward_kernel<decltype(c)>, dim3(as_blocks(step_blocks(p.B * p.H))),
           dim3(block_threads), 0, stream, p, s, through);
  });
}

void sum_gates(std::int64_t rows, int gates, std::int64_t H, const float* da, float* dx,
               const StreamRef& stream) {
  const dim3 grid(as_blocks(rows), as_blocks(divide_up(H, block_threads)));
  const auto kernel = gates == LstmStep::gates ? sum_gates_kernel<LstmStep::gates>
                                               : sum_gates_kernel<GruStep::gates>;
  launch(kernel, grid, dim3(block_threads), 0, stream, H, da, dx);
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
