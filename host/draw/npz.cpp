#include <zip.h>

#include <array>
#include <charconv>
#include <optional>
#include <regex>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "host/draw/weights_file.h"

// An npz file: a zip whose members NAME.npy are arrays. An array: the bytes \x93NUMPY, a version,
// the header's length, the header (a Python dictionary), the numbers. Only stored and deflated
// members are read, which is what NumPy writes. Unpacked sizes are a zip's own claim: what is
// unpacked is bounded by the array's shape, and must end where it says.

namespace gradepth {
namespace {

[[noreturn]] void refuse_npz(const std::string& why) {
  throw std::invalid_argument("no readable npz file: " + why);
}

struct Discard {
  void operator()(zip_t* archive) const noexcept { zip_discard(archive); }
  void operator()(zip_file_t* member) const noexcept { zip_fclose(member); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using OpenMember = std::unique_ptr<zip_file_t, Discard>;

void read_member(zip_file_t& member, unsigned char* out, std::size_t count, std::string_view name) {
  if (zip_fread(&member, out, count) != static_cast<zip_int64_t>(count)) {
    refuse_npz(printable(name) + " is cut short or damaged");
  }
}

/// An array's header, and where its numbers start.
struct ArrayHeader {
  WeightsFile::Entry entry;
  bool fortran_order = false;
  std::size_t data = 0;
};

/// '<f4' and the like; nothing for what is no plain float.
struct NumberFormat {
  Dtype dtype = Dtype::f64;
  bool big_endian = false;
};
std::optional<NumberFormat> number_format(const std::string& type) {
  const std::size_t quote = type.starts_with('\'') ? 1 : 0;
  const std::string_view word = std::string_view(type).substr(quote, type.size() - 2 * quote);
  if (word.size() != 3 || (word[0] != '<' && word[0] != '>') || word[1] != 'f') return std::nullopt;
  const bool big_endian = word[0] == '>';
  if (word[2] == '8') return NumberFormat{Dtype::f64, big_endian};
  if (word[2] == '4') return NumberFormat{Dtype::f32, big_endian};
  if (word[2] == '2') return NumberFormat{Dtype::f16, big_endian};
  return std::nullopt;
}

/// `5, 5` or `5,`.
Shape parse_shape(const std::string& text, std::string_view name) {
  Shape shape;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at != end;) {
    if (*at == ',' || *at == ' ' || *at == 'L') {
      ++at;
      continue;
    }
    std::int64_t n = 0;
    const auto [stop, error] = std::from_chars(at, end, n);
    if (error != std::errc{}) refuse_npz(printable(name) + " has a size beyond 2^63 - 1");
    shape.push_back(n);
    at = stop;
  }
  return shape;
}

ArrayHeader read_header(zip_file_t& member, std::string_view name) {
  std::array<unsigned char, 12> start{};
  read_member(member, start.data(), 10, name);
  const bool magic = std::string_view(reinterpret_cast<const char*>(start.data()), 6) ==
                     std::string_view("\x93NUMPY", 6);
  const unsigned version = start[6];
  if (!magic || version < 1 || version > 3)
    refuse_npz(printable(name) + " is no array of version 1 to 3");
  std::size_t length = start[8] | std::size_t{start[9]} << 8;
  std::size_t prefix = 10;
  if (version > 1) {
    read_member(member, &start[10], 2, name);
    length |= std::size_t{start[10]} << 16 | std::size_t{start[11]} << 24;
    prefix = 12;
  }
  constexpr std::size_t longest = 10'000;  // NumPy's own limit
  if (length > longest) refuse_npz(printable(name) + " has a header beyond 10000 bytes");
  std::string text(length, '\0');
  read_member(member, reinterpret_cast<unsigned char*>(text.data()), length, name);
  text.erase(text.find_last_not_of(" \n") + 1);
  // The three keys in any order, each once; 8L is a size of Python 2. The matcher recurses once per
  // character, hence the limit.
  static const std::string descr = R"('descr': *('[^']*'|\[.*\]|\(.*\)))";
  static const std::string order = R"('fortran_order': *(True|False))";
  static const std::string sizes = R"('shape': *\(((?:[0-9]+L?, *)*(?:[0-9]+L?)?)\))";
  static const std::string any = "(?:" + descr + '|' + order + '|' + sizes + ')';
  static const std::regex dictionary("\\{ *" + any + " *, *" + any + " *, *" + any + " *,? *\\}");
  constexpr std::size_t longest_dictionary = 1'000;
  std::smatch match;
  if (text.size() > longest_dictionary || !std::regex_match(text, match, dictionary)) {
    refuse_npz(printable(name) + " has a header unlike NumPy's");
  }
  // Groups 1 … 3 are the first place's descr, order and sizes; 4 … 6 the second's; 7 … 9.
  const auto value = [&](std::size_t kind) {
    std::string found;
    int times = 0;
    for (std::size_t place = 0; place < 3; ++place) {
      const auto& group = match[3 * place + kind];
      if (group.matched) {
        found = group;
        ++times;
      }
    }
    if (times != 1) refuse_npz(printable(name) + " has a header unlike NumPy's");
    return found;
  };
  return {{value(1), parse_shape(value(3), name)}, value(2) == "True", prefix + length};
}

/// From column-major to row-major; matrices only.
Tensor transposed(const Tensor& columns) {
  if (columns.shape.size() != 2) {
    throw std::invalid_argument("in Fortran order, which is read of matrices only");
  }
  const auto rows = static_cast<std::size_t>(columns.shape.at(0));
  const auto cols = static_cast<std::size_t>(columns.shape.at(1));
  Tensor result(columns.shape);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < cols; ++j) result.data[i * cols + j] = columns.data[j * rows + i];
  }
  return result;
}

class Npz final : public WeightsFile {
 public:
  explicit Npz(const std::string& path) {
    int error = 0;
    archive_.reset(zip_open(path.c_str(), ZIP_RDONLY, &error));
    if (!archive_) refuse_npz("the zip's directory is damaged");
    constexpr zip_int64_t most = 100'000;
    const zip_int64_t members = zip_get_num_entries(archive_.get(), 0);
    if (members > most) refuse_npz("more than 100000 members");
    for (zip_int64_t i = 0; i < members; ++i) add(static_cast<zip_uint64_t>(i));
    if (entries_.empty())
      refuse_npz("no member is an array (.npy); pickles (.pt, .pth) are not read");
  }

