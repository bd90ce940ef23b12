#include "bench/cli/names.h"

namespace gradepth {

const Names& format_names() {
  static const Names names({"table", "json", "csv"});
  return names;
}

const Names& math_names() {
  static const Names names({"fma", "tf32"});
  return names;
}

const Names& variant_names() {
  static const Names names({"auto", "small", "persistent", "steps", "graph"});
  return names;
}

const Names& preset_names() {
  static const Names names({"brief", "small", "quick", "full"});
  return names;
}

const Names& recurrent_preset_names() {
  static const Names names({"irnn", "np-rnn"});
  return names;
}

}  // namespace gradepth
