#pragma once

#include <string>
#include <string_view>

/// Functions of NVIDIA's libraries, loaded at their first call: cuBLASLt takes 0.1 s to start,
/// which every run without a GPU would pay, and a program linked to the libraries does not start at
/// all where they are missing.
namespace gradepth::inline cuda {

/// Where the library that exports `function` has it: cudnn…, cublasLt… or cublas…, in the major
/// version of the headers. std::runtime_error, in one line, if either is missing.
void* address_of(const std::string& function);

/// The name of a function as the linker knows it.
template <auto* function>
constexpr std::string_view name_of() {
  std::string_view text = __PRETTY_FUNCTION__;  // … [with auto* function = cudnnCreate; …]
  text.remove_prefix(text.rfind("function = ") + std::string_view("function = ").size());
  if (text.starts_with('&')) text.remove_prefix(1);  // clang
  return text.substr(0, text.find_first_of(";]"));
}

template <auto* function>
struct Loaded;

template <class Result, class... Arguments, Result (*function)(Arguments...)>
struct Loaded<function> {
  static Result call(Arguments... arguments) {
    static const auto loaded =
        reinterpret_cast<Result (*)(Arguments...)>(address_of(std::string(name_of<function>())));
    return loaded(arguments...);
  }
};

/// call<cudnnCreate>(&handle): the header's types, the library's code.
template <auto* function>
inline constexpr auto call = &Loaded<function>::call;

}  // namespace gradepth::inline cuda
