#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "tests/bench/temporary_file.h"

/// Files for the tests of --weights.
namespace gradepth {

/// A file that PyTorch or NumPy wrote (golden/make_weights.py).
inline std::string golden_weights(const std::string& file) {
  return std::string(GRADEPTH_SOURCE_DIR) + "/tests/golden/weights/" + file;
}

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// The 8 bytes of a length, little endian, as safetensors has them.
inline std::string length_bytes(std::uint64_t n) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(n >> (8 * i) & 0xffU);
  return bytes;
}

inline std::string safetensors(const std::string& header, const std::string& data) {
  return length_bytes(header.size()) + header + data;
}

}  // namespace gradepth
