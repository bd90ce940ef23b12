#include "host/providers/shared/buffers.h"

#include <algorithm>
#include <stdexcept>

#include "host/problem/check_inputs.h"
#include "host/providers/shared/elementwise.h"
#include "host/providers/shared/workers.h"

namespace gradepth::cpu {
namespace {

bool is_wide(std::string_view name) {
  return is_norm2(name) || name == "norm" || name == "skipped" || name == "saturated";
}

}  // namespace

Inputs::Inputs(const Problem& problem) : problem_(problem) {
  for (const TensorSpec& spec : inputs(problem)) {
    arrays_.emplace(spec.name, Floats(gradepth::size(spec.shape)));
  }
}

void Inputs::set(const Tensors& in) {
  check_inputs(problem_, in, !complete_);
  for (const auto& [name, tensor] : in) {
    std::transform(tensor.data.begin(), tensor.data.end(), arrays_.find(name)->second.data(),
                   [](double x) { return static_cast<float>(x); });
  }
  complete_ = true;
}

float* Inputs::at(std::string_view name) {
  const auto found = arrays_.find(name);
  return found == arrays_.end() ? nullptr : found->second.data();
}

std::size_t Inputs::size(std::string_view name) const {
  const auto found = arrays_.find(name);
  return found == arrays_.end() ? 0 : found->second.size();
}

Outputs::Outputs(const Problem& problem) {
  for (const TensorSpec& spec : outputs(problem)) {
    const std::size_t n = gradepth::size(spec.shape);
    Array array{spec.shape, {}, {}, nullptr};
    if (is_wide(spec.name)) {
      array.wide.resize(n);
    } else {
      array.data = Floats(n);
    }
    arrays_.emplace(spec.name, std::move(array));
  }
}

float* Outputs::at(std::string_view name) {
  const auto found = arrays_.find(name);
  return found == arrays_.end() ? nullptr : found->second.data.data();
}

std::vector<double>& Outputs::wide(std::string_view name) {
  const auto found = arrays_.find(name);
  if (found == arrays_.end()) throw std::logic_error("no output " + std::string(name));
  return found->second.wide;
}

Tensor Outputs::get(std::string_view name) const {
  const auto found = arrays_.find(name);
  if (found == arrays_.end()) {
    throw std::invalid_argument("output " + std::string(name) + ": not one of this problem");
  }
  const Array& array = found->second;
  if (array.shape.empty()) return {};
  if (is_wide(name)) return {array.shape, array.wide};
  const float* data = array.view != nullptr ? array.view : array.data.data();
  return {array.shape, std::vector<double>(data, data + gradepth::size(array.shape))};
}

void Outputs::hide(std::string_view name) {
  const auto found = arrays_.find(name);
  if (found != arrays_.end()) found->second = Array{};
}

void Outputs::view(std::string_view name, const float* data) {
  const auto found = arrays_.find(name);
  if (found == arrays_.end()) return;
  found->second.data = Floats();
  found->second.view = data;
}

void column_sums(int threads, const float* a, std::ptrdiff_t rows, std::ptrdiff_t cols,
                 std::ptrdiff_t lda, float* sums) {
  constexpr std::ptrdiff_t block = 64;
  parallel_for(threads, (cols + block - 1) / block, [&](std::ptrdiff_t b) {
    const std::ptrdiff_t first = b * block;
    loops().column_sums(a + first, rows, lda, sums + first, std::min(block, cols - first));
  });
}

double sum_of_squares(int threads, const float* x, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t chunk = 16384;
  std::vector<double> parts(static_cast<std::size_t>((n + chunk - 1) / chunk));
  parallel_for(threads, static_cast<std::ptrdiff_t>(parts.size()), [&](std::ptrdiff_t i) {
    parts[static_cast<std::size_t>(i)] =
        loops().sum_of_squares(x + i * chunk, std::min(chunk, n - i * chunk));
  });
  double total = 0;
  for (const double part : parts) total += part;
  return total;
}

}  // namespace gradepth::cpu
