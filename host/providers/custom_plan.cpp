#include "host/providers/custom_plan.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "host/check_inputs.h"

namespace gradepth::inline GRADEPTH_PLATFORM {

CustomPlan::CustomPlan(std::shared_ptr<const Device> device, Problem problem)
    : device_(std::move(device)), problem_(std::move(problem)) {}

float* CustomPlan::floats(std::int64_t n) { return allocate<float>(n); }
double* CustomPlan::doubles(std::int64_t n) { return allocate<double>(n); }

void CustomPlan::set(const Tensors& in) {
  check_inputs(problem_, in, !complete_);
  for (const auto& [name, tensor] : in) {
    std::vector<float> numbers(tensor.size());
    std::transform(tensor.data.begin(), tensor.data.end(), numbers.begin(),
                   [](double x) { return static_cast<float>(x); });
    const auto input = inputs_.find(name);
    float* const to =
        input != inputs_.end() ? input->second : std::get<float*>(views_.find(name)->second);
    device_->upload(to, numbers.data(), numbers.size());
  }
  complete_ = true;
  after_set();
}

void CustomPlan::run() {
  run_forward();
  const bool forward_only = std::visit(
      [](const auto& p) {
        if constexpr (requires { p.pass; }) return p.pass == Pass::forward;
        return false;
      },
      problem_);
  if (!forward_only) run_backward();
}

void CustomPlan::wait() {
  device_->wait();
  for (const auto& memory : memory_) memory->check();
}

Tensor CustomPlan::get(std::string_view name) {
  const std::vector<TensorSpec> specs = outputs(problem_);
  const auto spec =
      std::find_if(specs.begin(), specs.end(), [&](const TensorSpec& s) { return s.name == name; });
  const auto view = views_.find(name);
  if (spec == specs.end() || view == views_.end()) {
    throw std::invalid_argument(gradepth::name(problem_) + ": no output " + std::string(name));
  }
  wait();
  Tensor tensor(spec->shape);
  if (tensor.size() == 0) return tensor;
  if (const auto* data = std::get_if<float*>(&view->second)) {
    std::vector<float> numbers(tensor.size());
    device_->download(numbers.data(), static_cast<const float*>(*data), numbers.size());
    std::copy(numbers.begin(), numbers.end(), tensor.data.begin());
  } else {
    const auto& [first, stride] = std::get<Strided>(view->second);
    std::vector<double> numbers((tensor.size() - 1) * stride + 1);
    device_->download(numbers.data(), first, numbers.size());
    for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data[i] = numbers[i * stride];
  }
  return tensor;
}

std::size_t CustomPlan::workspace_bytes() const {
  std::size_t held = 0;
  for (const auto& memory : memory_) held += memory->bytes();
  std::size_t tensors = 0;
  for (const auto& specs : {inputs(problem_), outputs(problem_)}) {
    for (const TensorSpec& spec : specs) tensors += size(spec.shape) * sizeof(float);
  }
  return held - std::min(held, tensors);  // tensors that share memory count as workspace saved
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
