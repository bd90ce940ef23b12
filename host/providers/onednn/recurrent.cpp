#include <algorithm>
#include <functional>

#include "host/providers/onednn/api.h"
#include "host/providers/onednn/plans.h"
#include "host/providers/onednn/program.h"
#include "host/providers/shared/buffers.h"
#include "host/providers/shared/workers.h"
#include "kernels/cell/cells.h"

namespace gradepth::onednn {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

constexpr auto direction = dnnl::rnn_direction::unidirectional_left2right;

/// The activations that vanilla_rnn has.
bool has_cell(RecurrentCell cell) { return cell == "elman" || cell == "lstm" || cell == "gru"; }
bool has_vanilla(Activation act) { return act == "tanh" || act == "relu" || act == "sigmoid"; }
dnnl::algorithm vanilla_algorithm(Activation act) {
  if (act == "relu") return dnnl::algorithm::eltwise_relu;
  return act == "tanh" ? dnnl::algorithm::eltwise_tanh : dnnl::algorithm::eltwise_logistic;
}

/// The shapes of a one-layer net in oneDNN's terms.
struct Shapes {
  explicit Shapes(const RecurrentProblem& p)
      : I(p.features()),
        x(f32({p.T, p.B, I}, Tag::tnc)),
        y(f32({p.T, p.B, p.H}, Tag::tnc)),
        state(f32({1, 1, p.B, p.H}, Tag::ldnc)),
        Wx(f32({1, 1, I, p.cell->gates, p.H}, Tag::ldgoi)),
        Wh(f32({1, 1, p.H, p.cell->gates, p.H}, Tag::ldgoi)),
        any_Wx(f32({1, 1, I, p.cell->gates, p.H}, Tag::any)),
        any_Wh(f32({1, 1, p.H, p.cell->gates, p.H}, Tag::any)),
        b(f32({1, 1, p.cell->biases, p.H}, Tag::ldgo)) {}

  static memory::desc f32(const memory::dims& dims, Tag tag) {
    return {dims, memory::data_type::f32, tag};
  }

  std::int64_t I;
  memory::desc x, y, state, Wx, Wh, any_Wx, any_Wh, b;
};

/// vanilla_rnn, lstm and lbr_gru. Packing of the weights belongs to the step: they are new each
/// time. oneDNN's gates: lstm i, f, c~, o, as ours; gru u, r, o and the bias inside the reset
/// product last, where ours are r, z, n: the first two change places.
class RecurrentPlan final : public Plan {
 public:
  RecurrentPlan(const RecurrentProblem& problem, const Context& context)
      : p_(problem),
        context_(context),
        in_(problem),
        out_(problem),
        shapes_(problem),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        forward_(engine_),
        backward_(engine_) {
    const cpu::Workers workers(context.threads, false);  // primitives are made for a team's size
    out_.hide("dh_norm2");
    out_.hide("da_norm2");
    if (p_.cell == "lstm") {
      make_lstm();
    } else if (p_.cell == "gru") {
      make_gru();
    } else {
      make_vanilla();
    }
  }

  void set(const Tensors& in) override {
    if (p_.cell != "gru") return in_.set(in);
    Tensors swapped;
    for (const auto& [name, tensor] : in) {
      swap_gates(name, swapped.emplace(name, tensor).first->second);
    }
    in_.set(swapped);
  }
  Tensor get(std::string_view name) override {
    Tensor tensor = out_.get(name);
    if (p_.cell == "gru" && name.starts_with('d')) swap_gates(name.substr(1), tensor);
    return tensor;
  }
  void run() override {
    run_forward();
    if (trains()) run_backward();
  }
  void run_forward() override {
    const cpu::Workers workers(context_.threads, context_.flush_subnormals);
    forward_.execute(stream_);
  }
  void run_backward() override {
    const cpu::Workers workers(context_.threads, context_.flush_subnormals);
    backward_.execute(stream_);
  }
  [[nodiscard]] std::size_t workspace_bytes() const override {
    return forward_.bytes() + backward_.bytes();
  }

