#pragma once

#include <dnnl.hpp>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace gradepth::onednn {

/// Primitives with their arguments, in order: what a timed step executes.
class Program {
 public:
  using Arguments = std::unordered_map<int, dnnl::memory>;

  explicit Program(dnnl::engine engine) : engine_(std::move(engine)) {}

  [[nodiscard]] const dnnl::engine& engine() const { return engine_; }

  /// Memory of oneDNN's own, zero at first.
  dnnl::memory allocate(const dnnl::memory::desc& desc) {
    dnnl::memory memory(desc, engine_);
    bytes_ += desc.get_size();
    return memory;
  }
  /// Memory over data of ours.
  [[nodiscard]] dnnl::memory over(const dnnl::memory::desc& desc, const float* data) const {
    // oneDNN's handles are not const; arguments that are inputs are only read.
    return {desc, engine_, const_cast<float*>(data)};
  }

  void add(dnnl::primitive primitive, Arguments arguments) {
    steps_.emplace_back([primitive = std::move(primitive), arguments = std::move(arguments)](
                            const dnnl::stream& stream) { primitive.execute(stream, arguments); });
  }
  /// Work of ours between primitives.
  void call(std::function<void()> f) {
    steps_.emplace_back([f = std::move(f)](const dnnl::stream& /*stream*/) { f(); });
  }
  /// `memory` in the layout that a primitive wants: itself, or a copy which each execution makes
  /// anew.
  dnnl::memory as(const dnnl::memory::desc& wanted, const dnnl::memory& memory) {
    if (memory.get_desc() == wanted) return memory;
    dnnl::memory copy = allocate(wanted);
    reorder(memory, copy);
    return copy;
  }
  void reorder(const dnnl::memory& from, const dnnl::memory& to) {
    add(dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  }

  void execute(dnnl::stream& stream) const {
    for (const auto& step : steps_) step(stream);
    stream.wait();
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  dnnl::engine engine_;
  std::vector<std::function<void(const dnnl::stream&)>> steps_;
  std::size_t bytes_ = 0;
};

}  // namespace gradepth::onednn
