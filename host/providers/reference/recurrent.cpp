#include <algorithm>
#include <stdexcept>

#include "host/device/threads.h"
#include "host/providers/reference/activation.h"
#include "host/providers/reference/math.h"
#include "host/providers/reference/reference.h"
#include "kernels/cell/cells.h"

/// Recurrent cells forward and back through time, step by step.
namespace gradepth::reference {
namespace {

/// A cell of gates. Step t = 0 … T-1 makes state t+1 out of state t.
class CellPlan final : public ReferencePlan<RecurrentProblem> {
 public:
  CellPlan(const RecurrentProblem& problem, Rounding rounding)
      : ReferencePlan(problem, rounding),
        cell_(*problem.cell),
        G_(cell_.gates),
        state_(length(problem.B * problem.H)),
        preact_(state_ * length(G_)),
        h_(state_ * length(problem.T + 1)),
        c_(cell_.has_c ? h_.size() : 0),
        gates_(state_ * length(cell_.biases) * length(problem.T)),
        xin_(problem.project_input ? preact_ * length(problem.T) : 0),
        dh_(h_.size()),
        dc_(c_.size()),
        da_(preact_ * length(problem.T)),
        dr_(cell_.has_reset() ? da_.size() : 0) {}

  void run() override {
    run_forward();
    if (p_.pass == Pass::training) run_backward();
  }

  void run_forward() override {
    std::copy_n(in("h0"), state_, h_.begin());
    if (cell_.has_c) std::copy_n(in("c0"), state_, c_.begin());
    if (p_.project_input) {
      const std::int64_t I = p_.features();
      product_nt({in("x"), p_.T * p_.B, I}, {in("Wx"), G_ * p_.H, I}, xin_.data(), rounding_);
      round_all(rounding_, xin_.data(), xin_.size());
    }
    with_types([&]<class T>(const auto& cell, T /*number*/) {
      Vector Wh(preact_);
      for (std::int64_t t = 0; t < p_.T; ++t) {
        if (t == 0 || !p_.share) Wt_ = transposed({weights(t), G_ * p_.H, p_.H});
        product({&h_[length(t) * state_], p_.B, p_.H}, {Wt_.data(), p_.H, G_ * p_.H}, Wh.data(),
                rounding_);
        step_forward<T>(cell, t, Wh);
      }
    });
    std::copy(h_.begin() + static_cast<std::ptrdiff_t>(state_), h_.end(), out("y"));
    if (p_.record) std::copy(h_.begin(), h_.end(), out("h"));
    if (p_.record && cell_.has_c) std::copy(c_.begin(), c_.end(), out("c"));
  }

  [[nodiscard]] Tensor get(std::string_view name) override {
    if (name != "a" || !cell_.takes_activation) return ReferencePlan::get(name);
    return {{p_.T, p_.B, p_.H}, gates_};
  }

  [[nodiscard]] bool has_parts() const override { return p_.pass == Pass::training; }

  void run_backward_data() override {
    const auto last = static_cast<std::ptrdiff_t>(length(p_.T) * state_);
    std::fill(dh_.begin() + last, dh_.end(), 0.0);
    if (cell_.has_c) std::copy_n(in("dc"), state_, dc_.begin() + last);
    Vector through_W(state_);
    with_types([&]<class T>(const auto& cell, T /*number*/) {
      for (std::int64_t t = p_.T - 1; t >= 0; --t) {
        finish_state_gradient(t + 1);
        step_backward<T>(cell, t, through_W);
      }
    });
    measure(0);
    input_gradients();
    std::copy_n(dh_.begin(), state_, out("dh0"));
    if (cell_.has_c) std::copy_n(dc_.begin(), state_, out("dc0"));
    if (!p_.record) return;
    std::copy(recorded_.begin(), recorded_.end(), out("dh"));
    std::copy(da_.begin(), da_.end(), out("da"));
    const std::size_t gates = da_.size() / length(p_.T);
    for (std::int64_t t = 0; p_.norms && t < p_.T; ++t) {
      out("da_norm2")[t] = sum_of_squares(&da_[length(t) * gates], gates);
    }
    if (cell_.has_c) std::copy(recorded_c_.begin(), recorded_c_.end(), out("dc"));
  }

  /// dWh, db and dWx, each a product or sum over all steps.
  void run_backward_weights() override {
    const Vector& dr = cell_.has_reset() ? dr_ : da_;
    const std::int64_t rows = G_ * p_.H;
    const std::int64_t steps = p_.share ? p_.T : 1;  // steps per copy of W
    double* dWh = out("dWh");
    double* db = out("db");
    for (std::int64_t t = 0; t < p_.T; t += steps) {
      const double* dr_t = &dr[length(t) * preact_];
      product_tn({dr_t, steps * p_.B, rows}, {&h_[length(t) * state_], steps * p_.B, p_.H}, dWh,
                 rounding_);
      round_all(rounding_, dWh, length(rows * p_.H));
      bias_gradient(t, steps, db);
      dWh += rows * p_.H;
      db += bias_size();
    }
    if (!p_.project_input) return;
    const std::int64_t I = p_.features();
    product_tn({da_.data(), p_.T * p_.B, rows}, {in("x"), p_.T * p_.B, I}, out("dWx"), rounding_);
    round_all(rounding_, out("dWx"), length(rows * I));
  }

