// How a list is cut into chunks, and placed on chip.
#include "kernels/clip/list.h"

#include <gtest/gtest.h>

namespace gradepth {
namespace {

/// Addresses only: nothing is read.
std::vector<ClipTensor<float>> tensors(const std::vector<std::int64_t>& sizes) {
  static float memory[1];
  std::vector<ClipTensor<float>> list;
  list.reserve(sizes.size());
  for (const std::int64_t size : sizes) list.push_back({memory, size});
  return list;
}

std::vector<std::uint32_t> sizes_of(const ClipList<float>& list) {
  std::vector<std::uint32_t> sizes;
  sizes.reserve(list.chunks.size());
  for (const auto& chunk : list.chunks) sizes.push_back(chunk.size);
  return sizes;
}

TEST(ClipList, CoversEveryTensorOnce) {
  constexpr std::int64_t chunk = clip_chunk_size;
  const auto list = make_clip_list<float>(tensors({0, 1, chunk, 0, chunk + 1}), ClipScope::all);
  EXPECT_EQ(sizes_of(list), (std::vector<std::uint32_t>{1, chunk, chunk, 1}));
  EXPECT_EQ(list.first_chunk, (std::vector<std::uint32_t>{0, 4}));
  EXPECT_EQ(list.norms(), 1);
}

TEST(ClipList, GivesEveryTensorANorm) {
  const auto list = make_clip_list<float>(tensors({0, 1, clip_chunk_size + 1}), ClipScope::tensor);
  EXPECT_EQ(list.first_chunk, (std::vector<std::uint32_t>{0, 0, 1, 3}));
  EXPECT_EQ(list.chunks[0].unit, 1U);
  EXPECT_EQ(list.chunks[2].unit, 2U);
}

TEST(ClipList, GivesEveryUnitAChunk) {
  auto list_of = tensors({6, 0, 5000});
  list_of[0].units = 3;
  const auto list = make_clip_list<float>(list_of, ClipScope::unit);
  EXPECT_EQ(sizes_of(list), (std::vector<std::uint32_t>{2, 2, 2, 5000}));
  EXPECT_EQ(list.norms(), 4);
  EXPECT_EQ(list.chunks[3].unit, 3U);
}

TEST(ClipList, KnowsHowManyElementsShareANorm) {
  constexpr std::int64_t n = 2 * clip_chunk_size + 5;
  auto list_of = tensors({6, 0, n});
  const auto sizes = [&](ClipScope scope) { return make_clip_list<float>(list_of, scope).sizes; };
  EXPECT_EQ(sizes(ClipScope::all), (std::vector<double>{n + 6}));
  EXPECT_EQ(sizes(ClipScope::tensor), (std::vector<double>{6, 0, n}));
  list_of[0].units = 3;
  EXPECT_EQ(sizes(ClipScope::unit), (std::vector<double>{2, 2, 2, n}));
}

TEST(ClipRules, AreFoundByNameAndUnknownOnesRefused) {
  for (const ClipRule& rule : all_clip_rules) {
    EXPECT_EQ(&*ClipMode(rule), &rule);
    EXPECT_EQ(rule.limit != nullptr, rule.has_norms()) << rule.name;
    std::string_view found;
    with_clip_rule(rule, [&]<class Rule>(Rule) {
      found = Rule::name;
      EXPECT_EQ(Rule::scope, rule.scope);
    });
    EXPECT_EQ(found, rule.name);
  }
  EXPECT_FALSE(ClipMode::find("median"));
}

TEST(ClipList, OfNothing) {
  EXPECT_EQ(make_clip_list<float>({}, ClipScope::all).norms(), 1);
  EXPECT_EQ(make_clip_list<float>({}, ClipScope::tensor).norms(), 0);
  EXPECT_EQ(place_on_chip(make_clip_list<float>({}, ClipScope::all), 4, 1000).blocks(), 1U);
}

TEST(ClipPlacement, KeepsEveryChunkInsideItsBlock) {
  const auto list = make_clip_list<float>(tensors({1, 3000, 0, 20, 7, 5000, 1, 1}), ClipScope::all);
  for (const int blocks : {1, 2, 3, 100}) {
    const std::size_t room = 40000;
    const ClipPlacement place = place_on_chip(list, blocks, room);
    ASSERT_GT(place.blocks(), 0U);
    EXPECT_LE(place.blocks(), static_cast<unsigned>(blocks));
    EXPECT_LE(place.shared_bytes, room);
    EXPECT_EQ(place.first_of_block.back(), list.chunks.size());
    for (unsigned b = 0; b < place.blocks(); ++b) {
      std::size_t end = 0;  // of the chunk before, in bytes
      for (std::uint32_t c = place.first_of_block[b]; c < place.first_of_block[b + 1]; ++c) {
        const std::size_t slot = place.slot[c] * sizeof(float);
        EXPECT_EQ(slot % 16, 0U);
        EXPECT_GE(slot, end);
        end = slot + (misalignment(list.chunks[c].g) + list.chunks[c].size) * sizeof(float);
        EXPECT_LE(end, place.shared_bytes);
      }
    }
  }
}

TEST(ClipPlacement, RefusesWhatDoesNotFit) {
  const auto list = make_clip_list<float>(tensors({10000}), ClipScope::all);
  EXPECT_GT(place_on_chip(list, 2, 24800).blocks(), 0U);
  EXPECT_EQ(place_on_chip(list, 2, 20000).blocks(), 0U);  // chunks of 8 KiB: only two fit
  EXPECT_EQ(place_on_chip(list, 2, 100).blocks(), 0U);
  EXPECT_EQ(place_on_chip(list, 0, 100000).blocks(), 0U);
}

}  // namespace
}  // namespace gradepth
