#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "host/problem/dtype.h"
#include "host/problem/tensor.h"

/// Named tensors in a file that somebody else wrote: safetensors, or npz (a zip of NumPy arrays).
///
/// Nothing in the file is believed before it is checked, memory grows with the bytes that are
/// really there, and pickles are never read. Every refusal is std::invalid_argument in one line.
namespace gradepth {

class WeightsFile {
 public:
  /// What the file says of a tensor: its type in the file's own word, and its shape.
  struct Entry {
    std::string type;
    Shape shape;
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  WeightsFile() = default;
  WeightsFile(const WeightsFile&) = delete;
  WeightsFile& operator=(const WeightsFile&) = delete;
  virtual ~WeightsFile() = default;

  [[nodiscard]] virtual const Entries& entries() const = 0;
  /// The tensor `name` of entries(), exactly, NaN and infinity too. Refuses types other than
  /// float64, float32, float16 and bfloat16, and more than 2^28 elements.
  [[nodiscard]] virtual Tensor read(const std::string& name) = 0;
};

/// Opens a regular file and checks all that it says of its tensors. The content decides about the
/// format, not the name.
std::unique_ptr<WeightsFile> open_weights_file(const std::string& path);

/// Refuses what is no regular file, in one line: reading a pipe or a device may never end.
void require_regular_file(const std::string& path);

/// `text` in quotes, in ASCII without control characters, and shortened: fit for a message.
std::string printable(std::string_view text);

/// `text` with what is no UTF-8 in it replaced: fit for a row.
std::string as_utf8(std::string_view text);

// ---- for the formats ----

/// Fills `out` with the next `count` bytes, or throws.
using ReadBytes = std::function<void(unsigned char* out, std::size_t count)>;

std::size_t bytes_per_number(Dtype dtype);
/// Elements of a shape. Refuses negative sizes and a product beyond 2^63 - 1.
std::int64_t checked_count(const Shape& shape);
/// The row-major tensor whose numbers `read` gives one after the other.
Tensor decode(const Shape& shape, Dtype dtype, bool big_endian, const ReadBytes& read);

/// https://github.com/huggingface/safetensors, "Format".
std::unique_ptr<WeightsFile> open_safetensors(const std::string& path);
/// numpy.lib.format, versions 1 to 3, stored or deflated in a zip.
std::unique_ptr<WeightsFile> open_npz(const std::string& path);

}  // namespace gradepth
