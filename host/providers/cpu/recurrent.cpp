#include <algorithm>
#include <string>
#include <vector>

#include "host/providers/cpu/plans.h"
#include "host/providers/cpu/product.h"
#include "host/providers/shared/buffers.h"
#include "host/providers/shared/elementwise.h"
#include "host/providers/shared/workers.h"
#include "kernels/cell/cells.h"

namespace gradepth::cpu {
namespace {

/// What one worker does in each step: some rows of the batch, some panels of the units.
struct Slice {
  std::ptrdiff_t first_row, rows;
  std::ptrdiff_t first_panel, end_panel;
};

/// A cell through time. All steps run in one parallel region; in each, a worker
/// multiplies its tile of the states by packed weights and applies the cell to it while it is in
/// the cache. Workers either divide the batch (then they never wait for each other) or, when it is
/// small, the units (one barrier per step). What can be one product over all steps is: the input's
/// part before, dW, dx after.
class RecurrentPlan final : public Plan {
 public:
  RecurrentPlan(const RecurrentProblem& problem, const Context& context)
      : p_(problem),
        context_(context),
        cell_(*problem.cell),
        T_(problem.T),
        B_(problem.B),
        H_(problem.H),
        G_(cell_.gates),
        I_(problem.features()),
        trains_(problem.pass != Pass::forward),
        in_(problem),
        out_(problem),
        loops_of_cell_(loops().cell(problem.cell, problem.act, problem.slope)),
        h_(floats((T_ + 1) * B_ * H_)),
        c_(floats(cell_.has_c ? (T_ + 1) * B_ * H_ : 0)),
        a_(floats(T_ * B_ * G_ * H_)),
        m_(floats(cell_.has_reset() ? T_ * B_ * H_ : 0)),
        backward_panels_(trains_ ? G_ * H_ : 0, trains_ ? H_ : 0),
        dh_(floats(trains_ ? B_ * H_ : 0)),
        dc_(floats(trains_ && cell_.has_c ? B_ * H_ : 0)),
        carry_(floats(trains_ && cell_.carries_h ? B_ * H_ : 0)),
        da_(floats(trains_ ? T_ * B_ * G_ * H_ : 0)),
        dp_own_(floats(trains_ && cell_.has_reset() ? T_ * B_ * G_ * H_ : 0)) {
    for (std::ptrdiff_t g = 0; g < G_; ++g) forward_panels_.emplace_back(H_, H_);
    panels_ = forward_panels_[0].count();
    norm_parts_.resize(trains_ ? static_cast<std::size_t>((T_ + 1) * B_ * panels_) : 0);
    out_.view("y", h_ + B_ * H_);
    out_.view("h", h_.data());
    out_.view("c", c_.data());
    out_.view("dh0", dh_.data());
    out_.view("dc0", dc_.data());
    out_.view("da", da_.data());
    out_.hide("da_norm2");
    if (G_ == 1 && !p_.project_input) out_.view("dx", da_.data());
  }

  void set(const Tensors& in) override { in_.set(in); }
  Tensor get(std::string_view name) override { return out_.get(name); }
  [[nodiscard]] std::size_t workspace_bytes() const override {
    std::size_t floats = backward_panels_.size() + c_.size() + a_.size() + m_.size() +
                         carry_.size() + da_.size() + dp_own_.size();
    for (const Panels& panels : forward_panels_) floats += panels.size();
    return floats * sizeof(float) + norm_parts_.size() * sizeof(double);
  }
  [[nodiscard]] std::string detail() const override {
    return divides_batch(Workers(context_.threads, false).count()) ? "batch divided"
                                                                   : "units divided";
  }

  void run() override {
    run_forward();
    if (trains_) run_backward();
  }

