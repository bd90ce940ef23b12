#include <numeric>
#include <vector>

#include "host/providers/cudnn/choice.h"
#include "host/providers/cudnn/cub.h"
#include "host/providers/cudnn/plan.h"
#include "kernels/clip/foreach.h"
#include "kernels/clip/rules.h"

namespace gradepth::cudnn {
namespace {

/// Scalars of cuBLAS lie on the device while this lives, so that no norm visits the host.
class ScalarsOnDevice {
 public:
  explicit ScalarsOnDevice(cublasHandle_t handle) : handle_(handle) {
    check(call<cublasSetPointerMode>(handle_, CUBLAS_POINTER_MODE_DEVICE));
  }
  ScalarsOnDevice(const ScalarsOnDevice&) = delete;
  ScalarsOnDevice& operator=(const ScalarsOnDevice&) = delete;
  ~ScalarsOnDevice() { (void)call<cublasSetPointerMode>(handle_, CUBLAS_POINTER_MODE_HOST); }

 private:
  cublasHandle_t handle_;
};

/// The clips that people use; the row is of the fastest, detail() has the times of the others.
class ClipPlan final : public LibraryPlan {
 public:
  ClipPlan(const LibraryPtr& shared, const ClipProblem& problem)
      : LibraryPlan(shared, problem),
        p_(problem),
        rule_(*problem.mode),
        n_(std::accumulate(p_.sizes.begin(), p_.sizes.end(), std::int64_t{0})) {
    g_ = static_cast<float*>(tensor("g", n_));
    original_ = allocate_numbers<float>(n_);
    if (rule_.has_norms()) allocate_norm();
    set_trial_inputs();
    try_ways();
    forget();
  }

  void run() override { (this->*way_)(); }
  void restore() override {
    library().device.copy(g_, static_cast<const float*>(original_), count(n_));
  }
  [[nodiscard]] std::string detail() const override { return describe(trials_); }

 private:
  using Way = void (ClipPlan::*)();

  static std::size_t count(std::int64_t n) { return static_cast<std::size_t>(n); }
  void after_set() override {
    library().device.copy(original_, static_cast<const float*>(g_), count(n_));
  }
  void allocate_norm();
  void try_way(const char* name, Way way);
  void try_ways();
  template <class T>
  const T* on_device(const std::vector<T>& numbers) {
    T* const data = allocate_numbers<T>(static_cast<std::int64_t>(numbers.size()));
    library().device.upload(data, numbers.data(), numbers.size());
    return data;
  }

  // The ways.
  void by_cublas();
  void by_cub();
  void by_foreach();
  void value_by_cub() {
    clamp_all(g_, n_, static_cast<float>(p_.threshold), library().device.stream());
  }

  [[nodiscard]] float threshold() const { return static_cast<float>(p_.threshold); }
  [[nodiscard]] StreamRef queue() const { return library().device.stream(); }

  /// A list's tensors and chunks in device memory.
  struct OnDevice {
    const ForeachTensor* tensors = nullptr;
    const ForeachChunk* chunks = nullptr;
    std::int64_t tensor_count = 0;
    std::int64_t chunk_count = 0;
  };
  OnDevice list_on_device(const ForeachList& list) {
    return {on_device(list.tensors), on_device(list.chunks),
            static_cast<std::int64_t>(list.tensors.size()),
            static_cast<std::int64_t>(list.chunks.size())};
  }

