#include "host/draw/weights_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "kernels/half.h"

namespace gradepth {
namespace {

double number(const unsigned char* bytes, Dtype dtype, bool big_endian) {
  const std::size_t n = bytes_per_number(dtype);
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < n; ++i) bits = bits << 8 | bytes[big_endian ? i : n - 1 - i];
  switch (dtype) {
    case Dtype::f64:
      return std::bit_cast<double>(bits);
    case Dtype::f32:
      return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    case Dtype::f16:
      return static_cast<float>(float16{static_cast<std::uint16_t>(bits)});
    case Dtype::bf16:
      return static_cast<float>(bfloat16{static_cast<std::uint16_t>(bits)});
  }
  return 0;
}

/// In ASCII; what is no UTF-8 becomes U+FFFD.
std::string as_json(std::string_view text) {
  constexpr auto replace = nlohmann::json::error_handler_t::replace;
  return nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/true, replace);
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string line = as_json(text.substr(0, longest));
  if (text.size() > longest) line.insert(line.size() - 1, "...");
  return line;
}

std::string as_utf8(std::string_view text) {
  return nlohmann::json::parse(as_json(text)).get<std::string>();
}

std::size_t bytes_per_number(Dtype dtype) {
  constexpr std::array<std::size_t, 4> bytes{8, 4, 2, 2};  // f64, f32, f16, bf16
  return bytes.at(static_cast<std::size_t>(dtype));
}

std::int64_t checked_count(const Shape& shape) {
  std::int64_t count = 1;
  for (const std::int64_t n : shape) {
    if (n < 0 || __builtin_mul_overflow(count, n, &count)) {
      throw std::invalid_argument("a shape has more elements than 2^63 - 1");
    }
  }
  return count;
}

Tensor decode(const Shape& shape, Dtype dtype, bool big_endian, const ReadBytes& read) {
  constexpr std::int64_t most = std::int64_t{1} << 28;
  const std::int64_t count = checked_count(shape);
  if (count > most) {
    throw std::invalid_argument(std::to_string(count) + " elements; at most " +
                                std::to_string(most));
  }
  const std::size_t width = bytes_per_number(dtype);
  constexpr std::size_t block = 8192;
  std::vector<unsigned char> bytes(block * width);
  Tensor tensor;
  tensor.shape = shape;
  // Not allocated at once: the bytes may not be there.
  for (auto left = static_cast<std::size_t>(count); left > 0;) {
    const std::size_t n = std::min(left, block);
    read(bytes.data(), n * width);
    for (std::size_t i = 0; i < n; ++i) {
      tensor.data.push_back(number(&bytes[i * width], dtype, big_endian));
    }
    left -= n;
  }
  return tensor;
}

void require_regular_file(const std::string& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw std::invalid_argument("there is no such file");
  if (!std::filesystem::is_regular_file(status)) throw std::invalid_argument("not a regular file");
}

std::unique_ptr<WeightsFile> open_weights_file(const std::string& path) {
  require_regular_file(path);
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::invalid_argument("the file cannot be opened for reading");
  std::array<char, 4> start{};
  file.read(start.data(), start.size());
  constexpr std::array<char, 4> zip{'P', 'K', 3, 4};
  constexpr std::array<char, 4> empty_zip{'P', 'K', 5, 6};
  if (start == zip || start == empty_zip) return open_npz(path);
  constexpr std::array<char, 4> npy{'\x93', 'N', 'U', 'M'};
  if (start == npy) {
    throw std::invalid_argument("one array (.npy): save several with their names, by numpy.savez");
  }
  return open_safetensors(path);
}

}  // namespace gradepth