  void run_forward() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    std::copy_n(in_.at("h0"), B_ * H_, h_.data());
    if (cell_.has_c) std::copy_n(in_.at("c0"), B_ * H_, c_.data());
    if (p_.project_input) {
      gemm(Op::plain, Op::transposed, T_ * B_, G_ * H_, I_, in_.at("x"), I_, in_.at("Wx"), I_, 0,
           a_.data(), G_ * H_);
    }
    parallel(team_size(workers.count()), [&](const Worker& worker) {
      const Slice slice = slice_of(worker);
      pack_if(p_.share, worker, [&](std::ptrdiff_t p) { pack_forward(p, 0); });
      for (std::ptrdiff_t t = 0; t < T_; ++t) {
        for (std::ptrdiff_t p = slice.first_panel; p < slice.end_panel; ++p) {
          if (!p_.share) pack_forward(p, t);
          forward_tile(t, p, slice);
        }
        if (!divides_batch(worker.count())) worker.barrier();
      }
    });
  }

  void run_backward_data() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    if (cell_.has_c) std::copy_n(in_.at("dc"), B_ * H_, dc_.data());
    parallel(team_size(workers.count()), [&](const Worker& worker) {
      const Slice slice = slice_of(worker);
      pack_if(p_.share, worker, [&](std::ptrdiff_t p) { pack_backward(p, 0); });
      for (std::ptrdiff_t s = T_; s >= 0; --s) {
        for (std::ptrdiff_t p = slice.first_panel; p < slice.end_panel; ++p) {
          if (!p_.share && s < T_) pack_backward(p, s);
          state_gradient_tile(s, p, slice);
          if (s > 0) backward_tile(s - 1, p, slice);
        }
        if (!divides_batch(worker.count())) worker.barrier();
      }
    });
    if (p_.norms) add_norm_parts();
    input_gradient(workers.count());
  }
  void run_backward_weights() override {
    const Workers workers(context_.threads, context_.flush_subnormals);
    weight_gradients(workers.count());
  }
  [[nodiscard]] bool has_parts() const override { return true; }

 private:
  static Floats floats(std::ptrdiff_t n) { return Floats(static_cast<std::size_t>(n)); }

  // --- who does what ---

  /// Dividing the batch needs W packed once by all, and enough rows for full register tiles.
  [[nodiscard]] bool divides_batch(int threads) const { return p_.share && B_ >= 4 * threads; }
  [[nodiscard]] int team_size(int threads) const {
    if (divides_batch(threads)) return threads;
    return static_cast<int>(std::min<std::ptrdiff_t>(threads, panels_));
  }
  [[nodiscard]] Slice slice_of(const Worker& worker) const {
    const auto begin = [&](std::ptrdiff_t n) { return n * worker.id() / worker.count(); };
    const auto end = [&](std::ptrdiff_t n) { return n * (worker.id() + 1) / worker.count(); };
    if (divides_batch(worker.count())) return {begin(B_), end(B_) - begin(B_), 0, panels_};
    return {0, B_, begin(panels_), end(panels_)};
  }
  /// Packs all panels, divided among the team, and waits for them.
  template <class Pack>
  void pack_if(bool packs, const Worker& worker, Pack&& pack) const {
    if (!packs) return;
    for (std::ptrdiff_t p = worker.id(); p < panels_; p += worker.count()) pack(p);
    worker.barrier();
  }
  void pack_forward(std::ptrdiff_t p, std::ptrdiff_t t) {
    for (std::ptrdiff_t g = 0; g < G_; ++g) {
      forward_panels_[static_cast<std::size_t>(g)].pack_transposed(p, Wh(t) + g * H_ * H_);
    }
  }
  void pack_backward(std::ptrdiff_t p, std::ptrdiff_t t) { backward_panels_.pack(p, Wh(t)); }

  // --- addresses; t is a step, s a state; row and column of the batch and the units ---