 private:
  /// Calls f(cell, T{}): the cell with its activation, and the arithmetic.
  template <class F>
  void with_types(F&& f) const {
    with_arithmetic(rounding_, [&](auto number) {
      using Act = ActivationIn<decltype(number)>;
      with_cell(p_.cell, cell_.takes_activation ? Act(p_.act) : Act(),
                [&](const auto& cell) { f(cell, number); });
    });
  }

  [[nodiscard]] const double* weights(std::int64_t t) const {
    return in("Wh") + (p_.share ? 0 : t * G_ * p_.H * p_.H);
  }
  [[nodiscard]] std::int64_t bias_size() const { return cell_.biases * p_.H; }

  /// Pre-activations, gate values and the next state of step t; Wh [B, G*H] holds W h, unrounded.
  template <class T, class Cell>
  void step_forward(const Cell& cell, std::int64_t t, const Vector& Wh) {
    constexpr int G = Cell::info.gates;
    constexpr int K = Cell::info.biases;
    const double* b = in("b") + (p_.share ? 0 : t * bias_size());
    const std::size_t now = length(t) * state_;
    const double* x = p_.project_input ? &xin_[length(t) * preact_] : in("x") + now;
    for_each_row([&](std::int64_t n) {
      for (std::int64_t j = 0; j < p_.H; ++j) {
        const std::size_t at = length(n * p_.H + j);
        T Wh_j[G];
        T x_j[G];
        T b_j[K];
        for (int g = 0; g < G; ++g) Wh_j[g] = T(Wh[gate_index(n, g, j)]);
        for (int g = 0; g < G; ++g) x_j[g] = T(x[p_.project_input ? gate_index(n, g, j) : at]);
        for (int k = 0; k < K; ++k) b_j[k] = T(b[k * p_.H + j]);
        T a[K];
        T v[K];
        preactivations(Wh_j, x_j, b_j, a);
        cell.gate_values(a, v);
        double* kept = &gates_[(now + at) * length(K)];
        std::transform(a, a + K, kept, [](T number) { return static_cast<double>(number); });
        const auto next = cell.forward(v, T(h_[now + at]), T(cell_.has_c ? c_[now + at] : 0));
        if (cell_.has_c) c_[now + state_ + at] = static_cast<double>(next.c);
        h_[now + state_ + at] = static_cast<double>(next.h);
      }
    });
  }

  /// Calls f(n) for every sample, side by side where they are large.
  template <class F>
  void for_each_row(F&& f) const {
    parallel_for(state_ >= 4096 ? available_threads() : 1, p_.B, f);
  }

  /// Whether the slopes of gates come from their values.
  template <class T, class Cell>
  [[nodiscard]] bool from_output(const Cell& cell) const {
    if (slopes_of_net<T>(p_.slope) != SlopeFrom::output) return false;
    if constexpr (Cell::info.takes_activation) return cell.act.has_slope_from_output();
    return true;
  }

  /// Adds the loss gradient on state s, takes its norm, records and then clips it.
  void finish_state_gradient(std::int64_t s) {
    double* dh = &dh_[length(s) * state_];
    const double* dy = in("dy") + (s - 1) * p_.B * p_.H;
    for (std::size_t i = 0; i < state_; ++i) dh[i] = round_to(rounding_, dh[i] + dy[i]);
    measure(s);
    for (std::size_t i = 0; i < state_; ++i) dh[i] = clip(dh[i], p_.clip_value);
    if (!cell_.has_c) return;
    double* dc = &dc_[length(s) * state_];
    for (std::size_t i = 0; i < state_; ++i) dc[i] = clip(dc[i], p_.clip_value);
  }

  void measure(std::int64_t s) {
    const std::size_t begin = length(s) * state_;
    if (p_.norms) {
      double norm2 = sum_of_squares(&dh_[begin], state_);
      if (cell_.has_c) norm2 += sum_of_squares(&dc_[begin], state_);
      out("dh_norm2")[s] = norm2;
    }
    if (!p_.record) return;
    recorded_.resize(dh_.size());
    recorded_c_.resize(dc_.size());
    std::copy_n(&dh_[begin], state_, &recorded_[begin]);
    if (cell_.has_c) std::copy_n(&dc_[begin], state_, &recorded_c_[begin]);
  }

