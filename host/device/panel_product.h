#pragma once

#include <cstddef>

/// Products of rows with a panel, a few neighbouring columns of a matrix: the inside of every
/// matrix product of ours on the processor, in float32 and float64.
namespace gradepth {

/// C = init + bias + A · panel, for `rows` rows and `columns` columns, at most the kernel's width.
/// init and bias may be nullptr: 0. init may be C.
template <class T>
struct PanelProduct {
  const T* A;  // [rows, K], row stride lda
  std::ptrdiff_t lda;
  std::ptrdiff_t rows;
  std::ptrdiff_t K;
  const T* panel;  // [K, width], row stride ldp; what lies beyond `columns` is read and ignored
  std::ptrdiff_t ldp;
  std::ptrdiff_t columns;
  const T* init;  // [rows, columns], row stride ldi
  std::ptrdiff_t ldi;
  const T* bias;  // [columns]
  T* C;           // [rows, columns], row stride ldc
  std::ptrdiff_t ldc;
};

/// The kernel of the vectors in use (host/device/vector_target.h).
template <class T>
struct PanelKernel {
  /// Columns of a whole panel: as many vectors as leave registers for a tile of six rows.
  std::ptrdiff_t width;
  /// On the calling thread. In float64 each sum runs in order of k, whatever the tile: its bits
  /// depend on the numbers alone and on whether the processor has fused multiply-adds. In float32
  /// the sums of one and of two rows are cut into four and two parts.
  void (*multiply)(const PanelProduct<T>& product);
};

/// T: float or double.
template <class T>
const PanelKernel<T>& panel_kernel();

}  // namespace gradepth
