#include "bench/rows/origin.h"

#include <cstdlib>
#include <fstream>
#include <vector>

namespace gradepth {

extern const char* const build_commit;  // in a file that the build writes, see cmake/commit.cmake

namespace {

#ifdef __clang__
constexpr const char* compiler = "clang " __clang_version__;
#else
constexpr const char* compiler = "gcc " __VERSION__;
#endif

/// Any program's own command line; empty where there is no /proc.
std::vector<std::string> command_words() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

Row load_average() {
  double minute = 0;
  return getloadavg(&minute, 1) == 1 ? Row(minute) : Row(nullptr);
}

Row origin(const Machinery& machinery) {
  Row keys;
  keys["commit"] = build_commit;
  keys["compiler"] = compiler;
  keys["flags"] = GRADEPTH_FLAGS;
  keys["vector"] = machinery.vector;
  keys["threads"] = machinery.threads;
  keys["load"] = load_average();
  keys["command"] = shell_words(command_words());
  keys["schema"] = row_schema;
  return keys;
}

}  // namespace

std::string shell_words(const std::vector<std::string>& words) {
  constexpr const char* plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ' ';
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      text += word;
      continue;
    }
    text += '\'';
    for (const char c : word) text += c == '\'' ? "'\\''" : std::string(1, c);
    text += '\'';
  }
  return text;
}

void add_origin(Row& row, const Machinery& machinery) {
  const Row keys = origin(machinery);
  for (const char* key : origin_keys) {
    if (!row.contains(key)) row[key] = keys[key];
  }
}

}  // namespace gradepth