  /// dL/da of step t and dL/dstate t from dL/dstate t+1.
  template <class T, class Cell>
  void step_backward(const Cell& cell, std::int64_t t, Vector& through_W) {
    constexpr int K = Cell::info.biases;
    const bool slopes_of_v = from_output<T>(cell);
    const std::size_t now = length(t) * state_;
    const std::size_t next = now + state_;
    double* da = &da_[length(t) * preact_];
    double* dr = cell_.has_reset() ? &dr_[length(t) * preact_] : da;  // what W's product sees
    double* dh = &dh_[now];
    std::fill_n(dh, state_, 0.0);
    for_each_row([&](std::int64_t n) {
      for (std::int64_t j = 0; j < p_.H; ++j) {
        const std::size_t at = length(n * p_.H + j);
        const double* kept = &gates_[(now + at) * length(K)];
        T a[K];
        T v[K];
        std::transform(kept, kept + K, a, [](double number) { return T(number); });
        cell.gate_values(a, v);
        const T c_next(cell_.has_c ? c_[next + at] : 0);
        const auto slopes =
            slopes_of_v ? cell.slopes_from_output(v, c_next) : cell.slopes(a, v, c_next);
        const auto back = cell.backward(T(dh_[next + at]), T(cell_.has_c ? dc_[next + at] : 0), v,
                                        T(h_[now + at]), T(cell_.has_c ? c_[now + at] : 0), slopes);
        for (std::int64_t g = 0; g < G_; ++g) {
          da[gate_index(n, g, j)] = static_cast<double>(back.da[g]);
          if (g + 1 < G_) dr[gate_index(n, g, j)] = da[gate_index(n, g, j)];
        }
        dr[gate_index(n, G_ - 1, j)] = static_cast<double>(back.dr);
        if (cell_.has_c) dc_[now + at] = static_cast<double>(back.dc);
        if (cell_.carries_h) dh[at] = static_cast<double>(back.dh);
      }
    });
    product({dr, p_.B, G_ * p_.H}, {weights(t), G_ * p_.H, p_.H}, through_W.data(), rounding_);
    for (std::size_t i = 0; i < state_; ++i) {
      dh[i] = static_cast<double>(T(dh[i]) + T(through_W[i]));
    }
  }

  /// dx: the sum of da over gates, or Wxᵀ da with a projection.
  void input_gradients() {
    double* dx = out("dx");
    if (p_.project_input) {
      const std::int64_t I = p_.features();
      product({da_.data(), p_.T * p_.B, G_ * p_.H}, {in("Wx"), G_ * p_.H, I}, dx, rounding_);
      round_all(rounding_, dx, length(p_.T * p_.B * I));
      return;
    }
    for (std::int64_t n = 0; n < p_.T * p_.B; ++n) {
      for (std::int64_t j = 0; j < p_.H; ++j) {
        double sum = 0;
        for (std::int64_t g = 0; g < G_; ++g) sum += da_[gate_index(n, g, j)];
        dx[n * p_.H + j] = round_to(rounding_, sum);
      }
    }
  }

  /// The sum of da over steps t … t + steps - 1 and the batch; behind a reset gate that of dm.
  void bias_gradient(std::int64_t t, std::int64_t steps, double* db) {
    std::fill_n(db, bias_size(), 0.0);
    for (std::int64_t n = t * p_.B; n < (t + steps) * p_.B; ++n) {
      for (std::int64_t j = 0; j < p_.H; ++j) {
        const auto collect = [&](std::int64_t g, double a) {
          db[g * p_.H + j] = add(rounding_, db[g * p_.H + j], a);
        };
        for (std::int64_t g = 0; g < G_; ++g) collect(g, da_[gate_index(n, g, j)]);
        if (cell_.has_reset()) collect(G_, dr_[gate_index(n, G_ - 1, j)]);
      }
    }
    round_all(rounding_, db, length(bias_size()));
  }

  [[nodiscard]] std::size_t gate_index(std::int64_t n, std::int64_t g, std::int64_t j) const {
    return length((n * G_ + g) * p_.H + j);
  }

  CellInfo cell_;
  std::int64_t G_;
  std::size_t state_;   // elements of one state, B * H
  std::size_t preact_;  // elements of one step's pre-activations, B * G * H
  Vector h_;            // [T+1, B, H]
  Vector c_;            // [T+1, B, H], where the cell has one
  Vector Wt_;           // [H, G*H], the transpose of Wh
  Vector gates_;        // [T, B, H, biases]: what the gates' values are made of
  Vector xin_;          // [T, B, G*H], the projected input
  Vector dh_;           // [T+1, B, H], after clipping
  Vector dc_;           // [T+1, B, H], where the cell has one
  Vector da_;           // [T, B, G*H]
  Vector dr_;           // [T, B, G*H], with a reset gate: as da_, but the last is dm
  Vector recorded_;     // dh_ and dc_ before clipping
  Vector recorded_c_;
};

/// f' = w Σ of the newest states, elementwise: all, or as many as the form says.
class AdditivePlan final : public ReferencePlan<RecurrentProblem> {
 public:
  AdditivePlan(const RecurrentProblem& problem, Rounding rounding)
      : ReferencePlan(problem, rounding),
        terms_(problem.form.within(problem.T)),
        state_(length(problem.B * problem.H)),
        f_(state_ * length(problem.T + 1)),
        df_(f_.size()) {}

