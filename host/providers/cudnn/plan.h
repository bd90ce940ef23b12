#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/problem/problem.h"
#include "host/providers/cudnn/api.h"
#include "host/providers/provider.h"

/// What the plans of the provider `cudnn` have in common.
namespace gradepth::cudnn {

/// The device and one handle of each library, all on the device's one stream.
struct Library {
  /// std::runtime_error, in one line, without a device.
  explicit Library(const Context& context);

  /// Versions, device, and every setting that decides how f32 products are rounded.
  [[nodiscard]] std::string description() const;
  [[nodiscard]] cudaStream_t stream() const { return device.stream().handle; }

  Device device;  // first: it fails cleanly where there is none
  Math math;
  CudnnHandle dnn;
  CublasHandle blas;
  CublasLtHandle lt;
};
using LibraryPtr = std::shared_ptr<const Library>;

/// Our numbers in a format's bytes, and back.
std::vector<std::byte> encode(Dtype dtype, const std::vector<double>& numbers);
std::vector<double> decode(Dtype dtype, const std::vector<std::byte>& bytes);

/// Owns the device memory of one problem and knows where each of its tensors lies, in the problem's
/// format. A derived plan allocates and runs.
class LibraryPlan : public Plan {
 public:
  LibraryPlan(LibraryPtr library, Problem problem);

  void set(const Tensors& in) final;
  void run() override;
  void wait() final { library().device.wait(); }
  Tensor get(std::string_view name) final;
  /// Everything held but the tensors of the problem.
  [[nodiscard]] std::size_t workspace_bytes() const final;
  /// Of problems with products alone, and of f32.
  [[nodiscard]] Math math() const final;

 protected:
  /// Memory that lives as long as the plan; NaN at first.
  void* allocate(std::size_t bytes);
  template <class T>
  T* allocate_numbers(std::int64_t n) {
    return static_cast<T*>(allocate(static_cast<std::size_t>(n) * sizeof(T)));
  }
  /// Memory for tensor `name` with n elements, of the problem's format or of another.
  void* tensor(std::string name, std::int64_t n) {
    return tensor(std::move(name), n, dtype(problem_));
  }
  void* tensor(std::string name, std::int64_t n, Dtype format);
  /// Elements from one layer's array of `size` f32 to the next's: each begins at a multiple of 256
  /// bytes, as if it had been allocated by itself. Libraries count on that.
  static std::int64_t pitch(std::int64_t size) { return (size + 63) / 64 * 64; }
  /// f32 memory for tensor `name` of that many layers, pitch(size) apart.
  float* layers(std::string name, std::int64_t count, std::int64_t size);
  /// Tensor `name` lies within memory that is there already, likewise.
  void bind(std::string name, float* data, std::int64_t count, std::int64_t size);

  /// What parts of a derived plan hold beside that.
  [[nodiscard]] virtual std::size_t library_bytes() const { return 0; }
  /// Called at the end of set(), when all inputs are there.
  virtual void after_set() {}
  /// Called before an output is read: brings gradients from the library's layout into ours.
  virtual void before_get() {}
  /// An output that lies nowhere: computed from others, or an empty tensor if it cannot be seen.
  virtual Tensor derive(std::string_view name);

  /// The numbers of an input or output that lies somewhere.
  Tensor read(std::string_view name);

  /// Fills the inputs with small numbers, so that algorithms can be tried before set().
  void set_trial_inputs();
  /// Fills all tensors with NaN again: what a trial left there cannot pass for a result.
  void forget();

  [[nodiscard]] const Library& library() const { return *library_; }
  [[nodiscard]] cudaStream_t stream() const { return library_->stream(); }
  [[nodiscard]] bool forward_only() const { return is_forward_only(problem_); }

 private:
  /// `rows` pieces of `cols` numbers each, `pitch` numbers apart.
  struct View {
    std::byte* data;
    std::int64_t rows, cols, pitch;
    Dtype format;
  };
  /// Copies a tensor between its place and packed bytes of the host.
  void transfer(const View& view, std::byte* packed, bool to_device) const;

  LibraryPtr library_;
  Problem problem_;
  bool complete_ = false;  // whether set() has brought all inputs
  std::list<Buffer<std::byte>> memory_;
  std::size_t held_ = 0;  // bytes
  std::map<std::string, View, std::less<>> views_;
};

/// The plans of this provider, or why the libraries have none.
Planned make_plan(const ActivationProblem& problem, const LibraryPtr& library);
Planned make_plan(const ClipProblem& problem, const LibraryPtr& library);
Planned make_plan(const RecurrentProblem& problem, const LibraryPtr& library);
Planned make_plan(const FeedForwardProblem& problem, const LibraryPtr& library);

}  // namespace gradepth::cudnn
