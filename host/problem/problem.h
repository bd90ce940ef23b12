#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/problem/dtype.h"
#include "host/problem/kinds/activation.h"
#include "host/problem/kinds/clip.h"
#include "host/problem/kinds/feedforward.h"
#include "host/problem/kinds/recurrent.h"
#include "host/problem/tensor.h"
#include "kernels/activation/activation.h"

/// The four kinds of problem: names, sizes, tensors, bytes, flops. What a kind's members and
/// tensors are stands in its header in kinds/.
///
/// A problem says everything about a workload but the numbers in its tensors. A feed-forward net
/// and a recurrent net are both chains of maps; in a recurrent net the maps share W. State 0 is the
/// input end, the last state the loss end.
namespace gradepth {

using Problem = std::variant<ActivationProblem, ClipProblem, RecurrentProblem, FeedForwardProblem>;

/// std::invalid_argument, in one line, when a name is unknown or a size is out of range.
void validate(const Problem& problem);

/// The tensors that a plan needs and gives (a provider may leave out what is_norm2() says).
std::vector<TensorSpec> inputs(const Problem& problem);
std::vector<TensorSpec> outputs(const Problem& problem);

/// `recurrent/elman/tanh/f32/T64_B32_H512`: the problem's part of a row's name. It says all that
/// decides a result; `record` does not.
std::string name(const Problem& problem);
/// The problem of that name, valid, and with its defaults where a name says nothing.
/// std::invalid_argument, in one line that says which part is wrong and what may stand there.
Problem parse_problem(std::string_view name);
/// `output` or `input`.
std::string_view name(SlopeFrom from);
/// Where the slopes of a problem come from in truth: from the input where the output does not say
/// them; none where there is no activation.
std::optional<SlopeFrom> slopes_from(const Problem& problem);
/// Whether slopes from the input are asked for that could come from the output: not every provider
/// has them.
bool asks_for_input_slopes(const Problem& problem);
/// The problem with its slopes from there, where there is a choice; else as it is.
Problem with_slopes(Problem problem, SlopeFrom from);
/// `activation`, `clip`, `recurrent` or `feedforward`.
std::string_view kind(const Problem& problem);
Dtype dtype(const Problem& problem);
/// Number of maps from the input end to the loss; 1 for activation and clip.
std::int64_t depth(const Problem& problem);

/// Whether only the forward pass is asked for; a clip has none.
bool is_forward_only(const Problem& problem);
/// Whether it is a training step of a net, forward and back.
bool is_training(const Problem& problem);

/// The least main-memory traffic of one run in bytes: every input read once, every output written
/// once; clip by norm reads the gradient twice unless it stays on chip. A floor, not a count.
double bytes(const Problem& problem);
/// Bytes of all inputs and outputs of one run, each once (what is clipped in place counts once).
double working_set(const Problem& problem);
/// Floating-point operations of one run: a multiply-add counts 2, the elementwise parts count as
/// the operations of a plain formula, transcendental functions as one.
double flops(const Problem& problem);

}  // namespace gradepth