 private:
  [[nodiscard]] bool trains() const { return p_.pass != Pass::forward; }
  [[nodiscard]] dnnl::prop_kind prop() const {
    return trains() ? dnnl::prop_kind::forward_training : dnnl::prop_kind::forward_inference;
  }

  /// Exchanges r and z of a gru's weights and biases.
  void swap_gates(std::string_view name, Tensor& tensor) const {
    if ((name != "Wx" && name != "Wh" && name != "b") || tensor.data.empty()) return;
    const auto gate = static_cast<std::ptrdiff_t>(tensor.size()) /
                      (name == "b" ? p_.cell->biases : p_.cell->gates);
    const auto begin = tensor.data.begin();
    std::swap_ranges(begin, begin + gate, begin + gate);
  }

  void make_vanilla() {
    const auto f = vanilla_algorithm(p_.act);
    const Shapes& s = shapes_;
    const auto forward = describe<dnnl::vanilla_rnn_forward>(
        engine_, prop(), f, direction, s.x, s.state, s.any_Wx, s.any_Wh, s.b, s.y, s.state);
    add_forward<dnnl::vanilla_rnn_forward>(forward);
    if (!trains()) return;
    add_backward<dnnl::vanilla_rnn_backward>(
        forward,
        describe_backward<dnnl::vanilla_rnn_backward>(
            engine_, forward, dnnl::prop_kind::backward, f, direction, s.x, s.state, s.any_Wx,
            s.any_Wh, s.b, s.y, s.state, s.x, s.state, s.any_Wx, s.any_Wh, s.b, s.y, s.state));
  }
  void make_gru() {
    const Shapes& s = shapes_;
    const auto forward = describe<dnnl::lbr_gru_forward>(engine_, prop(), direction, s.x, s.state,
                                                         s.any_Wx, s.any_Wh, s.b, s.y, s.state);
    add_forward<dnnl::lbr_gru_forward>(forward);
    if (!trains()) return;
    add_backward<dnnl::lbr_gru_backward>(
        forward,
        describe_backward<dnnl::lbr_gru_backward>(
            engine_, forward, dnnl::prop_kind::backward, direction, s.x, s.state, s.any_Wx,
            s.any_Wh, s.b, s.y, s.state, s.x, s.state, s.any_Wx, s.any_Wh, s.b, s.y, s.state));
  }
  void make_lstm() {
    const Shapes& s = shapes_;
    const auto forward =
        describe<dnnl::lstm_forward>(engine_, prop(), direction, s.x, s.state, s.state, s.any_Wx,
                                     s.any_Wh, s.b, s.y, s.state, s.state);
    add_forward<dnnl::lstm_forward>(forward);
    if (!trains()) return;
    add_backward<dnnl::lstm_backward>(
        forward, describe_backward<dnnl::lstm_backward>(
                     engine_, forward, dnnl::prop_kind::backward, direction, s.x, s.state, s.state,
                     s.any_Wx, s.any_Wh, s.b, s.y, s.state, s.state, s.x, s.state, s.state,
                     s.any_Wx, s.any_Wh, s.b, s.y, s.state, s.state));
  }

  template <class Primitive, class Description>
  void add_forward(const Description& description) {
    arguments_ = {{DNNL_ARG_SRC_LAYER, forward_.over(shapes_.x, in_.at("x"))},
                  {DNNL_ARG_SRC_ITER, forward_.over(shapes_.state, in_.at("h0"))},
                  {DNNL_ARG_BIAS, forward_.over(shapes_.b, in_.at("b"))},
                  {DNNL_ARG_DST_LAYER, forward_.over(shapes_.y, out_.at("y"))},
                  {DNNL_ARG_DST_ITER, forward_.allocate(shapes_.state)}};
    if (p_.cell == "lstm") {
      arguments_.insert({DNNL_ARG_SRC_ITER_C, forward_.over(shapes_.state, in_.at("c0"))});
      arguments_.insert({DNNL_ARG_DST_ITER_C, forward_.allocate(shapes_.state)});
    }
    if (trains()) {
      arguments_.insert({DNNL_ARG_WORKSPACE, forward_.allocate(description.workspace_desc())});
    }
    add_weights(forward_, description);
    forward_.add(Primitive(description), arguments_);
  }

