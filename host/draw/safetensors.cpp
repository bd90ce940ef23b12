#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "host/draw/weights_file.h"

// A safetensors file: the header's length (8 bytes, little endian), the header (a JSON object of
// name: {dtype, shape, data_offsets: [begin, end]}), the data. Offsets count from the data's start.

namespace gradepth {
namespace {

using Json = nlohmann::json;
using Bytes = std::uint64_t;

constexpr Bytes max_header = 100'000'000;  // the format's own limit

[[noreturn]] void refuse_file(const std::string& why) {
  throw std::invalid_argument("no readable safetensors (or npz) file: " + why);
}

std::optional<Dtype> known_dtype(const std::string& type) {
  if (type == "F64") return Dtype::f64;
  if (type == "F32") return Dtype::f32;
  if (type == "F16") return Dtype::f16;
  if (type == "BF16") return Dtype::bf16;
  return std::nullopt;
}

/// The header's JSON. A name that is given twice is refused, as readers differ in which they take;
/// nesting and the number of values are bounded, so that memory is.
Json parse_header(const std::string& text) {
  constexpr int max_depth = 8;
  constexpr std::int64_t max_values = 2'000'000;
  std::vector<std::set<std::string>> keys(max_depth + 2);
  std::int64_t values = 0;
  const auto check = [&](int depth, Json::parse_event_t event, Json& parsed) {
    using Event = Json::parse_event_t;
    if (++values > max_values) refuse_file("its header lists too much");
    if (depth > max_depth) refuse_file("its header is nested too deeply");
    std::set<std::string>& seen = keys.at(static_cast<std::size_t>(depth) + 1);
    if (event == Event::object_start) seen.clear();
    if (event == Event::key) {
      const auto name = parsed.get<std::string>();
      if (!keys.at(static_cast<std::size_t>(depth)).insert(name).second) {
        refuse_file("its header names " + printable(name) + " twice");
      }
    }
    return true;
  };
  try {
    Json header = Json::parse(text, check);
    if (!header.is_object()) refuse_file("its header is not a JSON object");
    return header;
  } catch (const Json::exception&) {  // the message may hold the file's bytes
    refuse_file("its header is not JSON");
  }
}

/// The whole number of 64 bits that a value must be.
std::uint64_t whole(const Json& value, const std::string& name) {
  if (!value.is_number_unsigned())
    refuse_file(printable(name) + " has a size that is no whole number");
  return value.get<std::uint64_t>();
}

/// A tensor's place in the data.
struct Place {
  Bytes begin = 0;
  Bytes end = 0;
};

class Safetensors final : public WeightsFile {
 public:
  explicit Safetensors(const std::string& path) : file_(path, std::ios::binary) {
    const Bytes size = std::filesystem::file_size(path);
    const Bytes header = header_size(size);
    data_ = 8 + header;
    std::string text(header, '\0');
    file_.read(text.data(), static_cast<std::streamsize>(header));
    if (!file_) refuse_file("its header cannot be read");
    const Json tensors = parse_header(text);
    for (const auto& [name, value] : tensors.items()) {
      if (name != "__metadata__") add(name, value);
    }
    check_places(size - data_);
  }

  [[nodiscard]] const Entries& entries() const override { return entries_; }

  [[nodiscard]] Tensor read(const std::string& name) override {
    const Entry& entry = entries_.at(name);
    const std::optional<Dtype> dtype = known_dtype(entry.type);
    if (!dtype) {
      throw std::invalid_argument("type " + printable(entry.type) + "; F64, F32, F16 or BF16");
    }
    file_.seekg(static_cast<std::streamoff>(data_ + places_.at(name).begin));
    return decode(entry.shape, *dtype, false, [&](unsigned char* out, std::size_t count) {
      // The standard's only way to read bytes is as char.
      file_.read(reinterpret_cast<char*>(out), static_cast<std::streamsize>(count));
      if (!file_) refuse_file("its data cannot be read");
    });
  }

 private:
  Bytes header_size(Bytes file_size) {
    std::array<unsigned char, 8> bytes{};
    file_.read(reinterpret_cast<char*>(bytes.data()), bytes.size());
    if (!file_) refuse_file("it is shorter than 8 bytes");
    Bytes length = 0;
    for (std::size_t i = bytes.size(); i-- > 0;) length = length << 8 | bytes.at(i);
    if (length > max_header || length > file_size - bytes.size()) {
      refuse_file(bytes[0] == '{'
                      ? "it is JSON; of a model in several files give the one with the layer"
                      : "it does not start with the length of its header");
    }
    return length;
  }

  void add(const std::string& name, const Json& value) {
    const bool complete = value.is_object() && value.contains("dtype") && value.contains("shape") &&
                          value.contains("data_offsets") && value["dtype"].is_string() &&
                          value["shape"].is_array() && value["data_offsets"].is_array() &&
                          value["data_offsets"].size() == 2;
    if (!complete) refuse_file(printable(name) + " lacks its dtype, shape or data_offsets");
    Entry entry{value["dtype"].get<std::string>(), {}};
    for (const Json& n : value["shape"]) {
      entry.shape.push_back(static_cast<std::int64_t>(whole(n, name)));  // negative if it wraps
    }
    const Place place{whole(value["data_offsets"][0], name), whole(value["data_offsets"][1], name)};
    if (place.begin > place.end) refuse_file(printable(name) + " ends before it begins");
    const auto count = static_cast<Bytes>(checked_count(entry.shape));
    if (const std::optional<Dtype> dtype = known_dtype(entry.type)) {
      const Bytes width = bytes_per_number(*dtype);
      const Bytes length = place.end - place.begin;
      if (length % width != 0 || length / width != count) {
        refuse_file(printable(name) + " takes more or fewer bytes than its shape");
      }
    }
    entries_.emplace(name, std::move(entry));
    places_.emplace(name, place);
  }

  /// The format allows neither overlaps nor holes.
  void check_places(Bytes data_size) const {
    std::vector<std::pair<Bytes, Bytes>> sorted;
    sorted.reserve(places_.size());
    for (const auto& [name, place] : places_) sorted.emplace_back(place.begin, place.end);
    std::sort(sorted.begin(), sorted.end());
    Bytes at = 0;
    for (const auto& [begin, end] : sorted) {
      if (begin != at) refuse_file("its tensors overlap or leave holes");
      at = end;
    }
    if (at != data_size) refuse_file("its tensors take more or fewer bytes than it has");
  }

  std::ifstream file_;
  Bytes data_ = 0;  // where the data starts in the file
  Entries entries_;
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace

std::unique_ptr<WeightsFile> open_safetensors(const std::string& path) {
  return std::make_unique<Safetensors>(path);
}

}  // namespace gradepth
