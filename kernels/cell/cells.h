#pragma once

#include <array>
#include <string_view>

#include "kernels/named.h"

/// The recurrent cells, as data: what everything around their formulas asks.
namespace gradepth {

struct CellInfo {
  std::string_view name;
  int gates;              // rows of W per unit
  int biases;             // rows of b per unit: one per gate, gru's fourth inside the reset product
  bool has_matrices;      // else one number w is all its weights
  bool has_c;             // its state is (h, c), and a loss may see either
  bool takes_activation;  // else tanh stands inside, or none
  bool splits_candidate;  // what the product with W sees is not da of every gate
  int forget_gate;        // the gate that says how much of the state stays; -1: none
  // Operations per unit of the pointwise part, a transcendental function counting as one.
  int forward_flops, backward_flops;
};

/// The only list of them.
inline constexpr std::array<CellInfo, 4> all_cells{{
    {"elman", 1, 1, true, false, true, false, -1, 3, 6},
    {"lstm", 4, 4, true, true, false, false, 1, 18, 30},
    {"gru", 3, 4, true, false, false, true, 1, 18, 22},
    {"additive", 1, 0, false, false, false, false, -1, 2, 4},
}};

/// nullptr for an unknown name.
constexpr const CellInfo* find_cell(std::string_view name) { return find_named(all_cells, name); }
/// std::invalid_argument for an unknown name.
inline const CellInfo& cell_info(std::string_view name) { return named(all_cells, name, "cell"); }

/// The ones that libraries have, and that providers' own code is written out for.
constexpr bool is_common_cell(std::string_view name) {
  return name == "elman" || name == "lstm" || name == "gru";
}

}  // namespace gradepth
