#include "host/draw/sparsity.h"

#include <algorithm>
#include <cmath>

namespace gradepth {
namespace {

/// A weight's place in its block; rows are counted through all blocks.
struct RowAndColumn {
  std::size_t row;
  std::size_t column;
};

RowAndColumn place_of(std::size_t weight, const WeightLayout& layout) {
  const auto N = static_cast<std::size_t>(layout.N);
  const std::size_t pair = weight / static_cast<std::size_t>(layout.taps);
  return {pair / N, pair % N};
}

/// The number of the piece that the weight is kept or left out with.
std::size_t piece_of(std::size_t weight, Sparsity sparsity, const WeightLayout& layout) {
  if (sparsity == Sparsity::independent) return weight;
  const auto [row, column] = place_of(weight, layout);
  if (sparsity == Sparsity::rows) return row;
  constexpr std::size_t tile = 8;
  const auto N = static_cast<std::size_t>(layout.N);
  const std::size_t tiles = (N + tile - 1) / tile;
  return (row / N * tiles + row % N / tile) * tiles + column / tile;
}

/// Whether the weight is one of its row's `kept` nearest on the ring of N units; an even number has
/// one more before the unit than behind it.
bool is_in_band(std::size_t weight, std::size_t kept, const WeightLayout& layout) {
  const auto N = static_cast<std::size_t>(layout.N);
  const auto [row, column] = place_of(weight, layout);
  return (column + 2 * N - row % N + kept / 2) % N < kept;
}

}  // namespace

void thin(std::vector<double>& W, const WeightLayout& layout, double density, Sparsity sparsity,
          const std::function<double(std::size_t)>& uniform) {
  if (density >= 1) return;
  const auto N = static_cast<double>(layout.N);
  const double in_band = std::max(1.0, std::round(density * N));
  const bool is_band = sparsity == Sparsity::band;
  const double factor = 1 / std::sqrt(is_band ? in_band / N : density);
  for (std::size_t i = 0; i < W.size(); ++i) {
    const bool stays = is_band ? is_in_band(i, static_cast<std::size_t>(in_band), layout)
                               : uniform(piece_of(i, sparsity, layout)) < density;
    W[i] = stays ? W[i] * factor : 0.0;
  }
}

}  // namespace gradepth
