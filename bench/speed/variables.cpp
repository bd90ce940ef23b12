/// Google Benchmark's library reads its variables (BENCHMARK_FILTER, …) in a constructor, before
/// main, and complains there of what it does not understand. Here they are flags like others
/// (bench/speed/flags.cpp), so they are put aside first: renamed in place to bENCHMARK_FILTER.
namespace {

/// Runs before every constructor, so it may call nothing, not even a sanitizer.
__attribute__((no_sanitize("address", "thread", "undefined"))) void put_aside(int /*argc*/,
                                                                              char** /*argv*/,
                                                                              char** variables) {
  constexpr char prefix[] = "BENCHMARK_";
  for (; *variables != nullptr; ++variables) {
    char* text = *variables;
    int i = 0;
    while (prefix[i] != '\0' && text[i] == prefix[i]) ++i;
    if (prefix[i] == '\0') text[0] = 'b';
  }
}

__attribute__((section(".preinit_array"),
               used)) void (*const before_constructors)(int, char**, char**) = put_aside;

}  // namespace
