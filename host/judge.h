#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/compare.h"
#include "host/provider.h"

/// What a problem's outputs should be, and how far a provider may lie from them.
///
/// The truth is float64 on the same inputs, with the slopes of nets from the pre-activations; an
/// activation's backward pass, which is given y, takes the slope of that y where the problem says
/// so. What may be lost is measured, not guessed: the reference runs in the problem's own format as
/// well, rounded after each operation and with sums in float32, and
///     tolerance = 8 × its distance from the truth, at least (16 + depth) ε
/// of the largest entry of a slice; the distance is the largest of all outputs. So it follows the
/// problem's condition: a net that magnifies rounding errors has a wide tolerance, one that does
/// not a narrow one. ε per map, since a state that hardly changes makes a function err by the same
/// last bit at every step. Two more terms:
///   * A gradient of fewer than 64 entries may have cancelled, or lie near the truth by luck: it
///   has
///     a distance of its own, the largest of nine draws, eight of them of the truth itself with
///     every input moved at random by up to half a spacing of the format.
///   * Products in TF32 add 8 ε_tf32 √depth: each of a product's two factors errs by up to ε_tf32
///     (some devices cut off instead of rounding), independently of the others, so that a sum of
///     such products errs as much relative to its own typical size; 4 is the distance from a
///     typical error to the largest of some 10^6.
/// Activations and clips in f16 and bf16 compute in float and round each result once, as the
/// reference does: the two may be neighbours, ε of the format, and with a bias gradient so may the
/// terms of its sum, another ε; to that come the 16 ε of float.
///
/// Of a float64 problem the truth is the reference itself: its tolerance is the least one.
///
/// Kinks. Where f' jumps (ReLU), a pre-activation that rounding may move across the kink decides
/// whether a gradient passes. Samples that have one, by the same measure, get no loss gradient:
/// what is left is held to the strict bound. inputs() has it so, for all providers alike.
namespace gradepth {

class Judge {
 public:
  /// Runs the reference in float64 and in the problem's format. `math` is what some plan may do to
  /// the factors of products.
  Judge(const Problem& problem, Tensors in, Math math = Math::fma);

  /// What to give to the plans that are to be judged.
  [[nodiscard]] const Tensors& inputs() const { return in_; }
  /// Samples without a loss gradient, since they lie at a kink.
  [[nodiscard]] std::int64_t left_out() const { return left_out_; }
  /// Why right and wrong cannot be told apart, or empty: 8 times what the format itself loses is
  /// more than a hundredth of an output (64 ε in formats of 16 bits), or every sample lies at a
  /// kink.
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  /// What is allowed of an output, relative to the largest entry of a slice.
  [[nodiscard]] double tolerance(std::string_view tensor, Math math = Math::fma) const;
  /// Compares each output of a plan that has run on inputs(). Where slopes come from the input, dx
  /// of an activation is held to each slope as well, however small (compare_slopes), if the plan
  /// keeps_tails().
  [[nodiscard]] Comparison compare(Plan& plan) const;

 private:
  [[nodiscard]] double factor_rounding(Math math) const;
  void leave_out_kinks(Plan& own, const std::vector<double>& kinks, Math math);
  void set_tolerances(Plan& own);
  void draw_again();
  void refuse_what_is_lost();

  Problem problem_;
  Tensors in_;
  PlanPtr truth_;
  std::int64_t left_out_ = 0;
  double lost_ = 0;  // the margin times the largest distance of an output
  std::string refusal_;
  std::map<std::string, double, std::less<>> tolerances_;
};

}  // namespace gradepth