  void run() override {
    run_forward();
    if (p_.pass == Pass::training) run_backward();
  }

  void run_forward() override {
    const double w = *in("Wh");
    std::copy_n(in("h0"), state_, f_.begin());
    Vector sum(state_, 0.0);  // of the states that the next one adds up
    for (std::int64_t t = 0; t < p_.T; ++t) {
      double* next = &f_[length(t + 1) * state_];
      add_up(rounding_, &f_[length(t) * state_], -1, t + 1, sum);
      for (std::size_t i = 0; i < state_; ++i) next[i] = round_to(rounding_, w * sum[i]);
    }
    std::copy(f_.begin() + static_cast<std::ptrdiff_t>(state_), f_.end(), out("y"));
    if (p_.record) std::copy(f_.begin(), f_.end(), out("h"));
  }

  void run_backward() override {
    const double w = *in("Wh");
    const Vector zero(state_, 0.0);
    Vector later(state_, 0.0);  // Σ of the gradients at the states that hold this one
    for (std::int64_t t = p_.T; t >= 0; --t) {
      double* df = &df_[length(t) * state_];
      const double* dy = t > 0 ? in("dy") + (t - 1) * p_.B * p_.H : zero.data();
      for (std::size_t i = 0; i < state_; ++i) {
        df[i] = round_to(rounding_, dy[i] + round_to(rounding_, w * later[i]));
      }
      if (p_.norms) out("dh_norm2")[t] = sum_of_squares(df, state_);
      if (p_.record) std::copy_n(df, state_, out("dh") + t * p_.B * p_.H);
      for (std::size_t i = 0; i < state_ && t > 0; ++i) df[i] = clip(df[i], p_.clip_value);
      // State t-1 is held by as many later ones, from t on, as a state adds up.
      add_up(rounding_, df, 1, p_.T - t + 1, later);
      if (t > 0 && p_.record) std::copy_n(df, state_, out("da") + (t - 1) * p_.B * p_.H);
    }
    *out("dWh") = scalar_gradient();
    std::copy_n(df_.begin(), state_, out("dh0"));
  }

 private:
  /// total <- Σ of the newest states, the oldest of them first: `newest` of `count` there are, each
  /// `back` states before the next. What adds up all of them holds the sum so far.
  void add_up(Rounding rounding, const double* newest, std::ptrdiff_t back, std::int64_t count,
              Vector& total) const {
    const bool all = terms_ == p_.T;
    const std::ptrdiff_t oldest = all ? 0 : std::min(terms_, count) - 1;
    for (std::size_t i = 0; i < state_; ++i) {
      const auto state = [&](std::ptrdiff_t k) {
        return newest[k * back * static_cast<std::ptrdiff_t>(state_) +
                      static_cast<std::ptrdiff_t>(i)];
      };
      double sum = all ? total[i] : oldest > 0 ? state(oldest) : 0.0;
      for (std::ptrdiff_t k = std::max<std::ptrdiff_t>(oldest - 1, 0); k >= 0; --k) {
        sum = round_to(rounding, sum + state(k));
      }
      total[i] = sum;
    }
  }

  /// dL/dw = Σ_t df_{t+1} · (what w multiplied at step t).
  double scalar_gradient() const {
    double dw = 0;
    Vector sum(state_, 0.0);
    for (std::int64_t t = 0; t < p_.T; ++t) {
      const std::size_t at = length(t) * state_;
      add_up(Rounding{}, &f_[at], -1, t + 1, sum);
      for (std::size_t i = 0; i < state_; ++i) {
        dw = add(rounding_, dw, df_[at + state_ + i] * sum[i]);
      }
    }
    return round_to(rounding_, dw);
  }

  std::int64_t terms_;  // that a state adds up; T: all
  std::size_t state_;
  Vector f_;   // [T+1, B, H]
  Vector df_;  // [T+1, B, H], after clipping
};

}  // namespace

PlanPtr make_plan(const RecurrentProblem& problem, Rounding rounding) {
  if (problem.cell == "additive") return std::make_unique<AdditivePlan>(problem, rounding);
  return std::make_unique<CellPlan>(problem, rounding);
}

}  // namespace gradepth::reference
