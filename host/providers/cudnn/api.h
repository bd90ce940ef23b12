#pragma once

#include <cublasLt.h>
#include <cudnn.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>

#include "host/device/device_cuda.h"
#include "host/device/loaded.h"
#include "host/problem/dtype.h"

/// cuDNN's and cuBLASLt's handles and descriptors as owners, and the check of their calls.
/// Descriptors need no handle and no device: what describes a problem can be tested anywhere.
namespace gradepth::inline cuda {

/// Factors of a product and of what it is added to, which the libraries take by address.
inline constexpr float one = 1;
inline constexpr float zero = 0;

/// A call of cuDNN that failed. `reason` says what cuDNN says, `what()` also where.
struct CudnnError : std::runtime_error {
  CudnnError(std::string why, const std::source_location& at)
      : std::runtime_error("cuDNN: " + why + " (" + at.file_name() + ':' +
                           std::to_string(at.line()) + ')'),
        reason(std::move(why)) {}
  std::string reason;
};

/// The status and cuDNN's last message, in one line.
inline std::string describe(cudnnStatus_t status) {
  std::string text = call<cudnnGetErrorString>(status);
  text += " (" + std::to_string(static_cast<int>(status)) + ')';
  char message[200] = {};
  call<cudnnGetLastErrorString>(message, sizeof message);
  if (message[0] != '\0') text += std::string(", ") + message;
  for (char& letter : text) {
    if (letter == '\n') letter = ' ';
  }
  return text;
}

inline void check(cudnnStatus_t status,
                  const std::source_location& at = std::source_location::current()) {
  if (status != CUDNN_STATUS_SUCCESS) throw CudnnError(describe(status), at);
}

using CudnnHandle = std::unique_ptr<cudnnContext, Destroyer<call<cudnnDestroy>>>;
using CublasLtHandle = std::unique_ptr<cublasLtContext, Destroyer<call<cublasLtDestroy>>>;
using TensorDescriptor =
    std::unique_ptr<cudnnTensorStruct, Destroyer<call<cudnnDestroyTensorDescriptor>>>;
using RnnDescriptor = std::unique_ptr<cudnnRNNStruct, Destroyer<call<cudnnDestroyRNNDescriptor>>>;
using RnnDataDescriptor =
    std::unique_ptr<cudnnRNNDataStruct, Destroyer<call<cudnnDestroyRNNDataDescriptor>>>;
using DropoutDescriptor =
    std::unique_ptr<cudnnDropoutStruct, Destroyer<call<cudnnDestroyDropoutDescriptor>>>;

/// A new handle or descriptor with its owner:
/// make<TensorDescriptor>(call<cudnnCreateTensorDescriptor>).
template <class Owner, class Create>
Owner make(Create create, const std::source_location& at = std::source_location::current()) {
  typename Owner::pointer created = nullptr;
  check(create(&created), at);
  return Owner(created);
}

inline cudnnDataType_t cudnn_type(Dtype dtype) {
  switch (dtype) {
    case Dtype::f64:
      return CUDNN_DATA_DOUBLE;
    case Dtype::f32:
      return CUDNN_DATA_FLOAT;
    case Dtype::f16:
      return CUDNN_DATA_HALF;
    case Dtype::bf16:
      return CUDNN_DATA_BFLOAT16;
  }
  throw std::invalid_argument("no such dtype");
}

inline std::size_t element_bytes(Dtype dtype) {
  return dtype == Dtype::f64 ? 8 : dtype == Dtype::f32 ? 4 : 2;
}

/// A size as cuDNN takes it. std::runtime_error beyond 31 bits.
inline int narrow(std::int64_t size) {
  if (size > std::numeric_limits<int>::max()) {
    throw std::runtime_error("cuDNN takes sizes of 31 bits, not " + std::to_string(size));
  }
  return static_cast<int>(size);
}

/// A dense row-major tensor of `rank` sizes (3 to 5: cuDNN has no fewer).
template <std::size_t Rank>
TensorDescriptor describe_tensor(Dtype dtype, const std::int64_t (&sizes)[Rank]) {
  static_assert(Rank >= 3 && Rank <= CUDNN_DIM_MAX);
  int extents[Rank];
  int strides[Rank];
  std::int64_t stride = 1;
  for (std::size_t i = Rank; i-- > 0;) {
    extents[i] = narrow(sizes[i]);
    strides[i] = narrow(stride);
    stride *= sizes[i];
  }
  auto tensor = make<TensorDescriptor>(call<cudnnCreateTensorDescriptor>);
  check(call<cudnnSetTensorNdDescriptor>(tensor.get(), cudnn_type(dtype), static_cast<int>(Rank),
                                         extents, strides));
  return tensor;
}

}  // namespace gradepth::inline cuda