  /// Wx and Wh in the layout that a primitive wants.
  template <class Description>
  void add_weights(Program& program, const Description& description) {
    arguments_[DNNL_ARG_WEIGHTS_LAYER] =
        program.as(description.weights_layer_desc(), program.over(shapes_.Wx, in_.at("Wx")));
    arguments_[DNNL_ARG_WEIGHTS_ITER] =
        program.as(description.weights_iter_desc(), program.over(shapes_.Wh, in_.at("Wh")));
  }

  template <class Primitive, class Forward, class Description>
  void add_backward(const Forward& /*forward*/, const Description& description) {
    const memory zero = backward_.allocate(shapes_.state);
    clear(zero);
    const memory dWx = gradient_of(description.diff_weights_layer_desc(), shapes_.Wx, "dWx");
    const memory dWh = gradient_of(description.diff_weights_iter_desc(), shapes_.Wh, "dWh");
    const memory db = backward_.over(shapes_.b, out_.at("db"));
    // The primitive adds to the weights' gradients.
    backward_.call([=] {
      for (const memory& gradient : {dWx, dWh, db}) clear(gradient);
    });
    arguments_.insert({{DNNL_ARG_DIFF_SRC_LAYER, backward_.over(shapes_.x, out_.at("dx"))},
                       {DNNL_ARG_DIFF_SRC_ITER, backward_.over(shapes_.state, out_.at("dh0"))},
                       {DNNL_ARG_DIFF_WEIGHTS_LAYER, dWx},
                       {DNNL_ARG_DIFF_WEIGHTS_ITER, dWh},
                       {DNNL_ARG_DIFF_BIAS, db},
                       {DNNL_ARG_DIFF_DST_LAYER, backward_.over(shapes_.y, in_.at("dy"))},
                       {DNNL_ARG_DIFF_DST_ITER, zero}});
    if (p_.cell == "lstm") {
      arguments_.insert({{DNNL_ARG_DIFF_SRC_ITER_C, backward_.over(shapes_.state, out_.at("dc0"))},
                         {DNNL_ARG_DIFF_DST_ITER_C, backward_.over(shapes_.state, in_.at("dc"))}});
    }
    add_weights(backward_, description);
    backward_.add(Primitive(description), arguments_);
    put_gradient(dWx, shapes_.Wx, "dWx");
    put_gradient(dWh, shapes_.Wh, "dWh");
  }

  /// Where the primitive puts a gradient: the output itself, if the layouts agree.
  memory gradient_of(const memory::desc& wanted, const memory::desc& ours, const char* name) {
    return wanted == ours ? backward_.over(ours, out_.at(name)) : backward_.allocate(wanted);
  }
  void put_gradient(const memory& gradient, const memory::desc& ours, const char* name) {
    if (gradient.get_desc() != ours) {
      backward_.reorder(gradient, backward_.over(ours, out_.at(name)));
    }
  }
  static void clear(const memory& m) {
    std::fill_n(static_cast<char*>(m.get_data_handle()), m.get_desc().get_size(), char{0});
  }

  RecurrentProblem p_;
  Context context_;
  cpu::Inputs in_;
  cpu::Outputs out_;
  Shapes shapes_;
  dnnl::engine engine_;
  dnnl::stream stream_;
  Program forward_;
  Program backward_;
  Program::Arguments arguments_;
};

}  // namespace

Planned make_plan(const RecurrentProblem& p, const Context& context) {
  if (!has_cell(p.cell))
    return Unsupported{"oneDNN has no " + std::string(p.cell.name()) + " cell"};
  if (!has_vanilla(p.act)) return Unsupported{"oneDNN's RNN has tanh, relu and sigmoid only"};
  if (!p.project_input) return Unsupported{"oneDNN's RNN always includes the input product"};
  if (!p.share) return Unsupported{"oneDNN's RNN has one W for all steps"};
  if (p.record) return Unsupported{"oneDNN's RNN shows no gradient between steps"};
  if (p.clip_value > 0) return Unsupported{"oneDNN's RNN clips no gradient between steps"};
  return std::make_unique<RecurrentPlan>(p, context);
}

}  // namespace gradepth::onednn
