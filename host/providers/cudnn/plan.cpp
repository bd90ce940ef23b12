#include "host/providers/cudnn/plan.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "host/problem/check_inputs.h"

namespace gradepth::cudnn {
namespace {

template <class T, class Convert>
std::vector<std::byte> encode_as(const std::vector<double>& numbers, Convert convert) {
  std::vector<std::byte> bytes(numbers.size() * sizeof(T));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const T value = convert(numbers[i]);
    std::memcpy(&bytes[i * sizeof(T)], &value, sizeof(T));
  }
  return bytes;
}

template <class T, class Convert>
std::vector<double> decode_as(const std::vector<std::byte>& bytes, Convert convert) {
  std::vector<double> numbers(bytes.size() / sizeof(T));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    T value;
    std::memcpy(&value, &bytes[i * sizeof(T)], sizeof(T));
    numbers[i] = convert(value);
  }
  return numbers;
}

}  // namespace

// round_to first: CUDA's own conversions from double may round twice.
std::vector<std::byte> encode(Dtype dtype, const std::vector<double>& numbers) {
  switch (dtype) {
    case Dtype::f64:
      return encode_as<double>(numbers, [](double x) { return x; });
    case Dtype::f32:
      return encode_as<float>(numbers, [](double x) { return static_cast<float>(x); });
    case Dtype::f16:
      return encode_as<__half>(numbers, [](double x) {
        return __float2half(static_cast<float>(round_to(Dtype::f16, x)));
      });
    case Dtype::bf16:
      return encode_as<__nv_bfloat16>(numbers, [](double x) {
        return __float2bfloat16(static_cast<float>(round_to(Dtype::bf16, x)));
      });
  }
  throw std::invalid_argument("no such dtype");
}

std::vector<double> decode(Dtype dtype, const std::vector<std::byte>& bytes) {
  switch (dtype) {
    case Dtype::f64:
      return decode_as<double>(bytes, [](double x) { return x; });
    case Dtype::f32:
      return decode_as<float>(bytes, [](float x) { return static_cast<double>(x); });
    case Dtype::f16:
      return decode_as<__half>(bytes,
                               [](__half x) { return static_cast<double>(__half2float(x)); });
    case Dtype::bf16:
      return decode_as<__nv_bfloat16>(
          bytes, [](__nv_bfloat16 x) { return static_cast<double>(__bfloat162float(x)); });
  }
  throw std::invalid_argument("no such dtype");
}

LibraryPlan::LibraryPlan(LibraryPtr library, Problem problem)
    : library_(std::move(library)), problem_(std::move(problem)) {}

void* LibraryPlan::allocate(std::size_t bytes) {
  memory_.emplace_back(bytes);
  held_ += bytes;
  return memory_.back().data();
}

void* LibraryPlan::tensor(std::string name, std::int64_t n, Dtype format) {
  void* const data = allocate(static_cast<std::size_t>(n) * element_bytes(format));
  views_.insert_or_assign(std::move(name), View{static_cast<std::byte*>(data), 1, n, n, format});
  return data;
}

float* LibraryPlan::layers(std::string name, std::int64_t count, std::int64_t size) {
  auto* const data = allocate_numbers<float>(count * pitch(size));
  bind(std::move(name), data, count, size);
  return data;
}

void LibraryPlan::bind(std::string name, float* data, std::int64_t count, std::int64_t size) {
  views_.insert_or_assign(std::move(name), View{reinterpret_cast<std::byte*>(data), count, size,
                                                pitch(size), Dtype::f32});
}

void LibraryPlan::transfer(const View& view, std::byte* packed, bool to_device) const {
  const std::size_t width = static_cast<std::size_t>(view.cols) * element_bytes(view.format);
  const std::size_t pitch = static_cast<std::size_t>(view.pitch) * element_bytes(view.format);
  const auto rows = static_cast<std::size_t>(view.rows);
  if (rows * width == 0) return;
  if (to_device) {
    check(cudaMemcpy2DAsync(view.data, pitch, packed, width, width, rows, cudaMemcpyHostToDevice,
                            stream()));
  } else {
    check(cudaMemcpy2DAsync(packed, width, view.data, pitch, width, rows, cudaMemcpyDeviceToHost,
                            stream()));
  }
  library_->device.wait();
}

void LibraryPlan::set(const Tensors& in) {
  check_inputs(problem_, in, !complete_);
  for (const auto& [name, tensor] : in) {
    const View& view = views_.find(name)->second;
    std::vector<std::byte> bytes = encode(view.format, tensor.data);
    transfer(view, bytes.data(), true);
  }
  complete_ = true;
  after_set();
}

void LibraryPlan::run() {
  run_forward();
  if (!forward_only()) run_backward();
}

Tensor LibraryPlan::get(std::string_view name) {
  const std::vector<TensorSpec> specs = outputs(problem_);
  const auto spec =
      std::find_if(specs.begin(), specs.end(), [&](const TensorSpec& s) { return s.name == name; });
  if (spec == specs.end()) {
    throw std::invalid_argument(gradepth::name(problem_) + ": no output " + std::string(name));
  }
  before_get();
  if (!views_.contains(name)) return derive(name);
  return {spec->shape, read(name).data};
}

Tensor LibraryPlan::read(std::string_view name) {
  const View& view = views_.find(name)->second;
  const std::int64_t n = view.rows * view.cols;
  std::vector<std::byte> bytes(static_cast<std::size_t>(n) * element_bytes(view.format));
  transfer(view, bytes.data(), false);
  return {{n}, decode(view.format, bytes)};
}

Tensor LibraryPlan::derive(std::string_view name) {
  throw std::logic_error("the plan has no output " + std::string(name));
}

std::size_t LibraryPlan::workspace_bytes() const {
  std::size_t tensors = 0;
  for (const auto& specs : {inputs(problem_), outputs(problem_)}) {
    for (const TensorSpec& spec : specs) {
      tensors += size(spec.shape) * element_bytes(dtype(problem_));
    }
  }
  return held_ - std::min(held_, tensors) + library_bytes();
}

Math LibraryPlan::math() const {
  const bool products = kind(problem_) == "recurrent" || kind(problem_) == "feedforward";
  return products && dtype(problem_) == Dtype::f32 ? library_->math : Math::fma;
}

void LibraryPlan::set_trial_inputs() {
  Tensors in;
  for (const TensorSpec& spec : inputs(problem_)) {
    // A state or a weight: products of both stay of the size of a state.
    const double fan_in = spec.shape.empty() ? 1.0 : static_cast<double>(spec.shape.back());
    const double scale = spec.name[0] == 'W' ? 1 / std::sqrt(std::max(fan_in, 1.0)) : 0.5;
    Tensor tensor(spec.shape);
    for (std::size_t i = 0; i < tensor.size(); ++i) {
      tensor.data[i] = scale * std::sin(1.7 * static_cast<double>(i));
    }
    in.emplace(spec.name, std::move(tensor));
  }
  set(in);
}

void LibraryPlan::forget() {
  for (const auto& [name, view] : views_) {
    const auto n = static_cast<std::size_t>((view.rows - 1) * view.pitch + view.cols);
    if (n > 0) check(cudaMemsetAsync(view.data, 0xff, n * element_bytes(view.format), stream()));
  }
  wait();
  complete_ = false;
}

}  // namespace gradepth::cudnn
