#include <algorithm>
#include <functional>

#include "host/providers/onednn/api.h"
#include "host/providers/onednn/plans.h"
#include "host/providers/onednn/program.h"
#include "host/providers/shared/buffers.h"
#include "host/providers/shared/circular_images.h"
#include "host/providers/shared/elementwise.h"
#include "host/providers/shared/workers.h"

namespace gradepth::onednn {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;

constexpr std::ptrdiff_t halo_side = cpu::side + 2;  // an image with the rim that a 3 × 3 tap needs

memory::desc f32(const memory::dims& dims, Tag tag) { return {dims, memory::data_type::f32, tag}; }

/// The affine map of a layer: its three primitives' descriptions. `Maps` names the primitives.
template <class Maps>
struct Descriptions {
  typename Maps::Forward::primitive_desc forward;
  typename Maps::BackwardData::primitive_desc backward_data;
  typename Maps::BackwardWeights::primitive_desc backward_weights;
};

/// W h + b by the inner product.
struct InnerProduct {
  using Forward = dnnl::inner_product_forward;
  using BackwardData = dnnl::inner_product_backward_data;
  using BackwardWeights = dnnl::inner_product_backward_weights;

  static memory::desc state(const FeedForwardProblem& p) { return f32({p.B, p.N}, Tag::ab); }
  static memory::desc source(const FeedForwardProblem& p) { return state(p); }
  static memory::desc weights(const FeedForwardProblem& p, Tag tag = Tag::ab) {
    return f32({p.N, p.N}, tag);
  }
  static Descriptions<InnerProduct> describe_all(const dnnl::engine& engine,
                                                 const FeedForwardProblem& p) {
    const auto W = weights(p, Tag::any);
    const auto b = f32({p.N}, Tag::a);
    const auto h = state(p);
    const auto forward = describe<Forward>(engine, dnnl::prop_kind::forward_training, h, W, b, h);
    return {forward, describe_backward<BackwardData>(engine, forward, h, W, h),
            describe_backward<BackwardWeights>(engine, forward, h, W, b, h)};
  }
};

/// conv(h, W) + b, channels last, over images that we padded as a torus.
struct Convolution {
  using Forward = dnnl::convolution_forward;
  using BackwardData = dnnl::convolution_backward_data;
  using BackwardWeights = dnnl::convolution_backward_weights;

