#include <algorithm>
#include <array>
#include <initializer_list>

#include "bench/studies/net_study.h"

namespace gradepth {
namespace {

using growth::GrowthSpec;

GrowthSpec make_net(Net net, Activation activation, std::int64_t depth, std::int64_t width,
                    const char* init) {
  GrowthSpec spec;
  spec.net = net;
  spec.activation = activation;
  spec.depth = depth;
  spec.width = width;
  spec.init.W = parse_weight_init(init);
  return spec;
}

/// IRNN: W = I, ReLU, b = 0 (Le, Jaitly & Hinton 2015).
GrowthSpec irnn(std::int64_t depth, std::int64_t width) {
  GrowthSpec spec = make_net("elman", "relu", depth, width, "identity:1");
  spec.init.h0 = spec.init.c0 = {ValueInit::Kind::constant, 1};
  return spec;
}

NetStudy blame() {
  NetStudy study{"blame", {}};
  const auto mlp = [&](Activation activation, const char* init) {
    study.nets.push_back(make_net("mlp", activation, 50, 128, init));
  };
  mlp("sigmoid", "gaussian:1");
  mlp("tanh", "gaussian:1");
  mlp("tanh", "gaussian:2.5");
  mlp("relu", "gaussian:1");
  mlp("relu", "he");
  mlp("gelu", "he");
  mlp("silu", "he");
  mlp("elu", "gaussian:1");
  study.nets.push_back(make_net("residual", "tanh", 50, 128, "gaussian:1"));
  study.nets.push_back(make_net("elman", "relu", 50, 128, "gaussian:1.5"));
  study.nets.push_back(irnn(50, 128));
  for (const Net net : std::initializer_list<Net>{"lstm", "gru"}) {
    study.nets.push_back(make_net(net, "tanh", 50, 128, "gaussian:1"));
  }
  return study;
}

NetStudy windows() {
  NetStudy study{"windows", {}};
  for (const std::int64_t L : {10, 30, 100}) {
    constexpr std::int64_t width = 64;
    std::vector<GrowthSpec> nets{make_net("mlp", "relu", L, width, "gaussian:1"),
                                 make_net("mlp", "tanh", L, width, "gaussian:1"),
                                 make_net("cnn", "relu", L, 4, "gaussian:1"),
                                 make_net("residual", "tanh", L, width, "gaussian:1"),
                                 make_net("elman", "tanh", L, width, "gaussian:1"),
                                 make_net("elman", "tanh", L, width, "gaussian:1"),
                                 irnn(L, width),
                                 make_net("lstm", "tanh", L, width, "gaussian:1"),
                                 make_net("gru", "tanh", L, width, "gaussian:1"),
                                 make_net("mgu", "tanh", L, width, "gaussian:1")};
    nets[5].share = false;
    for (GrowthSpec& spec : nets) {
      spec.window = true;
      study.nets.push_back(spec);
    }
  }
  return study;
}

NetStudy laws() {
  NetStudy study{"laws",
                 {make_net("mlp", "tanh", 1000, 32, "orthogonal:1"),
                  make_net("residual", "tanh", 600, 32, "gaussian:1"),
                  make_net("mlp", "relu", 400, 32, "he")}};
  study.nets.back().seeds = 20;
  return study;
}

NetStudy additive() {
  NetStudy study{"additive", {}};
  for (const AdditiveForm form : {AdditiveForm::two_term, AdditiveForm{4}, AdditiveForm::sum}) {
    for (const double w : {-1.5, -0.4, 0.2, 0.45, 0.6}) {
      GrowthSpec spec = make_net("additive", "identity", 60, 1, "constant:1");
      spec.init.W.scale = w;
      spec.form = form;
      study.nets.push_back(spec);
    }
  }
  return study;
}

NetStudy irnn_outputs() {
  NetStudy study{"irnn", {irnn(100, 100), irnn(100, 100)}};
  study.nets.back().init.input = Initialisation::Input::gaussian;
  return study;
}

NetStudy memory() {
  NetStudy study{"memory", {}};
  for (const double w : {0.5, 0.7, 0.8, 0.9, 0.95}) {
    GrowthSpec spec = make_net("elman", "identity", 300, 1, "constant:1");
    spec.init.W.scale = w;
    spec.init.input = Initialisation::Input::gaussian;
    spec.init.h0 = spec.init.c0 = {ValueInit::Kind::constant, 0};
    spec.seeds = 500;
    study.nets.push_back(spec);
  }
  return study;
}

/// With slopes from the stored output, as frameworks take them, and from the pre-activation.
NetStudy precision() {
  constexpr std::int64_t L = 100;
  constexpr std::int64_t width = 32;
  NetStudy study{
      "precision",
      {make_net("mlp", "sigmoid", L, width, "gaussian:1"),
       make_net("mlp", "tanh", L, width, "gaussian:0.8"), make_net("mlp", "relu", L, width, "he"),
       make_net("residual", "tanh", L, width, "gaussian:1"),
       make_net("elman", "relu", L, width, "gaussian:1.8"),
       make_net("lstm", "tanh", L, width, "gaussian:1"),
       make_net("gru", "tanh", L, width, "gaussian:1")},
      true};
  study.nets.push_back(make_net("mlp", "tanh", L, width, "gaussian:0.3"));  // saturated
  study.nets.back().init.bias = {ValueInit::Kind::constant, 4};
  for (GrowthSpec& spec : study.nets) spec.seeds = 4;
  const std::vector<GrowthSpec> from_output = study.nets;
  for (GrowthSpec spec : from_output) {
    spec.slope = SlopeFrom::input;
    study.nets.push_back(spec);
  }
  return study;
}

}  // namespace

std::vector<NetStudy> net_studies(std::string_view preset) {
  std::vector<NetStudy> studies{blame(),        windows(), laws(),     additive(),
                                irnn_outputs(), memory(),  precision()};
  for (NetStudy& study : studies) {
    for (GrowthSpec& spec : study.nets) {
      if (preset == "brief") {
        spec.seeds = std::min<std::int64_t>(spec.seeds, 2);
        spec.depth = std::min<std::int64_t>(spec.depth, 20);
        spec.width = std::min<std::int64_t>(spec.width, 8);
      }
      if (preset == "full" && spec.seeds < 20) spec.seeds = 20;
    }
    if (preset != "brief") continue;
    const auto is_deeper = [](const GrowthSpec& spec) { return spec.window && spec.depth > 10; };
    study.nets.erase(std::remove_if(study.nets.begin(), study.nets.end(), is_deeper),
                     study.nets.end());
  }
  return studies;
}

}  // namespace gradepth
