#include "host/providers/onednn/api.h"
#include "host/providers/onednn/plans.h"
#include "host/providers/onednn/program.h"
#include "host/providers/shared/buffers.h"
#include "host/providers/shared/workers.h"

namespace gradepth::onednn {
namespace {

using dnnl::memory;

/// The eltwise primitive; for the bias gradient a reduction over the rows after it.
class ActivationPlan final : public Plan {
 public:
  ActivationPlan(const ActivationProblem& problem, const EltwisePair& act, const Context& context)
      : context_(context),
        in_(problem),
        out_(problem),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        program_(engine_) {
    const cpu::Workers workers(context.threads, false);  // primitives are made for a team's size
    const memory::desc data({problem.rows, problem.cols}, memory::data_type::f32,
                            memory::format_tag::ab);
    const auto forward = describe_eltwise(engine_, act.forward, data);
    if (problem.pass == ActivationPass::forward) {
      program_.add(dnnl::eltwise_forward(forward),
                   {{DNNL_ARG_SRC, program_.over(data, in_.at("x"))},
                    {DNNL_ARG_DST, program_.over(data, out_.at("y"))}});
      return;
    }
    const memory dx = program_.over(data, out_.at("dx"));
    const auto backward = describe_eltwise_backward(engine_, forward, act.backward, data);
    const int kept = act.from_output ? DNNL_ARG_DST : DNNL_ARG_SRC;
    program_.add(dnnl::eltwise_backward(backward),
                 {{kept, program_.over(data, in_.at(act.from_output ? "y" : "x"))},
                  {DNNL_ARG_DIFF_DST, program_.over(data, in_.at("dy"))},
                  {DNNL_ARG_DIFF_SRC, dx}});
    if (!problem.bias_gradient) return;
    const memory::desc row({1, problem.cols}, memory::data_type::f32, memory::format_tag::ab);
    const memory db = program_.over(row, out_.at("db"));
    if (problem.rows == 1) {  // a reduction must reduce
      program_.reorder(dx, db);
    } else {
      program_.add(dnnl::reduction(describe<dnnl::reduction>(
                       engine_, dnnl::algorithm::reduction_sum, data, row, 0.0F, 0.0F)),
                   {{DNNL_ARG_SRC, dx}, {DNNL_ARG_DST, db}});
    }
  }

  void set(const Tensors& in) override { in_.set(in); }
  void run() override {
    const cpu::Workers workers(context_.threads, context_.flush_subnormals);
    program_.execute(stream_);
  }
  Tensor get(std::string_view name) override { return out_.get(name); }
  [[nodiscard]] std::size_t workspace_bytes() const override { return program_.bytes(); }
  [[nodiscard]] bool keeps_tails() const override { return false; }  // gelu' from 1 + erf

 private:
  Context context_;
  cpu::Inputs in_;
  cpu::Outputs out_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  Program program_;
};

}  // namespace

Planned make_plan(const ActivationProblem& problem, const Context& context) {
  if (problem.count_saturated) return Unsupported{"oneDNN counts no saturated units"};
  const auto act = find_eltwise(problem.act);
  if (!act) return Unsupported{"oneDNN 2.6 has no " + std::string(problem.act.name())};
  return std::make_unique<ActivationPlan>(problem, *act, context);
}

}  // namespace gradepth::onednn