  static memory::desc state(const FeedForwardProblem& p) {
    return f32({p.B, p.N, cpu::side, cpu::side}, Tag::nhwc);
  }
  static memory::desc source(const FeedForwardProblem& p) {
    return f32({p.B, p.N, halo_side, halo_side}, Tag::nhwc);
  }
  static memory::desc weights(const FeedForwardProblem& p, Tag tag = Tag::oihw) {
    return f32({p.N, p.N, image::kernel, image::kernel}, tag);
  }
  static Descriptions<Convolution> describe_all(const dnnl::engine& engine,
                                                const FeedForwardProblem& p) {
    constexpr auto direct = dnnl::algorithm::convolution_direct;
    const memory::dims one{1, 1};
    const memory::dims none{0, 0};
    const auto W = weights(p, Tag::any);
    const auto b = f32({p.N}, Tag::a);
    const auto from = source(p);
    const auto to = state(p);
    const auto forward = describe<Forward>(engine, dnnl::prop_kind::forward_training, direct, from,
                                           W, b, to, one, none, none);
    return {forward,
            describe_backward<BackwardData>(engine, forward, direct, from, W, to, one, none, none),
            describe_backward<BackwardWeights>(engine, forward, direct, from, W, b, to, one, none,
                                               none)};
  }
};

/// mlp, residual and cnn: per layer an inner product or a convolution, then eltwise. Padding, sums
/// of states and norms are ours, since oneDNN has no circular padding and no float64.
template <class Map>
class FeedForwardPlan final : public Plan {
 public:
  FeedForwardPlan(const FeedForwardProblem& problem, const EltwisePair& act, const Context& context)
      : p_(problem),
        act_(act),
        context_(context),
        residual_(problem.is_residual()),
        preact_(problem.is_preact()),
        scale_(problem.branch_scale()),
        trains_(problem.pass != Pass::forward),
        threads_(cpu::Workers(context.threads, false).count()),
        size_(problem.B * problem.state_size()),
        in_(problem),
        out_(problem),
        h_(floats(problem.L + 1, size_)),
        a_(floats(problem.L, size_)),
        f_(floats(residual_ ? problem.L : 0, size_)),
        padded_(floats(cnn ? problem.L : 0, padded_size())),
        dh_(floats(trains_ ? problem.L + 1 : 0, size_)),
        da_(floats(trains_ ? problem.L : 0, size_)),
        back_(floats(trains_ ? 1 : 0, cnn ? padded_size() : size_)),
        engine_(dnnl::engine::kind::cpu, 0),
        stream_(engine_),
        forward_(engine_),
        backward_(engine_),
        state_(Map::state(problem)),
        eltwise_(describe_eltwise(engine_, act.forward, state_)) {
    const cpu::Workers workers(context.threads, false);  // primitives are made for a team's size
    const Descriptions<Map> map = Map::describe_all(engine_, problem);
    out_.view("y", h_ + problem.L * size_);
    out_.view("h", h_.data());
    out_.view("dh0", dh_.data());
    out_.view("dh", dh_.data());
    out_.view("da", da_.data());
    forward_.call([this] { std::copy_n(in_.at("h0"), size_, h_.data()); });
    for (std::ptrdiff_t l = 0; l < p_.L; ++l) add_forward(map, l);
    if (!trains_) return;
    backward_.call([this] { std::copy_n(in_.at("dy"), size_, dh_ + p_.L * size_); });
    for (std::ptrdiff_t l = p_.L - 1; l >= 0; --l) add_backward(map, l);
    backward_.call([this] { measure(0); });
  }

  void set(const Tensors& in) override { in_.set(cnn ? cpu::images_last(in, p_.N) : in); }
  Tensor get(std::string_view name) override {
    return cnn ? cpu::images_first(out_.get(name), p_.N) : out_.get(name);
  }
  void run() override {
    run_forward();
    if (trains_) run_backward();
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
    return forward_.bytes() + backward_.bytes() +
           (a_.size() + f_.size() + padded_.size() + da_.size() + back_.size()) * sizeof(float);
  }
  [[nodiscard]] std::string detail() const override { return cnn ? "channels last" : ""; }

 private:
  static constexpr bool cnn = std::is_same_v<Map, Convolution>;

  static cpu::Floats floats(std::ptrdiff_t count, std::ptrdiff_t size) {
    return cpu::Floats(static_cast<std::size_t>(count * size));
  }
  [[nodiscard]] std::ptrdiff_t padded_size() const { return p_.B * p_.N * halo_side * halo_side; }
  [[nodiscard]] std::ptrdiff_t weight_size() const { return p_.N * p_.N * (cnn ? cpu::taps : 1); }

  // --- memories of layer l ---

  memory state(const cpu::Floats& states, std::ptrdiff_t l) const {
    return forward_.over(state_, states + l * size_);
  }
  /// What W multiplies.
  memory map_input(std::ptrdiff_t l) const {
    if (cnn) return forward_.over(Map::source(p_), padded_ + l * padded_size());
    return state(preact_ ? f_ : h_, l);
  }
  memory W(std::ptrdiff_t l) {
    return forward_.over(Map::weights(p_), in_.at("W") + l * weight_size());
  }
  memory bias_of(const float* b, std::ptrdiff_t l) const {
    return forward_.over(f32({p_.N}, Tag::a), b + l * p_.N);
  }
  /// What the slope of layer l reads: f's value or its argument.
  memory kept(std::ptrdiff_t l) const {
    if (preact_) return state(act_.from_output ? f_ : h_, l);
    if (!act_.from_output) return state(a_, l);
    return residual_ ? state(f_, l) : state(h_, l + 1);
  }

