#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "host/device/device.h"
#include "host/problem/problem.h"
#include "host/providers/provider.h"
#include "kernels/half.h"

/// What the plans of the providers `simt` and `cuda` have in common. Every source of this folder is
/// compiled once for each.
namespace gradepth::inline GRADEPTH_PLATFORM {

inline std::size_t length(std::int64_t n) { return static_cast<std::size_t>(n); }

/// Owns the device memory of one problem and knows where each of its tensors lies. A derived plan
/// allocates, says with bind() which tensor is where, and runs kernels.
class KernelPlan : public Plan {
 public:
  KernelPlan(std::shared_ptr<const Device> device, Problem problem);

  void set(const Tensors& in) final;
  void run() override;
  void wait() final;
  Tensor get(std::string_view name) final;
  [[nodiscard]] std::size_t workspace_bytes() const final;

 protected:
  struct Strided {
    const double* data;
    std::size_t stride;
  };
  struct Counts {
    const unsigned long long* data;
  };
  using View = std::variant<float*, float16*, bfloat16*, Strided, Counts>;

  /// Memory for n numbers, NaN at first; it lives as long as the plan.
  float* floats(std::int64_t n);
  double* doubles(std::int64_t n);
  template <class T>
  T* allocate(std::int64_t n);

  /// Tensor `name` of the problem lies here, as float, float16, bfloat16 or a count; of a stride of
  /// doubles, every `stride`-th.
  void bind(std::string name, View data) { views_.insert_or_assign(std::move(name), data); }
  void bind(std::string name, const double* data, std::size_t stride = 1) {
    views_.insert_or_assign(std::move(name), Strided{data, stride});
  }

  /// Where input `name` goes, if an output has the same name.
  void bind_input(std::string name, float* data) {
    inputs_.insert_or_assign(std::move(name), data);
  }

  /// Called at the end of set().
  virtual void after_set() {}

  [[nodiscard]] const Device& device() const { return *device_; }

 private:
  /// A buffer of any type.
  struct Memory {
    virtual ~Memory() = default;
    virtual void check() const = 0;
    [[nodiscard]] virtual std::size_t bytes() const = 0;
  };
  template <class T>
  struct MemoryOf;

  std::shared_ptr<const Device> device_;
  Problem problem_;
  bool complete_ = false;  // whether set() has brought all inputs
  std::list<std::unique_ptr<Memory>> memory_;
  std::map<std::string, View, std::less<>> views_;
  std::map<std::string, float*, std::less<>> inputs_;  // those with a place of their own
};

template <class T>
struct KernelPlan::MemoryOf final : Memory {
  explicit MemoryOf(std::size_t n) : buffer(n) {}
  void check() const override { buffer.check(); }
  [[nodiscard]] std::size_t bytes() const override { return buffer.bytes(); }
  Buffer<T> buffer;
};

template <class T>
T* KernelPlan::allocate(std::int64_t n) {
  auto memory = std::make_unique<MemoryOf<T>>(length(n));
  T* const data = memory->buffer.data();
  memory_.push_back(std::move(memory));
  return data;
}

/// Calls f(T{}) with the type that stores numbers of the format: float, float16 or bfloat16.
template <class F>
auto with_storage(Dtype dtype, F&& f) {
  if (dtype == Dtype::f16) return f(float16{});
  if (dtype == Dtype::bf16) return f(bfloat16{});
  return f(float{});
}

/// One function per kind of problem, each in its file.
/// elman, lstm and gru, as Context::variant asks.
Planned make_recurrent_plan(std::shared_ptr<const Device> device, const RecurrentProblem& problem,
                            Variant variant);
PlanPtr make_activation_plan(std::shared_ptr<const Device> device,
                             const ActivationProblem& problem);
Planned make_clip_plan(std::shared_ptr<const Device> device, const ClipProblem& problem);
PlanPtr make_additive_plan(std::shared_ptr<const Device> device, const RecurrentProblem& problem);
/// Elman step by step, with `graph` captured and replayed; `why` says why it goes that way.
PlanPtr make_chain_plan(std::shared_ptr<const Device> device, const RecurrentProblem& problem,
                        bool graph, std::string why);
PlanPtr make_chain_plan(std::shared_ptr<const Device> device, const FeedForwardProblem& problem);

}  // namespace gradepth::inline GRADEPTH_PLATFORM
