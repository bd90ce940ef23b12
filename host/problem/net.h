#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/problem/kinds/feedforward.h"
#include "host/text/value_named.h"
#include "kernels/cell/cells.h"

namespace gradepth {

/// What a study is about: a net of layers, or a recurrence. As of OneOf, a name in the sources that
/// neither has does not compile.
class Net {
 public:
  consteval Net(const char* name) : net_(known(name)) {}
  constexpr Net(LayerNet layers) : net_(layers) {}
  constexpr Net(RecurrentCell cell) : net_(cell) {}
  [[nodiscard]] static constexpr std::optional<Net> find(std::string_view name) {
    if (const auto layers = value_named<LayerNet>(layer_net_names, name)) return Net(*layers);
    if (const auto cell = RecurrentCell::find(name)) return Net(*cell);
    return std::nullopt;
  }
  /// The nets of layers, then the cells.
  [[nodiscard]] static std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const LayerNet net : {LayerNet::mlp, LayerNet::cnn, LayerNet::residual}) {
      names.emplace_back(gradepth::name(net));
    }
    for (const CellInfo& cell : all_cells) names.emplace_back(cell.name);
    return names;
  }

  [[nodiscard]] constexpr std::string_view name() const {
    const LayerNet* const layers = this->layers();
    return layers != nullptr ? gradepth::name(*layers) : cell()->name;
  }
  /// nullptr for a recurrence.
  [[nodiscard]] constexpr const LayerNet* layers() const { return std::get_if<LayerNet>(&net_); }
  /// nullptr for layers.
  [[nodiscard]] constexpr const CellInfo* cell() const {
    const auto* const cell = std::get_if<RecurrentCell>(&net_);
    return cell == nullptr ? nullptr : &**cell;
  }
  friend constexpr bool operator==(const Net&, const Net&) = default;

 private:
  using Any = std::variant<LayerNet, RecurrentCell>;

  static constexpr Any known(std::string_view name) {
    const std::optional<Net> net = find(name);
    if (!net) throw std::invalid_argument("no net is called " + std::string(name));
    return net->net_;
  }

  Any net_;
};

}  // namespace gradepth