  // --- the steps of layer l ---

  void add_eltwise(const memory& from, const memory& to) {
    forward_.add(dnnl::eltwise_forward(eltwise_), {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}});
  }
  void add_slope(std::ptrdiff_t l, const memory& dy, const memory& dx) {
    const auto description = describe_eltwise_backward(engine_, eltwise_, act_.backward, state_);
    backward_.add(dnnl::eltwise_backward(description),
                  {{act_.from_output ? DNNL_ARG_DST : DNNL_ARG_SRC, kept(l)},
                   {DNNL_ARG_DIFF_DST, dy},
                   {DNNL_ARG_DIFF_SRC, dx}});
  }

  void add_forward(const Descriptions<Map>& map, std::ptrdiff_t l) {
    if (preact_) add_eltwise(state(h_, l), state(f_, l));
    if (cnn) forward_.call([this, l] { pad(l); });
    const memory weights = forward_.as(map.forward.weights_desc(), W(l));
    forward_.add(typename Map::Forward(map.forward), {{DNNL_ARG_SRC, map_input(l)},
                                                      {DNNL_ARG_WEIGHTS, weights},
                                                      {DNNL_ARG_BIAS, bias_of(in_.at("b"), l)},
                                                      {DNNL_ARG_DST, state(a_, l)}});
    if (!preact_) add_eltwise(state(a_, l), residual_ ? state(f_, l) : state(h_, l + 1));
    if (residual_) {
      forward_.call([this, l] { add_scaled(h_, l, preact_ ? a_ : f_, l, scale_, h_, l + 1); });
    }
  }

  void add_backward(const Descriptions<Map>& map, std::ptrdiff_t l) {
    backward_.call([this, l] { measure(l + 1); });
    if (preact_) {
      backward_.call([this, l] { std::copy_n(dh_ + (l + 1) * size_, size_, da_ + l * size_); });
    } else {
      add_slope(l, state(dh_, l + 1), state(da_, l));
      if (scale_ != 1)
        backward_.call([this, l] { cpu::loops().scale(da_ + l * size_, scale_, size_); });
    }
    add_weight_gradients(map, l);
    const memory weights = backward_.as(map.backward_data.weights_desc(), W(l));
    const memory branch = cnn         ? forward_.over(Map::source(p_), back_.data())
                          : residual_ ? state(back_, 0)
                                      : state(dh_, l);
    backward_.add(typename Map::BackwardData(map.backward_data),
                  {{DNNL_ARG_DIFF_DST, state(da_, l)},
                   {DNNL_ARG_WEIGHTS, weights},
                   {DNNL_ARG_DIFF_SRC, branch}});
    if (preact_) add_slope(l, branch, branch);
    if (residual_) {
      backward_.call([this, l] { add_scaled(dh_, l + 1, back_, 0, 1.0, dh_, l); });
    }
    if (cnn) backward_.call([this, l] { fold(l); });
  }

  void add_weight_gradients(const Descriptions<Map>& map, std::ptrdiff_t l) {
    const memory dW = backward_.over(Map::weights(p_), out_.at("dW") + l * weight_size());
    const memory::desc wanted = map.backward_weights.diff_weights_desc();
    const memory packed = wanted == dW.get_desc() ? dW : backward_.allocate(wanted);
    backward_.add(typename Map::BackwardWeights(map.backward_weights),
                  {{DNNL_ARG_SRC, map_input(l)},
                   {DNNL_ARG_DIFF_DST, state(da_, l)},
                   {DNNL_ARG_DIFF_WEIGHTS, packed},
                   {DNNL_ARG_DIFF_BIAS, bias_of(out_.at("db"), l)}});
    if (wanted != dW.get_desc()) backward_.reorder(packed, dW);
  }

  // --- our own work between the primitives ---

