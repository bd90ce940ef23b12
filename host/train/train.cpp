#include "host/train/train.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <utility>
#include <variant>

#include "host/draw/initialise.h"
#include "host/draw/train_random.h"
#include "host/problem/problem.h"
#include "host/train/digits.h"
#include "host/train/head.h"
#include "host/train/knobs.h"

namespace gradepth::train {
namespace {

/// A provider that cannot do what the training needs.
struct Refusal {
  std::string reason;
};

RecurrentProblem problem_of(const TrainSpec& spec, const Sequences& data) {
  RecurrentProblem p;
  p.cell = spec.net->cell;
  p.act = spec.net->activation;
  p.T = data.T;
  p.B = spec.batch;
  p.H = spec.width;
  p.I = data.I;
  p.project_input = true;
  p.dtype = spec.dtype;
  return p;
}

/// Everything the plan takes: drawn weights, states and loss gradients 0.
Tensors start(const TrainSpec& spec, const RecurrentProblem& problem) {
  Initialisation init;
  const bool gaussian = spec.net->takes_init && spec.init == Start::gaussian;
  init.W.kind = gaussian ? WeightInit::Kind::gaussian : spec.net->W;
  init.forget_bias = spec.net->forget_bias;
  init.h0 = init.c0 = {ValueInit::Kind::constant, 0};
  init.loss_scale = 0;
  Tensors in = draw(problem, init, spec.seed);
  for (double& w : in.at("Wx").data) w *= spec.input_scale.value();
  return in;
}

/// The head's weights, uniform in ±1/√H; its bias 0.
void draw_head(Tensors& weights, std::int64_t classes, std::int64_t H, std::uint64_t seed) {
  Tensor V({classes, H});
  const double bound = 1 / std::sqrt(static_cast<double>(H));
  for (std::size_t i = 0; i < V.size(); ++i) {
    V.data[i] = bound * (2 * uniform(seed, Stream::head, i) - 1);
  }
  weights["V"] = std::move(V);
  weights["c"] = Tensor({classes});
}

PlanPtr plan_or_refuse(Provider& provider, const Problem& problem) {
  Planned planned = provider.plan(problem);
  if (auto* no = std::get_if<Unsupported>(&planned)) throw Refusal{no->reason};
  return std::move(std::get<PlanPtr>(planned));
}

/// A net on its provider: the plan of a training batch and the weights, which are its own.
class Net {
 public:
  Net(const TrainSpec& spec, Provider& provider, const Sequences& data)
      : problem_(problem_of(spec, data)), plan_(plan_or_refuse(provider, problem_)) {
    Tensors in = start(spec, problem_);
    for (const char* name : {"Wh", "Wx", "b"}) weights_[name] = in.at(name);
    draw_head(weights_, data.classes, problem_.H, spec.seed);
    round_weights();
    dy_ = in.at("dy");
    plan_->set(in);
  }

  Tensors& weights() { return weights_; }
  [[nodiscard]] std::string detail() const { return plan_->detail(); }

  /// Loss and gradient of one batch, x [T, B, I].
  std::pair<HeadResult, Tensors> gradient(Tensor x, std::span<const int> labels) {
    Tensors in = recurrent_weights();
    in["x"] = std::move(x);
    plan_->set(in);
    plan_->run_forward();
    const Tensor y = plan_->get("y");
    HeadResult head =
        softmax_cross_entropy(weights_.at("V"), weights_.at("c"), last_state(y), labels);

    std::copy(head.dh.data.begin(), head.dh.data.end(),
              dy_.data.end() - static_cast<std::ptrdiff_t>(head.dh.size()));
    plan_->set({{"dy", dy_}});
    plan_->run_backward();
    plan_->wait();
    Tensors g{{"Wh", plan_->get("dWh")},
              {"Wx", plan_->get("dWx")},
              {"b", plan_->get("db")},
              {"V", std::move(head.dV)},
              {"c", std::move(head.db)}};
    return {std::move(head), std::move(g)};
  }

  /// The weights are numbers of the format, before and after every update.
  void round_weights() {
    for (auto& [name, w] : weights_) {
      for (double& x : w.data) x = round_to(problem_.dtype, x);
    }
  }

  [[nodiscard]] Tensors recurrent_weights() const {
    return {{"Wh", weights_.at("Wh")}, {"Wx", weights_.at("Wx")}, {"b", weights_.at("b")}};
  }

  /// The last step's part of y [T, B, H].
  static std::span<const double> last_state(const Tensor& y) {
    return std::span<const double>(y.data).last(y.stride());
  }

