#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "host/problem/exact_activation.h"
#include "kernels/cell/cells.h"

namespace gradepth {
namespace {

struct Point {
  double x;
  double slope;  // f'(x)
  double term;   // the larger of the terms it is the sum of
};

/// By activation, from 60-digit arithmetic (tests/golden/make_slopes.py).
std::map<std::string, std::vector<Point>> points() {
  std::map<std::string, std::vector<Point>> by_name;
  std::ifstream file(GRADEPTH_SOURCE_DIR "/tests/golden/slopes.csv");
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string name;
    std::string number[3];
    std::getline(fields, name, ',');
    for (std::string& text : number) std::getline(fields, text, ',');
    // strtod, which reads subnormal numbers too.
    by_name[name].push_back({std::strtod(number[0].c_str(), nullptr),
                             std::strtod(number[1].c_str(), nullptr),
                             std::strtod(number[2].c_str(), nullptr)});
  }
  return by_name;
}

/// The distance of a number from the next larger one.
template <class T>
T ulp(T x) {
  x = std::abs(x);
  return std::nextafter(x, std::numeric_limits<T>::infinity()) - x;
}

/// The largest error of f at the points, in ulp of the larger term, and where it is.
template <class F>
void expect_within(double most, const std::string& name, const std::vector<Point>& at, F&& f) {
  double worst = 0;
  double where = 0;
  for (const Point& p : at) {
    const double error = std::abs(f(p.x) - p.slope) / ulp(std::max(p.term, std::abs(p.slope)));
    if (error > worst || std::isnan(error)) {
      worst = error;
      where = p.x;
      if (std::isnan(error)) break;
    }
  }
  EXPECT_LE(worst, most) << name << " at " << where;
}

TEST(Traits, SayWhatTheFunctionsAre) {
  for_each_activation([](auto act) {
    using Act = decltype(act);
    bool homogeneous = true;
    bool odd = true;
    for (const double x : {-5.0, -1.25, -0.5, 0.0, 0.75, 2.0, 7.0}) {
      homogeneous = homogeneous && Act::value(4 * x) == 4 * Act::value(x);
      odd = odd && Act::value(-x) == -Act::value(x);
    }
    EXPECT_EQ(Act::homogeneous, homogeneous) << Act::name;
    EXPECT_EQ(Act::odd, odd) << Act::name;
  });
}

/// Each one more makes the recurrent kernels larger: their budgets are for these.
TEST(Traits, TheRecurrentKernelsHoldFiveOnChip) {
  std::set<std::string_view> names;
  for_each_activation([&](auto act) { names.insert(act.name); }, OnChipActivations{});
  EXPECT_EQ(names,
            (std::set<std::string_view>{"identity", "leaky_relu", "relu", "sigmoid", "tanh"}));
}

TEST(Slope, IsExactToFourUlpOverTheWholeRange) {
  const auto by_name = points();
  std::size_t activations = 0;
  for_each_activation([&](auto act) {
    using Act = decltype(act);
    const std::vector<Point>& at = by_name.at(std::string(Act::name));
    EXPECT_GE(at.size(), 50U);
    expect_within(4, std::string(Act::name), at, exact_slope<Act>);
    ++activations;
  });
  EXPECT_EQ(activations, by_name.size());
}

TEST(Slope, OfGatesIsExactToFourUlp) {
  const auto by_name = points();
  const auto& sigmoid = by_name.at("sigmoid");
  const auto& tanh = by_name.at("tanh");
  const double zeros[4] = {};
  // Of the cell's slopes, where all its pre-activations are 0 but one.
  const auto lstm = [&](int gate, double a) {
    double in[4] = {};
    in[gate] = a;
    return LstmCell::slopes(in, zeros, 0.);
  };
  const auto gru = [&](int gate, double a) {
    double in[4] = {};
    in[gate] = a;
    return GruCell::slopes(in, zeros, 0.);
  };
  const auto mgu = [](int gate, double a) {
    double in[3] = {};
    in[gate] = a;
    return MguCell::slopes(in, {}, 0.);
  };
  expect_within(4, "i", sigmoid, [&](double a) { return lstm(0, a).i; });
  expect_within(4, "f", sigmoid, [&](double a) { return lstm(1, a).f; });
  expect_within(4, "g", tanh, [&](double a) { return lstm(2, a).g; });
  expect_within(4, "o", sigmoid, [&](double a) { return lstm(3, a).o; });
  expect_within(4, "c", tanh, [&](double a) { return LstmCell::slopes(zeros, zeros, a).c; });
  expect_within(4, "r", sigmoid, [&](double a) { return gru(0, a).r; });
  expect_within(4, "z", sigmoid, [&](double a) { return gru(1, a).z; });
  expect_within(4, "n", tanh, [&](double a) { return gru(2, a).n; });
  expect_within(4, "mgu's f", sigmoid, [&](double a) { return mgu(0, a).f; });
  expect_within(4, "mgu's n", tanh, [&](double a) { return mgu(1, a).n; });
  // σ is the slope of softplus.
  const auto& softplus = by_name.at("softplus");
  expect_within(4, "1 - z", softplus, [&](double a) { return gru(1, -a).update; });
  expect_within(4, "1 - f", softplus, [&](double a) { return mgu(0, -a).keep; });
}

/// The same formulas in float32, as kernels have them: an argument's rounding error grows into
/// e^argument, so that the digits lost are those of ln f'.
TEST(Slope, OfKernelsKeepsItsDigitsInTheTails) {
  const auto by_name = points();
  for_each_activation([&](auto act) {
    using Act = decltype(act);
    constexpr auto eps = static_cast<double>(std::numeric_limits<float>::epsilon());
    constexpr auto least = static_cast<double>(std::numeric_limits<float>::denorm_min());
    for (const Point& p : by_name.at(std::string(Act::name))) {
      const auto x = static_cast<float>(p.x);
      if (!std::isfinite(x)) continue;
      const double want = exact_slope<Act>(static_cast<double>(x));
      const double ln = std::min(std::abs(std::log(std::max(std::abs(want), least))), 104.0);
      // x is not p.x: the larger term is still near p.term, and e^x differs by what x does.
      const double size = std::max(std::abs(want), p.term);
      EXPECT_NEAR(Act::slope(x), want, eps * (8 + 4 * ln) * size + 2 * least)
          << Act::name << " at " << x;
    }
  });
}

// Values where f is flat: the slope from the output is 0, or has lost digits.
TEST(Slope, InTheTails) {
  const auto near = [](double got, double want) { EXPECT_NEAR(got / want, 1, 1e-3) << want; };
  near(exact_slope<Tanh>(20), 1.6993e-17);
  near(exact_slope<Elu>(-40), 4.2484e-18);
  near(Elu::slope(-20.0F), 2.0612e-9);
  near(GeluTanh::slope(-5.0F), -1.546e-6);
  near(exact_slope<GeluTanh>(-8), -4.7165e-20);
  for (const double x : {-89.0, -712.0}) {
    const double e = std::exp(x / 2);
    near(exact_slope<Sigmoid>(x) / e, e);
    near(exact_slope<Silu>(x) / e, (1 + x) * e);
    near(exact_slope<Mish>(x) / e, (1 + x) * e);
  }
  near(static_cast<double>(Silu::slope(-89.0F)), -88 * std::exp(-89.0));
  near(static_cast<double>(Mish::slope(-89.0F)), -88 * std::exp(-89.0));
  EXPECT_EQ(Tanh::slope_from_output(Tanh::value(20.0)), 0);
  EXPECT_EQ(Tanh::slope_from_output(Tanh::value(9.1F)), 0);
  EXPECT_GT(Tanh::slope(9.1F), 0);
}

TEST(Slope, OfNanIsNanWhereTheFormulaHasX) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for_each_activation([&](auto act) {
    using Act = decltype(act);
    if (Act::kinks.size() > 0 || Act::name == "identity") return;  // they compare
    EXPECT_TRUE(std::isnan(exact_slope<Act>(nan))) << Act::name;
    EXPECT_TRUE(std::isnan(exact_value<Act>(nan))) << Act::name;
  });
}

}  // namespace
}  // namespace gradepth
