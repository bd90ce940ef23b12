#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>

#include "host/draw/sparsity.h"
#include "host/problem/problem.h"
#include "host/problem/tensor.h"

/// Draws the tensors of a problem.
///
/// W, b, h0, input, loss gradient and the sparsity mask have separate counter-based streams (Philox
/// 4x32-10, Salmon et al. 2011): element i of a tensor depends on the seed, the stream and i alone.
/// So the same seed gives the same numbers on every provider and dtype, with any number of threads,
/// and a gain scales the same draws. Numbers are float64, rounded to the problem's dtype last.
namespace gradepth {

/// How each weight matrix is drawn. `scale` multiplies the draws:
///   gaussian    standard deviation scale / √fan_in
///   orthogonal  scale · Q, Q uniform (QR of a Gaussian matrix, signs fixed); rectangular W gets
///               orthogonal blocks of N × N; cnn: at the kernel's centre (delta-orthogonal, Xiao et
///               al. 2018)
///   identity    scale · I (cnn: at the kernel's centre)
///   constant    every entry = scale
///   xavier      gaussian of variance 2 / (fan_in + fan_out);  he: variance 2 / fan_in
///   saxe        orthogonal with the gain at which χ = 1 (Saxe et al. 2013; Pennington et al.
///               2017): it depends on activation and noise, so growth::resolve finds it, and draw
///               refuses what is left of it
///   np          normalised positive definite, positive_definite.h (cnn: at the kernel's centre)
///   file        the matrix of a CSV file, the same in every layer and gate (cnn: at the kernel's
///               centre)
/// With density P < 1 some weights are kept (Sparsity) and scaled so that the variance of the
/// pre-activations stays as it was on the mean.
struct WeightInit {
  enum class Kind : std::uint8_t {
    gaussian,
    orthogonal,
    identity,
    constant,
    xavier,
    he,
    saxe,
    np,
    file
  };
  Kind kind = Kind::gaussian;
  double scale = 1;
  Tensor matrix;  // file only, [rows, cols]
};

/// A tensor of one number, of Gaussian draws, or (h0 only) a random direction of a given length.
struct ValueInit {
  enum class Kind : std::uint8_t { constant, gaussian, radius };
  Kind kind = Kind::constant;
  double scale = 0;  // constant: the value; gaussian: standard deviation; radius: norm per sample
};

/// A trained recurrent layer: what stands in place of drawn weights and biases.
struct RecurrentWeights {
  RecurrentCell cell = "elman";
  Tensor Wh;          // [G*H, H], as RecurrentProblem
  Tensor b;           // [biases*H]
  std::string file;   // where it comes from, for rows: the file's name without folders,
  std::string layer;  // and `encoder.lstm.weight_hh_l0`
  Tensor Wx{};        // [G*H, I], with inputs
  Tensor x{};         // [T, B, I], what the net was run on; empty: no input
  std::string inputs_file{};

  [[nodiscard]] bool has_inputs() const { return x.size() > 0; }
};

struct Initialisation {
  WeightInit W;
  std::shared_ptr<const RecurrentWeights> weights;  // if any: shared, in place of W and bias
  double density = 1;
  Sparsity sparsity = Sparsity::independent;
  ValueInit bias{ValueInit::Kind::constant, 0};
  double forget_bias = 0;  // added to lstm's forget gate; gru: to the update gate z
  /// T: to the same gate ln u, u uniform in [1, T - 1] for each unit, and -ln u to an lstm's input
  /// gate, so that units forget in 1 to T steps (Tallec & Ollivier 2018, 1804.11188); 0: off.
  double chrono = 0;
  ValueInit h0{ValueInit::Kind::gaussian, 1};
  ValueInit c0{ValueInit::Kind::gaussian, 1};
  enum class Input : std::uint8_t { zero, gaussian, impulse } input = Input::zero;
  double input_scale = 1;
  /// Of gaussian: the last step that has input, 0 for none; else 0 follows. By itself: all have.
  std::optional<std::int64_t> input_until{};
  /// sphere: one uniform unit vector per sample; ones: every element 1. It sits on the last state.
  enum class LossGradient : std::uint8_t { sphere, ones } loss = LossGradient::sphere;
  enum class LossOn : std::uint8_t { h, c, both } loss_on = LossOn::h;  // lstm only
  double loss_scale = 1;

  /// Whether step t = 1, 2, … has Gaussian input.
  [[nodiscard]] bool is_driven_at(std::int64_t t) const {
    return input == Input::gaussian && (!input_until || t <= *input_until);
  }
  [[nodiscard]] bool has_input() const { return input == Input::impulse || is_driven_at(1); }
};

/// `gaussian:1.5`, `orthogonal:0.9`, `identity:1`, `constant:0.5`, `xavier`, `he`, `saxe`, `np`,
/// `file:W.csv`.
/// std::invalid_argument in one line that names what is allowed.
WeightInit parse_weight_init(std::string_view text);
/// `constant:V` or `gaussian:S`.
ValueInit parse_value_init(std::string_view text);

/// Weight matrices before their gain, kept between draws: a study of many gains draws each seed
/// once. Several threads may use it.
class WeightCache {
 public:
  explicit WeightCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Kind, density, sparsity, seed and shape: all that the weights before their gain depend on.
  using Key = std::tuple<WeightInit::Kind, double, Sparsity, std::uint64_t, Shape>;
  /// nullptr if they were not kept.
  [[nodiscard]] std::shared_ptr<const Tensor> find(const Key& key) const;
  /// Keeps them if they still fit.
  void keep(Key key, std::shared_ptr<const Tensor> W);

 private:
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::map<Key, std::shared_ptr<const Tensor>> weights_;
  mutable std::mutex mutex_;
};

/// All of inputs(problem), for the initialisation and seed; the same with and without a cache.
Tensors draw(const Problem& problem, const Initialisation& init, std::uint64_t seed,
             WeightCache* cache = nullptr);

}  // namespace gradepth
