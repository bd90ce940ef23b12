#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

/// Counter-based random numbers of the training loop (Philox 4x32-10, Salmon et al. 2011): number
/// `index` of a stream depends on the seed, the stream and the index alone.
namespace gradepth::train {

/// One independent sequence per thing that is drawn; 32 and above, apart from initialise.h's.
enum class Stream : std::uint32_t { split = 32, epoch, head };

/// A uniform number in [0, 1), 53 bits.
double uniform(std::uint64_t seed, Stream stream, std::uint64_t index);

/// The numbers 0 … n-1 in random order (Fisher & Yates). `round` numbers the draws of one stream:
/// each epoch has its own order.
std::vector<std::size_t> permutation(std::size_t n, std::uint64_t seed, Stream stream,
                                     std::uint64_t round = 0);

}  // namespace gradepth::train
