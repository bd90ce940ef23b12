#include "host/providers/cudnn/rnn/description.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "host/providers/cudnn/choice.h"
#include "tests/providers/cudnn_support.h"

/// cuDNN's recurrent nets as far as they need no device: descriptors of every workload, of which
/// cuDNN itself is the judge, and where each weight goes.
namespace gradepth::cudnn {
namespace {

TEST(CudnnRnn, DescribesEveryWorkloadThatItDoesNotRefuse) {
  std::set<std::string> cells;
  int described = 0;
  for (const RecurrentProblem& p : problems<RecurrentProblem>()) {
    if (!rnn_refusal(p).empty()) continue;
    cells.insert(std::string(p.cell.name()).append(p.act.name()));
    for (const Math math : {Math::fma, Math::tf32}) {
      for (const RnnWay& way : rnn_ways(p.dtype, math)) {
        EXPECT_NO_THROW((void)describe_rnn(p, way, nullptr))
            << gradepth::name(p) << ' ' << name(way);
        ++described;
      }
    }
  }
  EXPECT_EQ(cells, (std::set<std::string>{"elmantanh", "elmanrelu", "lstmtanh", "grutanh"}));
  EXPECT_GT(described, 500);
}

TEST(CudnnRnn, DescribesWhatWasAskedFor) {
  const RecurrentProblem p{.cell = "lstm", .T = 7, .B = 3, .H = 20, .I = 5};
  const RnnDescription d = describe_rnn(p, {CUDNN_RNN_ALGO_STANDARD, CUDNN_FMA_MATH}, nullptr);
  cudnnRNNAlgo_t algorithm{};
  cudnnRNNMode_t mode{};
  cudnnRNNBiasMode_t bias{};
  cudnnDirectionMode_t direction{};
  cudnnRNNInputMode_t input{};
  cudnnDataType_t data{};
  cudnnDataType_t accumulate{};
  cudnnMathType_t math{};
  int I = 0;
  int H = 0;
  int projection = 0;
  int layers = 0;
  cudnnDropoutDescriptor_t dropout = nullptr;
  std::uint32_t flags = 0;
  check(call<cudnnGetRNNDescriptor_v8>(d.rnn.get(), &algorithm, &mode, &bias, &direction, &input,
                                       &data, &accumulate, &math, &I, &H, &projection, &layers,
                                       &dropout, &flags));
  EXPECT_EQ(mode, CUDNN_LSTM);
  EXPECT_EQ(bias, CUDNN_RNN_SINGLE_INP_BIAS);
  EXPECT_EQ(input, CUDNN_LINEAR_INPUT);
  EXPECT_EQ(math, CUDNN_FMA_MATH) << "nothing else may compete with f32";
  EXPECT_EQ(I, 5);
  EXPECT_EQ(H, 20);
  EXPECT_EQ(projection, 20);
  EXPECT_EQ(layers, 1);

  cudnnRNNDataLayout_t layout{};
  int T = 0;
  int B = 0;
  int features = 0;
  int lengths[3] = {};
  float fill = 0;
  check(call<cudnnGetRNNDataDescriptor>(d.x.get(), &data, &layout, &T, &B, &features, 3, lengths,
                                        &fill));
  EXPECT_EQ(layout, CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED);
  EXPECT_EQ(T, 7);
  EXPECT_EQ(B, 3);
  EXPECT_EQ(features, 5);
  for (const int length : lengths) EXPECT_EQ(length, 7);
}

TEST(CudnnRnn, RefusesWithReasons) {
  const RecurrentProblem inside{.project_input = false, .record = true};
  EXPECT_EQ(rnn_refusal(inside), "") << "growth by depth of an Elman net";
  EXPECT_TRUE(sees_inside(inside));
  for (const RecurrentProblem& p :
       {RecurrentProblem{.cell = "additive", .act = "identity"}, RecurrentProblem{.act = "sigmoid"},
        RecurrentProblem{.project_input = false, .share = false},
        RecurrentProblem{.clip_value = 0.1}, RecurrentProblem{.record = true},
        RecurrentProblem{.cell = "lstm", .project_input = false, .record = true},
        RecurrentProblem{.cell = "gru", .project_input = false, .record = true}}) {
    EXPECT_NE(rnn_refusal(p), "") << gradepth::name(p);
    EXPECT_FALSE(p.cell != "elman" && sees_inside(p));
  }
}

TEST(CudnnRnn, RefusesPersistentAlgorithmsInFloat64AsDocumented) {
  const RecurrentProblem p{.cell = "lstm", .dtype = Dtype::f64};
  const auto accepts = [&](cudnnRNNAlgo_t algorithm) {
    return try_out("",
                   [&] {
                     (void)describe_rnn(p, {algorithm, CUDNN_FMA_MATH}, nullptr);
                     return 0.0;
                   })
        .refusal.empty();
  };
  EXPECT_TRUE(accepts(CUDNN_RNN_ALGO_STANDARD));
  EXPECT_TRUE(accepts(CUDNN_RNN_ALGO_PERSIST_DYNAMIC));
  EXPECT_FALSE(accepts(CUDNN_RNN_ALGO_PERSIST_STATIC));
  EXPECT_FALSE(accepts(CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H));
}

TEST(CudnnRnn, OffersTensorCoresToTf32Alone) {
  for (const RnnWay& way : rnn_ways(Dtype::f32, Math::fma)) EXPECT_EQ(way.math, CUDNN_FMA_MATH);
  EXPECT_EQ(rnn_ways(Dtype::f32, Math::fma).size(), 4U);
  EXPECT_EQ(rnn_ways(Dtype::f32, Math::tf32).size(), 12U);
  EXPECT_EQ(rnn_ways(Dtype::bf16, Math::fma).size(), 12U);
  EXPECT_EQ(rnn_ways(Dtype::f64, Math::fma).size(), 8U);
  for (const RnnWay& way : rnn_ways(Dtype::f32, Math::tf32)) {
    EXPECT_NE(way.math, CUDNN_TENSOR_OP_MATH_ALLOW_CONVERSION) << "that may be f16";
  }
}

/// A made-up weight space: matrices and biases one after the other, last product first, with gaps.
/// `input_bias` and `state_bias` say which sets of biases there are.
RnnPlaces made_up_places(const RecurrentProblem& p, bool input_bias, bool state_bias) {
  constexpr std::int64_t gap = 64;
  const std::int64_t width = static_cast<std::int64_t>(element_bytes(p.dtype));
  const std::int64_t G = p.cell->gates;
  RnnPlaces places(static_cast<std::size_t>(2 * G));
  std::int64_t next = gap;
  for (std::int64_t i = 2 * G; i-- > 0;) {
    RnnPlace& place = places[static_cast<std::size_t>(i)];
    const bool of_input = i < G;
    if (!of_input || p.project_input) {
      place.matrix = next;
      next += p.H * (of_input && p.I > 0 ? p.I : p.H) * width + gap;
    }
    if (of_input ? input_bias : state_bias) {
      place.bias = next;
      next += p.H * width + gap;
    }
  }
  return places;
}

/// Every byte of our weights has one place, and no two share one.
void expect_one_to_one(const RecurrentProblem& p, const RnnPlaces& places) {
  std::map<std::string, std::vector<int>> covered;
  for (const TensorSpec& spec : inputs(p)) {
    if (spec.name == "Wx" || spec.name == "Wh" || spec.name == "b") {
      covered[spec.name].resize(size(spec.shape) * element_bytes(p.dtype));
    }
  }
  std::set<std::size_t> taken;
  for (const RnnPiece& piece : rnn_pieces(p, places)) {
    for (std::size_t i = 0; i < piece.bytes; ++i) {
      ++covered.at(piece.tensor).at(piece.ours + i);
      EXPECT_TRUE(taken.insert(piece.cudnn + i).second) << piece.tensor << " at " << piece.cudnn;
    }
  }
  for (const auto& [tensor, counts] : covered) {
    EXPECT_TRUE(std::all_of(counts.begin(), counts.end(), [](int n) { return n == 1; })) << tensor;
  }
}

TEST(CudnnRnn, EveryWeightHasOnePlace) {
  for (const RecurrentCell cell : std::initializer_list<RecurrentCell>{"elman", "lstm", "gru"}) {
    for (const bool project : {true, false}) {
      for (const Dtype dtype : {Dtype::f32, Dtype::f16}) {
        const RecurrentProblem p{
            .cell = cell, .T = 1, .B = 1, .H = 3, .project_input = project, .I = 5, .dtype = dtype};
        expect_one_to_one(p, made_up_places(p, true, true));
        if (p.cell == "gru") continue;
        expect_one_to_one(p, made_up_places(p, true, false));
        expect_one_to_one(p, made_up_places(p, false, true));
      }
    }
  }
}

/// The piece of our tensor that begins at element `first`.
RnnPiece piece_at(const RecurrentProblem& p, const RnnPlaces& places, const std::string& tensor,
                  std::int64_t first) {
  for (const RnnPiece& piece : rnn_pieces(p, places)) {
    if (piece.tensor == tensor && piece.ours == static_cast<std::size_t>(first) * 4) return piece;
  }
  ADD_FAILURE() << tensor << " has no piece at " << first;
  return {};
}

TEST(CudnnRnn, PutsGatesAndBiasesWhereTheDocumentationSays) {
  const RecurrentProblem lstm{.cell = "lstm", .T = 1, .B = 1, .H = 3, .I = 5};
  RnnPlaces places = made_up_places(lstm, true, true);
  for (std::int64_t gate = 0; gate < 4; ++gate) {  // i, f, g, o in both
    const auto g = static_cast<std::size_t>(gate);
    const auto at = [](std::int64_t place) { return static_cast<std::size_t>(place); };
    EXPECT_EQ(piece_at(lstm, places, "Wx", gate * 15).cudnn, at(places[g].matrix));
    EXPECT_EQ(piece_at(lstm, places, "Wh", gate * 9).cudnn, at(places[4 + g].matrix));
    EXPECT_EQ(piece_at(lstm, places, "b", gate * 3).cudnn, at(places[g].bias));
  }
  const RecurrentProblem gru{.cell = "gru", .T = 1, .B = 1, .H = 3, .project_input = false};
  places = made_up_places(gru, true, true);
  for (const std::size_t gate : {0U, 1U, 2U}) {  // r, z, n in both
    EXPECT_EQ(piece_at(gru, places, "Wh", static_cast<std::int64_t>(gate) * 9).cudnn,
              static_cast<std::size_t>(places[3 + gate].matrix));
    EXPECT_EQ(piece_at(gru, places, "b", static_cast<std::int64_t>(gate) * 3).cudnn,
              static_cast<std::size_t>(places[gate].bias));
  }
  EXPECT_EQ(piece_at(gru, places, "b", 9).cudnn, static_cast<std::size_t>(places[5].bias))
      << "b_m is the recurrent bias of n";
  const RecurrentProblem skip{.T = 1, .B = 1, .H = 3, .project_input = false};
  places = made_up_places(skip, true, true);
  EXPECT_EQ(piece_at(skip, places, "b", 0).cudnn, static_cast<std::size_t>(places[1].bias))
      << "without an input product the bias goes with the state's";
}

TEST(CudnnRnn, SaysWhatHasNoPlace) {
  const RecurrentProblem gru{.cell = "gru", .T = 1, .B = 1, .H = 3};
  EXPECT_THROW((void)rnn_pieces(gru, made_up_places(gru, true, false)), std::runtime_error);
  EXPECT_THROW((void)rnn_pieces(gru, made_up_places(gru, false, true)), std::runtime_error);
}

}  // namespace
}  // namespace gradepth::cudnn
