#pragma once

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include "kernels/activation/activation.h"
#include "kernels/cell/cell.h"
#include "kernels/cell/elman.h"
#include "kernels/cell/gru.h"
#include "kernels/cell/lstm.h"
#include "kernels/cell/mgu.h"
#include "kernels/host_device.h"
#include "kernels/named.h"

/// The recurrent cells: their only list. CMake reads it as well, for the kernels of each.
namespace gradepth {

template <class... List>
struct CellList {
  static constexpr std::array<CellInfo, sizeof...(List)> infos{List::info...};
};

/// `Act` is the activation of the cells that take one.
template <class Act>
using Cells = CellList<ElmanCell<Act>, LstmCell, GruCell, MguCell>;

/// Those cells, as data.
inline constexpr auto gate_cells = Cells<Tanh>::infos;

/// f' = w (f + f_prev), or w Σ f: no cell of gates, but a recurrence with states as theirs.
inline constexpr CellInfo additive_recurrence{.name = "additive",
                                              .biases = 0,
                                              .has_matrices = false,
                                              .forward_flops = 2,
                                              .backward_flops = 4};

/// All recurrences, as data.
inline constexpr auto all_cells = [] {
  std::array<CellInfo, gate_cells.size() + 1> all{};
  std::copy(gate_cells.begin(), gate_cells.end(), all.begin());
  all.back() = additive_recurrence;
  return all;
}();

/// One of them: "lstm".
using RecurrentCell = OneOf<all_cells>;

/// The cell, with the activation where it takes one.
template <class Cell, class Act>
HD constexpr Cell make_cell(const Act& act) {
  if constexpr (Cell::info.takes_activation) {
    return {act};
  } else {
    return {};
  }
}

/// Calls f(cell) with the cell's type; std::invalid_argument for one without gates.
template <class Act, class F>
void with_cell(RecurrentCell cell, const Act& act, F&& f) {
  const auto offer = [&]<class Cell>() {
    if (cell != Cell::info.name) return false;
    f(make_cell<Cell>(act));
    return true;
  };
  const bool found = [&]<class... List>(CellList<List...>) {
    return (offer.template operator()<List>() || ...);
  }(Cells<Act>{});
  if (!found) throw std::invalid_argument(std::string(cell.name()) + " has no gates");
}

}  // namespace gradepth