  [[nodiscard]] const float* Wh(std::ptrdiff_t t) const {
    return Wh_ + (p_.share ? 0 : t * G_ * H_ * H_);
  }
  [[nodiscard]] const float* b(std::ptrdiff_t t) const {
    return b_ + (p_.share ? 0 : t * cell_.biases * H_);
  }
  [[nodiscard]] std::ptrdiff_t state_at(std::ptrdiff_t s, std::ptrdiff_t row,
                                        std::ptrdiff_t column) const {
    return (s * B_ + row) * H_ + column;
  }
  [[nodiscard]] std::ptrdiff_t gate_at(std::ptrdiff_t t, std::ptrdiff_t row, std::ptrdiff_t g,
                                       std::ptrdiff_t column) const {
    return ((t * B_ + row) * G_ + g) * H_ + column;
  }
  /// Of an array that only some cells have: nullptr where this one has none.
  static float* part(Floats& floats, std::ptrdiff_t at) {
    return floats.size() == 0 ? nullptr : floats + at;
  }
  /// The gradient at the recurrent product: with a reset gate the last is not da but dm.
  [[nodiscard]] Floats& dp() { return cell_.has_reset() ? dp_own_ : da_; }

  // --- forward ---

  /// State t+1 of some rows and one panel of units.
  void forward_tile(std::ptrdiff_t t, std::ptrdiff_t p, const Slice& slice) {
    const std::ptrdiff_t first = forward_panels_[0].first_column(p);
    const std::ptrdiff_t n = forward_panels_[0].columns(p);
    const float* h = h_ + state_at(t, slice.first_row, 0);
    // What x adds to gate g: its own part of the input product, or x itself.
    const std::ptrdiff_t x_stride = p_.project_input ? G_ * H_ : H_;
    const auto x_part = [&](std::ptrdiff_t g) -> const float* {
      return p_.project_input ? a_ + gate_at(t, slice.first_row, g, first)
                              : x_ + state_at(t, slice.first_row, first);
    };
    for (std::ptrdiff_t g = 0; g < G_; ++g) {
      const float* panel = forward_panels_[static_cast<std::size_t>(g)].panel(p);
      const float* bias = b(t) + g * H_ + first;
      float* a = a_ + gate_at(t, slice.first_row, g, first);
      if (cell_.has_reset() && g == G_ - 1) {
        for (std::ptrdiff_t r = 0; r < slice.rows; ++r) {
          loops_.add_bias(x_part(g) + r * x_stride, bias, a + r * G_ * H_, n);
        }
        multiply_({h, H_, slice.rows, H_, panel, width_, n, nullptr, 0, bias + H_,
                   m_ + state_at(t, slice.first_row, first), H_});
      } else {
        multiply_({h, H_, slice.rows, H_, panel, width_, n, x_part(g), x_stride, bias, a, G_ * H_});
      }
    }
    for (std::ptrdiff_t r = slice.first_row; r < slice.first_row + slice.rows; ++r) {
      forward_row(t, r, first, n);
    }
  }

  void forward_row(std::ptrdiff_t t, std::ptrdiff_t r, std::ptrdiff_t first, std::ptrdiff_t n) {
    const std::ptrdiff_t now = state_at(t, r, first);
    const std::ptrdiff_t next = state_at(t + 1, r, first);
    loops_of_cell_.forward(loops_of_cell_.act,
                           {.a = a_ + gate_at(t, r, 0, first),
                            .stride = H_,
                            .m = part(m_, now),
                            .h = h_ + now,
                            .c = part(c_, now),
                            .h_next = h_ + next,
                            .c_next = part(c_, next)},
                           n);
  }

  // --- backward ---

