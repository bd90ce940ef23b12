#include "host/train/digits.h"

#include <array>
#include <charconv>
#include <fstream>
#include <span>
#include <stdexcept>
#include <string_view>

#include "host/draw/train_random.h"
#include "host/draw/weights_file.h"
#include "host/knobs/refused.h"

namespace gradepth::train {
namespace {

constexpr std::int64_t pixels = 64;
constexpr int white = 16;
constexpr int digit_classes = 10;
constexpr std::size_t min_images = 100;
constexpr std::size_t max_images = 1'000'000;
constexpr std::size_t longest_line = 1000;  // a file may be one endless line

/// Takes one integer 0 … max off the front of `line`, with the comma after it.
int take_number(std::string_view& line, int max, const std::string& place) {
  int value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  const auto length = static_cast<std::size_t>(end - line.data());
  const bool ends = length == line.size() || line[length] == ',';
  if (error != std::errc{} || !ends || value < 0 || value > max) {
    throw Refused(place, "a whole number from 0 to " + std::to_string(max) + " is needed");
  }
  line.remove_prefix(length == line.size() ? length : length + 1);
  return value;
}

void read_line(std::string_view line, const std::string& place, Sequences& out) {
  for (std::int64_t i = 0; i < pixels; ++i) {
    const int pixel = take_number(line, white, place + " column " + std::to_string(i + 1));
    out.x.push_back(pixel / static_cast<double>(white));
  }
  out.labels.push_back(take_number(line, digit_classes - 1, place + " column 65"));
  if (!line.empty()) throw Refused(place, "65 columns are needed, there are more");
}

}  // namespace

Sequences read_digits(const std::string& path) {
  try {
    require_regular_file(path);
  } catch (const std::invalid_argument& error) {
    throw Refused(path, error.what());
  }
  std::ifstream file(path);
  if (!file) throw Refused(path, "cannot open the file; it needs 64 pixels and a class per line");
  Sequences out{pixels, 1, digit_classes, {}, {}};
  std::array<char, longest_line> buffer{};
  for (std::size_t row = 1; file.getline(buffer.data(), buffer.size()); ++row) {
    // Without the end of line, which counts; a NUL is a character like others.
    const auto taken = static_cast<std::size_t>(file.gcount()) - (file.eof() ? 0 : 1);
    std::string_view line(buffer.data(), taken);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    read_line(line, path + " line " + std::to_string(row), out);
    if (out.size() > max_images) throw Refused(path, "at most 1000000 images");
  }
  if (!file.eof()) throw Refused(path, "a line is too long; 64 pixels and a class are needed");
  if (out.size() < min_images) {
    throw Refused(path, "at least 100 images are needed, it has " + std::to_string(out.size()));
  }
  return out;
}

Split split(const Sequences& all) {
  constexpr std::uint64_t fixed_seed = 1998;
  const auto order = permutation(all.size(), fixed_seed, Stream::split);
  const std::size_t test = (all.size() + 4) / 5;
  const std::span<const std::size_t> rows(order);
  return {select(all, rows.subspan(test)), select(all, rows.first(test))};
}

}  // namespace gradepth::train