  ClipProblem p_;
  const ClipRule& rule_;
  std::int64_t n_;
  float* g_ = nullptr;
  float* original_ = nullptr;
  ForeachResult* result_ = nullptr;
  std::vector<ForeachTensor> tensors_;  // without empty ones
  OnDevice list_;                       // of the problem's tensors
  OnDevice flat_;                       // of all numbers as one
  float* squares_ = nullptr;            // [chunks of list_]
  float* norms_ = nullptr;              // [tensors]
  float* square_ = nullptr;             // [1]
  void* workspace_ = nullptr;           // CUB's
  std::size_t workspace_bytes_ = 0;
  std::vector<Trial> trials_;
  Way way_ = nullptr;
};

void ClipPlan::allocate_norm() {
  result_ = allocate_numbers<ForeachResult>(1);
  bind("norm", &result_->norm, 1, 1);
  bind("skipped", &result_->skipped, 1, 1);
  const ForeachList list = make_foreach_list(g_, p_.sizes);
  tensors_ = list.tensors;
  list_ = list_on_device(list);
  flat_ = list_on_device(make_foreach_list(g_, std::vector<std::int64_t>{n_}));
  squares_ = allocate_numbers<float>(list_.chunk_count);
  norms_ = allocate_numbers<float>(list_.tensor_count);
  square_ = allocate_numbers<float>(1);
  workspace_bytes_ = sum_of_squares_bytes(n_);
  workspace_ = allocate(workspace_bytes_);
}

void ClipPlan::try_way(const char* name, Way way) {
  trials_.push_back(try_out(name, [&] { return median_ms(stream(), [&] { (this->*way)(); }); }));
  if (fastest(trials_) + 1 == static_cast<std::ptrdiff_t>(trials_.size())) way_ = way;
}

void ClipPlan::try_ways() {
  if (!rule_.has_norms()) {
    try_way("CUB DeviceTransform", &ClipPlan::value_by_cub);
  } else {
    try_way("cuBLAS nrm2 and scal per tensor", &ClipPlan::by_cublas);
    try_way("CUB DeviceReduce and a scale kernel", &ClipPlan::by_cub);
    try_way("the passes of PyTorch's foreach clip", &ClipPlan::by_foreach);
  }
  if (way_ == nullptr) throw std::runtime_error("no library clips: " + describe(trials_));
}

void ClipPlan::by_cublas() {
  cublasHandle_t handle = library().blas.get();
  const ScalarsOnDevice scalars(handle);
  for (std::size_t t = 0; t < tensors_.size(); ++t) {
    check(call<cublasSnrm2_64>(handle, tensors_[t].size, tensors_[t].data, 1, norms_ + t));
  }
  if (tensors_.empty()) {
    zero_async(&result_->norm, sizeof(float), queue());
  } else {
    check(call<cublasSnrm2_64>(handle, list_.tensor_count, norms_, 1, &result_->norm));
  }
  clip_coefficient(threshold(), result_, queue());
  for (const ForeachTensor& tensor : tensors_) {
    check(call<cublasSscal_64>(handle, tensor.size, &result_->coefficient, tensor.data, 1));
  }
}

void ClipPlan::by_cub() {
  sum_of_squares(workspace_, workspace_bytes_, g_, n_, square_, queue());
  norm_of_square(square_, result_, queue());
  clip_coefficient(threshold(), result_, queue());
  foreach_scale(flat_.tensors, flat_.chunks, flat_.chunk_count, result_, queue());
}

void ClipPlan::by_foreach() {
  foreach_squares(list_.tensors, list_.chunks, list_.chunk_count, squares_, queue());
  foreach_norms(list_.tensors, list_.tensor_count, squares_, norms_, queue());
  norm_of_norms(list_.tensor_count, norms_, result_, queue());
  clip_coefficient(threshold(), result_, queue());
  foreach_scale(list_.tensors, list_.chunks, list_.chunk_count, result_, queue());
}

}  // namespace

Planned make_plan(const ClipProblem& problem, const LibraryPtr& library) {
  if (problem.mode != "norm" && problem.mode != "value") {
    return Unsupported{"no library clips by " + std::string(problem.mode.name())};
  }
  if (problem.sgd) return Unsupported{"no library clips and updates in one pass"};
  if (problem.dtype != Dtype::f32) return Unsupported{"the libraries' clips: f32 only"};
  return std::make_unique<ClipPlan>(library, problem);
}

}  // namespace gradepth::cudnn