  /// dL/dh of state s: from the loss, through W from step s, and past it. Then its norm,
  /// the record, and the clip.
  void state_gradient_tile(std::ptrdiff_t s, std::ptrdiff_t p, const Slice& slice) {
    const std::ptrdiff_t first = backward_panels_.first_column(p);
    const std::ptrdiff_t n = backward_panels_.columns(p);
    const float* dy = s > 0 ? dy_ + state_at(s - 1, slice.first_row, first) : nullptr;
    float* dh = dh_ + state_at(0, slice.first_row, first);
    if (s == T_) {
      for (std::ptrdiff_t r = 0; r < slice.rows; ++r) std::copy_n(dy + r * H_, n, dh + r * H_);
    } else {
      const float* init = dy;
      if (cell_.carries_h) {
        float* carry = carry_ + state_at(0, slice.first_row, first);
        for (std::ptrdiff_t r = 0; r < slice.rows && s > 0; ++r) {
          loops_.add(carry + r * H_, dy + r * H_, n);
        }
        init = carry;
      }
      multiply_({dp() + gate_at(s, slice.first_row, 0, 0), G_ * H_, slice.rows, G_ * H_,
                 backward_panels_.panel(p), width_, n, init, H_, nullptr, dh, H_});
    }
    for (std::ptrdiff_t r = slice.first_row; r < slice.first_row + slice.rows; ++r) {
      measure_row(s, r, p);
    }
  }

  void measure_row(std::ptrdiff_t s, std::ptrdiff_t r, std::ptrdiff_t p) {
    const std::ptrdiff_t first = backward_panels_.first_column(p);
    const std::ptrdiff_t n = backward_panels_.columns(p);
    double& norm2 = norm_parts_[static_cast<std::size_t>((s * B_ + r) * panels_ + p)];
    norm2 = measure(dh_ + state_at(0, r, first), n, recorded_dh_, state_at(s, r, first), s);
    if (!cell_.has_c) return;
    norm2 += measure(dc_ + state_at(0, r, first), n, recorded_dc_, state_at(s, r, first), s);
  }
  /// The squared norm (0 if nobody asks) of a segment of a state's gradient, which is then recorded
  /// and clipped.
  double measure(float* d, std::ptrdiff_t n, float* record, std::ptrdiff_t at,
                 std::ptrdiff_t s) const {
    const double norm2 = p_.norms ? loops_.sum_of_squares(d, n) : 0;
    if (record != nullptr) std::copy_n(d, n, record + at);
    if (p_.clip_value > 0 && s > 0) loops_.clip(d, static_cast<float>(p_.clip_value), n);
    return norm2;
  }

  /// da of step t, from the gradient at state t+1.
  void backward_tile(std::ptrdiff_t t, std::ptrdiff_t p, const Slice& slice) {
    const std::ptrdiff_t first = backward_panels_.first_column(p);
    const std::ptrdiff_t n = backward_panels_.columns(p);
    for (std::ptrdiff_t r = slice.first_row; r < slice.first_row + slice.rows; ++r) {
      backward_row(t, r, first, n);
    }
  }

  void backward_row(std::ptrdiff_t t, std::ptrdiff_t r, std::ptrdiff_t first, std::ptrdiff_t n) {
    const std::ptrdiff_t gates = gate_at(t, r, 0, first);
    const std::ptrdiff_t state = state_at(0, r, first);
    const std::ptrdiff_t now = state_at(t, r, first);
    const std::ptrdiff_t next = state_at(t + 1, r, first);
    loops_of_cell_.backward(loops_of_cell_.act,
                            {.a = a_ + gates,
                             .stride = H_,
                             .m = part(m_, now),
                             .h = h_ + now,
                             .c = part(c_, now),
                             .h_next = h_ + next,
                             .c_next = part(c_, next),
                             .dh = dh_ + state,
                             .dc = part(dc_, state),
                             .da = da_ + gates,
                             .dm = part(dp_own_, gates + (G_ - 1) * H_),
                             .carry = part(carry_, state)},
                            n);
    if (!cell_.has_reset()) return;
    for (std::ptrdiff_t g = 0; g + 1 < G_; ++g) {
      std::copy_n(da_ + (gates + g * H_), n, dp_own_ + (gates + g * H_));
    }
  }

  // --- after the steps ---

  /// dh_norm2: the parts in a fixed order.
  void add_norm_parts() {
    std::vector<double>& norm2 = out_.wide("dh_norm2");
    auto part = norm_parts_.begin();
    for (double& total : norm2) {
      total = 0;
      for (std::ptrdiff_t i = 0; i < B_ * panels_; ++i) total += *part++;
    }
  }