  void measure(std::ptrdiff_t s) {
    out_.wide("dh_norm2")[static_cast<std::size_t>(s)] =
        cpu::sum_of_squares(threads_, dh_ + s * size_, size_);
  }
  /// to = x + A y, each at its own state.
  void add_scaled(const cpu::Floats& x, std::ptrdiff_t x_at, const cpu::Floats& y,
                  std::ptrdiff_t y_at, double A, cpu::Floats& to, std::ptrdiff_t to_at) const {
    const float* x_data = x + x_at * size_;
    const float* y_data = y + y_at * size_;
    float* to_data = to + to_at * size_;
    const auto factor = static_cast<float>(A);
    parallel_for(threads_, p_.B, [&](std::ptrdiff_t row) {
      const std::ptrdiff_t i = row * p_.N;
      cpu::loops().add_scaled(x_data + i, factor, y_data + i, to_data + i, p_.N);
    });
  }
  /// Calls f(pixel of the image, pixel of the padded image that shows it) for a sample.
  template <class F>
  static void for_each_padded(F&& f) {
    for (std::ptrdiff_t y = 0; y < halo_side; ++y) {
      for (std::ptrdiff_t x = 0; x < halo_side; ++x) {
        const std::ptrdiff_t from_y = (y + cpu::side - 1) % cpu::side;
        const std::ptrdiff_t from_x = (x + cpu::side - 1) % cpu::side;
        f(from_y * cpu::side + from_x, y * halo_side + x);
      }
    }
  }
  void pad(std::ptrdiff_t l) {
    parallel_for(threads_, p_.B, [&](std::ptrdiff_t n) {
      const float* image = h_ + l * size_ + n * p_.state_size();
      float* padded = padded_ + l * padded_size() + n * p_.N * halo_side * halo_side;
      for_each_padded([&](std::ptrdiff_t from, std::ptrdiff_t to) {
        std::copy_n(image + from * p_.N, p_.N, padded + to * p_.N);
      });
    });
  }
  /// The transpose of pad: the gradient of a pixel is the sum over the places that show it.
  void fold(std::ptrdiff_t l) {
    parallel_for(threads_, p_.B, [&](std::ptrdiff_t n) {
      float* image = dh_ + l * size_ + n * p_.state_size();
      const float* padded = back_ + n * p_.N * halo_side * halo_side;
      std::fill_n(image, p_.state_size(), 0.0F);
      for_each_padded([&](std::ptrdiff_t to, std::ptrdiff_t from) {
        cpu::loops().add(image + to * p_.N, padded + from * p_.N, p_.N);
      });
    });
  }

  FeedForwardProblem p_;
  EltwisePair act_;
  Context context_;
  bool residual_, preact_;
  double scale_;
  bool trains_;
  int threads_;
  std::ptrdiff_t size_;  // elements of a state
  cpu::Inputs in_;
  cpu::Outputs out_;
  cpu::Floats h_;       // [L+1, state]
  cpu::Floats a_;       // [L, state]
  cpu::Floats f_;       // [L, state], residual nets: f(a), preact: f(h)
  cpu::Floats padded_;  // [L, B, 10, 10, N], cnn
  cpu::Floats dh_;      // [L+1, state]
  cpu::Floats da_;      // [L, state]
  cpu::Floats back_;    // the branch's gradient of one layer; cnn: padded
  dnnl::engine engine_;
  dnnl::stream stream_;
  Program forward_;
  Program backward_;
  memory::desc state_;
  dnnl::eltwise_forward::primitive_desc eltwise_;
};

}  // namespace

Planned make_plan(const FeedForwardProblem& p, const Context& context) {
  const auto act = find_eltwise(p.act);
  if (!act) return Unsupported{"oneDNN 2.6 has no " + std::string(p.act.name())};
  if (p.clip_value > 0) return Unsupported{"oneDNN has no gradient clipping"};
  if (p.share) return Unsupported{"no tied layers: oneDNN adds no dW to another"};
  if (p.is_cnn()) return std::make_unique<FeedForwardPlan<Convolution>>(p, *act, context);
  return std::make_unique<FeedForwardPlan<InnerProduct>>(p, *act, context);
}

}  // namespace gradepth::onednn