  [[nodiscard]] const Entries& entries() const override { return entries_; }

  [[nodiscard]] Tensor read(const std::string& name) override {
    const OpenMember member = open(members_.at(name), name);
    const ArrayHeader header = read_header(*member, name);
    const std::optional<NumberFormat> format = number_format(header.entry.type);
    if (!format) {
      throw std::invalid_argument("type " + printable(header.entry.type) +
                                  "; float64, float32 or float16");
    }
    const Tensor tensor = decode(
        header.entry.shape, format->dtype, format->big_endian,
        [&](unsigned char* out, std::size_t count) { read_member(*member, out, count, name); });
    unsigned char beyond = 0;
    if (zip_fread(member.get(), &beyond, 1) != 0) {  // -1 if the checksum is wrong
      refuse_npz(printable(name) + " is longer than its shape, or damaged");
    }
    return header.fortran_order && tensor.shape.size() > 1 ? transposed(tensor) : tensor;
  }

 private:
  OpenMember open(zip_uint64_t index, std::string_view name) {
    OpenMember member(zip_fopen_index(archive_.get(), index, 0));
    if (!member) refuse_npz(printable(name) + " cannot be unpacked");
    return member;
  }

  void add(zip_uint64_t index) {
    zip_stat_t about{};
    constexpr zip_uint64_t needed = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_METHOD;
    if (zip_stat_index(archive_.get(), index, ZIP_FL_ENC_RAW, &about) != 0 ||
        (about.valid & needed) != needed) {
      refuse_npz("the zip's directory is damaged");
    }
    std::string name = about.name;
    if (!name.ends_with(".npy")) return;
    name.resize(name.size() - 4);
    if (about.comp_method != ZIP_CM_STORE && about.comp_method != ZIP_CM_DEFLATE) {
      refuse_npz(printable(name) + " is neither stored nor deflated");
    }
    const ArrayHeader header = read_header(*open(index, name), name);
    const auto count = static_cast<std::uint64_t>(checked_count(header.entry.shape));
    if (const std::optional<NumberFormat> format = number_format(header.entry.type)) {
      const std::uint64_t width = bytes_per_number(format->dtype);
      const std::uint64_t length = about.size < header.data ? 0 : about.size - header.data;
      if (length % width != 0 || length / width != count) {
        refuse_npz(printable(name) + " takes more or fewer bytes than its shape");
      }
    }
    members_.emplace(name, index);
    if (!entries_.emplace(name, header.entry).second)
      refuse_npz(printable(name) + " is there twice");
  }

  Archive archive_;
  Entries entries_;
  std::map<std::string, zip_uint64_t, std::less<>> members_;
};

}  // namespace

std::unique_ptr<WeightsFile> open_npz(const std::string& path) {
  return std::make_unique<Npz>(path);
}

}  // namespace gradepth