  /// dWh, db: each one product or sum over all steps that share W. dWx.
  void weight_gradients(int threads) {
    const std::ptrdiff_t steps = p_.share ? T_ : 1;
    const std::ptrdiff_t rows = steps * B_;
    float* dWh = out_.at("dWh");
    float* db = out_.at("db");
    for (std::ptrdiff_t t = 0; t < T_; t += steps) {
      gemm(Op::transposed, Op::plain, G_ * H_, H_, rows, dp() + gate_at(t, 0, 0, 0), G_ * H_,
           h_ + state_at(t, 0, 0), H_, 0, dWh, H_);
      column_sums(threads, da_ + gate_at(t, 0, 0, 0), rows, G_ * H_, G_ * H_, db);
      if (cell_.has_reset()) {
        column_sums(threads, dp() + gate_at(t, 0, G_ - 1, 0), rows, H_, G_ * H_, db + G_ * H_);
      }
      dWh += G_ * H_ * H_;
      db += cell_.biases * H_;
    }
    if (!p_.project_input) return;
    gemm(Op::transposed, Op::plain, G_ * H_, I_, T_ * B_, da_.data(), G_ * H_, in_.at("x"), I_, 0,
         out_.at("dWx"), I_);
  }

  /// dx: x feeds every gate, through Wx or as it is.
  void input_gradient(int threads) {
    if (p_.project_input) {
      gemm(Op::plain, Op::plain, T_ * B_, I_, G_ * H_, da_.data(), G_ * H_, in_.at("Wx"), I_, 0,
           out_.at("dx"), I_);
      return;
    }
    if (G_ == 1) return;  // dx is da
    float* dx = out_.at("dx");
    parallel_for(threads, T_ * B_, [&](std::ptrdiff_t row) {
      const float* da = da_ + row * G_ * H_;
      std::copy_n(da, H_, dx + row * H_);
      for (std::ptrdiff_t g = 1; g < G_; ++g) loops_.add(dx + row * H_, da + g * H_, H_);
    });
  }

  RecurrentProblem p_;
  Context context_;
  CellInfo cell_;
  std::ptrdiff_t T_, B_, H_, G_, I_;
  bool trains_;
  Inputs in_;
  Outputs out_;
  // Looked up once, never in a timed step; nullptr where the problem has none.
  const float* Wh_ = in_.at("Wh");
  const float* b_ = in_.at("b");
  const float* x_ = in_.at("x");
  const float* dy_ = in_.at("dy");
  float* recorded_dh_ = out_.at("dh");
  float* recorded_dc_ = out_.at("dc");
  const Loops& loops_ = loops();
  CellLoops loops_of_cell_;
  std::ptrdiff_t width_ = panel_width();
  void (*multiply_)(const PanelProduct<float>&) = panel_kernel<float>().multiply;
  std::vector<Panels> forward_panels_;  // of the transposed W of each gate, [H, H]
  std::ptrdiff_t panels_ = 0;           // panels of H columns
  Floats h_;                            // [T+1, B, H]
  Floats c_;                            // [T+1, B, H], where the cell has one
  Floats a_;                            // [T, B, G, H]: a, or the gate values
  Floats m_;                            // [T, B, H], with a reset gate
  Panels backward_panels_;              // of W, [G*H, H]
  Floats dh_;                           // [B, H], of the state at hand
  Floats dc_;                           // [B, H], as c
  Floats carry_;                        // [B, H]: dL/dh past W
  Floats da_;                           // [T, B, G, H]
  Floats dp_own_;                       // [T, B, G, H], with a reset gate
  std::vector<double> norm_parts_;      // [T+1, B, panels]
};

}  // namespace

PlanPtr make_plan(const RecurrentProblem& problem, const Context& context) {
  if (problem.cell == "additive") return make_additive_plan(problem, context);
  return std::make_unique<RecurrentPlan>(problem, context);
}

}  // namespace gradepth::cpu
