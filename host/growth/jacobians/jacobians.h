#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "host/growth/study/spec.h"
#include "host/problem/tensor.h"

namespace gradepth::growth {

/// Of how many parts of the net's width a state consists: an LSTM's (h, c) of two, an additive
/// net's of f and what it remembers.
[[nodiscard]] std::size_t state_parts(const GrowthSpec& spec);

/// Elements of one sample's state as the Jacobians see it, all its parts; cnn: all pixels of all
/// channels.
[[nodiscard]] std::size_t jacobian_size(const GrowthSpec& spec);

/// The Jacobians J_l = d state_l / d state_{l-1}, l = 1 … L, of one drawn net along the path of one
/// sample, as linear operators in float64 on blocks of vectors.
///
///   mlp, cnn, elman   D W, D = diag f'(a)
///   residual          I + A D W; preact I + W D
///   lstm              on (h, c);  gru on h, the reset gate after the product
///   additive          on the last states that it adds up, the newest first; of all states on (f,
///                     m), f' = w (f + m), m' = m + f
///
/// f' is the derivative that training uses (kernels/activation/functions.h), also at a kink. The
/// states come from a forward pass in float64; where f(c x) = c f(x) they are rescaled by powers of
/// two, so that they never leave float64's range.
class Jacobians {
 public:
  Jacobians(const Jacobians&) = delete;
  Jacobians& operator=(const Jacobians&) = delete;
  virtual ~Jacobians() = default;

  [[nodiscard]] std::size_t maps() const { return maps_; }
  [[nodiscard]] std::size_t state_size() const { return size_; }
  /// Whether every state is finite; if not, some f' is unknown and nothing here means anything.
  [[nodiscard]] bool finite() const { return finite_; }
  /// Whether a slope is 0 that is not 0 on paper: less than the least float64.
  [[nodiscard]] bool has_lost_slopes() const { return has_lost_slopes_; }

  /// V <- J_map V for map 1 … L; V holds vectors of state_size() numbers, one after the other.
  virtual void forward(std::size_t map, std::span<double> V) const = 0;
  /// V <- J_mapᵀ V.
  void backward(std::size_t map, std::span<double> V) const { backward(map, V, nullptr); }
  /// The same, and `between` <- what stands between the map's slopes and its weights: the gradient
  /// at the pre-activations, of all gates (preact: at f(h), behind W). Of an additive net, which
  /// has no slopes, V's first part.
  virtual void backward(std::size_t map, std::span<double> V,
                        std::vector<double>* between) const = 0;

 protected:
  Jacobians(std::size_t maps, std::size_t size) : maps_(maps), size_(size) {}
  void set_finite(bool finite) { finite_ = finite; }
  void set_has_lost_slopes() { has_lost_slopes_ = true; }

 private:
  std::size_t maps_;
  std::size_t size_;
  bool finite_ = true;
  bool has_lost_slopes_ = false;
};

/// The Jacobians along the path of one sample of the batch. `drawn` must outlive them.
std::unique_ptr<Jacobians> make_jacobians(const GrowthSpec& spec, const Tensors& drawn,
                                          std::size_t sample = 0);

}  // namespace gradepth::growth
