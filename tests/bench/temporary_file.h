#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

namespace gradepth {

/// A file of the test's own, removed in the end. Tests run side by side, each in a process: the
/// process and a count within it make the name.
class TemporaryFile {
 public:
  TemporaryFile() = default;
  explicit TemporaryFile(std::string_view bytes) { write(bytes); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::remove(path_.c_str()); }

  void write(std::string_view bytes) const {
    std::ofstream(path_, std::ios::binary | std::ios::trunc) << bytes;
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  static std::string new_name() {
    static int count = 0;
    return "gradepth_" + std::to_string(getpid()) + '_' + std::to_string(count++);
  }

  const std::string path_ = testing::TempDir() + new_name();
};

}  // namespace gradepth
