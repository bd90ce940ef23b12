#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "host/problem/problem.h"
#include "host/problem/tensor.h"

/// Memory of the host's float32 providers.
namespace gradepth::cpu {

/// An array of float on cache lines of its own, zero at first, so that no page is touched for the
/// first time inside a timed step.
class Floats {
 public:
  Floats() = default;
  explicit Floats(std::size_t n)
      : size_(n), data_(n == 0 ? nullptr : new (std::align_val_t{alignment}) float[n]{}) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] float* data() { return data_.get(); }
  [[nodiscard]] const float* data() const { return data_.get(); }
  float* operator+(std::ptrdiff_t offset) { return data_.get() + offset; }
  const float* operator+(std::ptrdiff_t offset) const { return data_.get() + offset; }

 private:
  static constexpr std::size_t alignment = 64;
  struct Delete {
    void operator()(float* p) const { ::operator delete[](p, std::align_val_t{alignment}); }
  };
  std::size_t size_ = 0;
  std::unique_ptr<float[], Delete> data_;
};

/// The inputs of a problem, rounded to float32.
class Inputs {
 public:
  explicit Inputs(const Problem& problem);
  /// Plan::set: std::invalid_argument for a tensor that is missing at the first call, unknown or
  /// of the wrong shape.
  void set(const Tensors& in);
  /// The tensor called `name`; nullptr if the problem has none.
  [[nodiscard]] float* at(std::string_view name);
  [[nodiscard]] std::size_t size(std::string_view name) const;

 private:
  Problem problem_;
  bool complete_ = false;
  std::map<std::string, Floats, std::less<>> arrays_;
};

/// The outputs of a problem that a provider computes, by name.
class Outputs {
 public:
  /// All of outputs(problem), each with its memory.
  explicit Outputs(const Problem& problem);
  [[nodiscard]] float* at(std::string_view name);
  /// Norms and counts are float64.
  [[nodiscard]] std::vector<double>& wide(std::string_view name);
  /// Plan::get.
  [[nodiscard]] Tensor get(std::string_view name) const;
  /// From now on get(name) gives a tensor without data: the provider cannot see it.
  void hide(std::string_view name);
  /// From now on get(name) reads `data`, a provider's own buffer: an output that is at hand
  /// anyway need not be copied in a timed step. Nothing if the problem has no such output.
  void view(std::string_view name, const float* data);

 private:
  struct Array {
    Shape shape;
    Floats data;
    std::vector<double> wide;
    const float* view = nullptr;
  };
  std::map<std::string, Array, std::less<>> arrays_;
};

/// sums[j] = Σ over rows of a[row][j], a [rows, cols] with row stride lda. Float64 over blocks of
/// rows, in an order that depends on the shape alone.
void column_sums(int threads, const float* a, std::ptrdiff_t rows, std::ptrdiff_t cols,
                 std::ptrdiff_t lda, float* sums);

/// Squares of x[0 … n) added up in float64 on several threads, in an order that depends on n alone.
double sum_of_squares(int threads, const float* x, std::ptrdiff_t n);

}  // namespace gradepth::cpu
