#include "host/providers/ours/plan.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "host/problem/check_inputs.h"
#include "host/problem/overloaded.h"

namespace gradepth::inline GRADEPTH_PLATFORM {

KernelPlan::KernelPlan(std::shared_ptr<const Device> device, Problem problem)
    : device_(std::move(device)), problem_(std::move(problem)) {}

float* KernelPlan::floats(std::int64_t n) { return allocate<float>(n); }
double* KernelPlan::doubles(std::int64_t n) { return allocate<double>(n); }

void KernelPlan::set(const Tensors& in) {
  check_inputs(problem_, in, !complete_);
  for (const auto& entry : in) {
    const std::vector<double>& data = entry.second.data;
    const auto upload = [&]<class T>(T* to) {
      std::vector<T> numbers(data.size());
      std::transform(data.begin(), data.end(), numbers.begin(),
                     [](double x) { return rounded_to<T>(x); });
      device_->upload(to, numbers.data(), numbers.size());
    };
    const auto input = inputs_.find(entry.first);
    if (input != inputs_.end()) {
      upload(input->second);
      continue;
    }
    std::visit(Overloaded{upload, [](const auto&) { throw std::logic_error("not an input"); }},
               views_.find(entry.first)->second);
  }
  complete_ = true;
  after_set();
}

void KernelPlan::run() {
  run_forward();
  if (!is_forward_only(problem_)) run_backward();
}

void KernelPlan::wait() {
  device_->wait();
  for (const auto& memory : memory_) memory->check();
}

Tensor KernelPlan::get(std::string_view name) {
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
  const auto download_counts = [&](const Counts& from) {
    std::vector<unsigned long long> numbers(tensor.size());
    device_->download(numbers.data(), from.data, numbers.size());
    std::transform(numbers.begin(), numbers.end(), tensor.data.begin(),
                   [](unsigned long long x) { return static_cast<double>(x); });
  };
  const auto download = [&]<class T>(T* from) {
    std::vector<T> numbers(tensor.size());
    device_->download(numbers.data(), static_cast<const T*>(from), numbers.size());
    std::transform(numbers.begin(), numbers.end(), tensor.data.begin(),
                   [](T x) { return static_cast<double>(static_cast<float>(x)); });
  };
  const auto download_doubles = [&](const Strided& from) {
    std::vector<double> numbers((tensor.size() - 1) * from.stride + 1);
    device_->download(numbers.data(), from.data, numbers.size());
    for (std::size_t i = 0; i < tensor.size(); ++i) tensor.data[i] = numbers[i * from.stride];
  };
  std::visit(Overloaded{download, download_doubles, download_counts}, view->second);
  return tensor;
}

std::size_t KernelPlan::workspace_bytes() const {
  std::size_t held = 0;
  for (const auto& memory : memory_) held += memory->bytes();
  const std::size_t element = with_storage(dtype(problem_), [](auto x) { return sizeof x; });
  std::size_t tensors = 0;
  for (const auto& specs : {inputs(problem_), outputs(problem_)}) {
    for (const TensorSpec& spec : specs) tensors += size(spec.shape) * element;
  }
  return held - std::min(held, tensors);  // tensors that share memory count as workspace saved
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