 private:
  RecurrentProblem problem_;
  PlanPtr plan_;
  Tensors weights_;  // Wh, Wx, b of the net; V, c of the head
  Tensor dy_;        // 0 but for the last step
};

/// Forward passes over the whole test part in one batch.
class TestSet {
 public:
  TestSet(const TrainSpec& spec, Provider& provider, const Sequences& data) : data_(data) {
    RecurrentProblem problem = problem_of(spec, data);
    problem.B = static_cast<std::int64_t>(data.size());
    problem.pass = Pass::forward;
    plan_ = plan_or_refuse(provider, problem);
    Tensors in = start(spec, problem);
    std::vector<std::size_t> all(data.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    in["x"] = steps_first(data, all);
    plan_->set(in);
  }

  double accuracy(Net& net) {
    plan_->set(net.recurrent_weights());
    plan_->run();
    plan_->wait();
    const Tensor y = plan_->get("y");
    const HeadResult head = softmax_cross_entropy(net.weights().at("V"), net.weights().at("c"),
                                                  Net::last_state(y), data_.labels);
    return static_cast<double>(head.correct) / static_cast<double>(data_.size());
  }

 private:
  const Sequences& data_;
  PlanPtr plan_;
};

void run_training(TrainResult& result, Provider& provider, const Sequences& train_data,
                  const Sequences& test_data, const Progress& progress) {
  const TrainSpec& spec = result.spec;
  Net net(spec, provider, train_data);
  TestSet test_set(spec, provider, test_data);
  result.detail = net.detail();
  const auto optimiser = make_optimiser(spec.optimiser, spec.learning_rate.value());

  const auto B = static_cast<std::size_t>(spec.batch);
  const std::size_t per_epoch = train_data.size() / B;
  const std::size_t steps = spec.steps ? static_cast<std::size_t>(*spec.steps)
                                       : static_cast<std::size_t>(spec.epochs) * per_epoch;
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::size_t> order;
  std::vector<int> labels(B);
  std::size_t epoch_begin = 0;
  for (std::size_t step = 0; step < steps; ++step) {
    const std::size_t within = step % per_epoch;
    if (within == 0) {
      order = permutation(train_data.size(), spec.seed, Stream::epoch, step / per_epoch);
    }
    const auto rows = std::span<const std::size_t>(order).subspan(within * B, B);
    for (std::size_t i = 0; i < B; ++i) labels[i] = train_data.labels[rows[i]];

    auto [head, gradient] = net.gradient(steps_first(train_data, rows), labels);
    const Clipped clipped = clip(gradient, spec.clip);
    result.loss.push_back(head.loss);
    result.gradient_norm.push_back(clipped.norm);
    if (clipped.finite) {
      optimiser->update(net.weights(), gradient);
      net.round_weights();
    }
    result.clipped += clipped.changed ? 1 : 0;
    result.skipped += clipped.finite ? 0 : 1;

    if (within + 1 == per_epoch || step + 1 == steps) {
      const auto first = result.loss.begin() + static_cast<std::ptrdiff_t>(epoch_begin);
      const auto count = static_cast<double>(step + 1 - epoch_begin);
      result.epochs.push_back({static_cast<std::int64_t>(step + 1),
                               std::accumulate(first, result.loss.end(), 0.0) / count,
                               test_set.accuracy(net)});
      epoch_begin = step + 1;
      if (progress) progress(result.epochs.back());
    }
  }
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

}  // namespace

void validate(const TrainSpec& spec) { train_knobs().check(spec); }

TrainResult train(const TrainSpec& spec, Provider& provider, const Progress& progress) {
  validate(spec);
  Sequences all;
  train_knobs().at("--data").named([&] { all = read_digits(spec.data); });
  const Split data = split(all);
  return train(spec, provider, data.train, data.test, progress);
}

TrainResult train(const TrainSpec& spec, Provider& provider, const Sequences& train_data,
                  const Sequences& test_data, const Progress& progress) {
  validate(spec);
  train_knobs().at("--batch").named([&] {
    if (spec.batch <= static_cast<std::int64_t>(train_data.size())) return;
    throw Refused(std::to_string(spec.batch),
                  "at most the " + std::to_string(train_data.size()) + " training samples");
  });
  TrainResult result;
  result.spec = with_defaults(spec);
  result.provider = provider.name();
  result.T = train_data.T;
  result.train_size = train_data.size();
  result.test_size = test_data.size();
  result.baseline_loss = std::log(static_cast<double>(train_data.classes));
  try {
    run_training(result, provider, train_data, test_data, progress);
  } catch (const Refusal& refusal) {
    result.status = Status::unsupported;
    result.reason = refusal.reason;
  } catch (const std::exception& failure) {
    result.status = Status::error;
    result.reason = failure.what();
  }
  return result;
}

}  // namespace gradepth::train
