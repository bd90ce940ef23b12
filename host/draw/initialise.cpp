#include "host/draw/initialise.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <stdexcept>

#include "host/draw/matrix_file.h"
#include "host/draw/orthogonal.h"
#include "host/draw/positive_definite.h"
#include "host/draw/random.h"
#include "host/draw/sparsity.h"
#include "host/text/decimal.h"
#include "kernels/activation/activation.h"
#include "kernels/cell/cells.h"

namespace gradepth {
namespace {

/// One independent sequence of random numbers per thing that is drawn.
enum class Stream : std::uint32_t { Wh, b, h0, x, loss, mask, c0, Wx, dy, chrono };

/// Number `index` of the stream, in [0, 1).
double uniform(std::uint64_t seed, Stream stream, std::size_t index) {
  const auto [u, v] = uniform_pair(seed, static_cast<std::uint32_t>(stream), index / 2);
  return index % 2 == 0 ? u : v;
}

/// Two Gaussian numbers (Box & Muller 1958).
std::pair<double, double> gaussian_pair(std::uint64_t seed, Stream stream, std::uint64_t index) {
  const auto [u, v] = uniform_pair(seed, static_cast<std::uint32_t>(stream), index);
  const double radius = std::sqrt(-2.0 * std::log(1.0 - u));
  const double angle = 2.0 * std::numbers::pi * v;
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

/// out[i] = scale · (Gaussian number first + i of the stream). `first` is even.
void fill_gaussian(double* out, std::size_t n, double scale, std::uint64_t seed, Stream stream,
                   std::uint64_t first = 0) {
  const auto pairs = static_cast<std::int64_t>((n + 1) / 2);
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (pairs > 4096)
#endif
  for (std::int64_t pair = 0; pair < pairs; ++pair) {
    const auto i = static_cast<std::size_t>(pair) * 2;
    const auto [a, b] = gaussian_pair(seed, stream, first / 2 + static_cast<std::uint64_t>(pair));
    out[i] = scale * a;
    if (i + 1 < n) out[i + 1] = scale * b;
  }
}

/// Numbers between blocks of draws, so that each block starts at an even index of the stream.
std::uint64_t even(std::uint64_t n) { return n + n % 2; }

/// The factor of all weights: what is drawn before it has variance 1 / fan_in, or is Q, I or ones.
double gain(const WeightInit& init) {
  using Kind = WeightInit::Kind;
  switch (init.kind) {
    case Kind::xavier:  // fan_out = fan_in for square layers
    case Kind::saxe:
    case Kind::np:
    case Kind::file:
      return 1;
    case Kind::he:
      return std::numbers::sqrt2;
    case Kind::gaussian:
    case Kind::orthogonal:
    case Kind::identity:
    case Kind::constant:
      return init.scale;
  }
  return 1;
}

/// One block before the gain.
void fill_square(double* out, const WeightInit& init, const WeightLayout& layout,
                 std::int64_t block, std::uint64_t seed) {
  using Kind = WeightInit::Kind;
  const std::int64_t N = layout.N;
  const auto count = static_cast<std::size_t>(N * N * layout.taps);
  const std::int64_t centre = layout.taps / 2;
  const std::uint64_t first = static_cast<std::uint64_t>(block) * even(count);
  const auto fan_in = static_cast<double>(N * layout.taps);
  const auto at_centre = [&](auto&& value) {
    std::fill(out, out + count, 0.0);
    for (std::int64_t i = 0; i < N; ++i) {
      for (std::int64_t j = 0; j < N; ++j) out[(i * N + j) * layout.taps + centre] = value(i, j);
    }
  };
  const auto made_of_gaussian = [&](auto&& make) {
    std::vector<double> matrix(static_cast<std::size_t>(N * N));
    fill_gaussian(matrix.data(), matrix.size(), 1.0, seed, Stream::Wh, first);
    make(matrix.data(), N);
    at_centre([&](std::int64_t i, std::int64_t j) {
      return matrix[static_cast<std::size_t>(i * N + j)];
    });
  };
  switch (init.kind) {
    case Kind::gaussian:
    case Kind::xavier:
    case Kind::he:
      fill_gaussian(out, count, 1.0 / std::sqrt(fan_in), seed, Stream::Wh, first);
      break;
    case Kind::constant:
      std::fill(out, out + count, 1.0);
      break;
    case Kind::identity:
      at_centre([&](std::int64_t i, std::int64_t j) { return i == j ? 1.0 : 0.0; });
      break;
    case Kind::orthogonal:
      made_of_gaussian(orthogonalise);
      break;
    case Kind::np:
      made_of_gaussian(normalise_positive_definite);
      break;
    case Kind::saxe:
      throw std::invalid_argument("init saxe: its gain depends on the net; give orthogonal:S");
    case Kind::file:
      if (init.matrix.shape != Shape{N, N}) {
        throw std::invalid_argument("init file: its matrix must be " + std::to_string(N) + " by " +
                                    std::to_string(N) + ", the width of the net");
      }
      at_centre([&](std::int64_t i, std::int64_t j) {
        return init.matrix.data[static_cast<std::size_t>(i * N + j)];
      });
      break;
  }
}

std::shared_ptr<const Tensor> draw_before_gain(const Shape& shape, const WeightLayout& layout,
                                               const Initialisation& init, std::uint64_t seed) {
  auto W = std::make_shared<Tensor>(shape);
  const std::size_t block = W->size() / static_cast<std::size_t>(layout.blocks);
  for (std::int64_t i = 0; i < layout.blocks; ++i) {
    fill_square(W->data.data() + static_cast<std::size_t>(i) * block, init.W, layout, i, seed);
  }
  thin(W->data, layout, init.density, init.sparsity,
       [seed](std::size_t piece) { return uniform(seed, Stream::mask, piece); });
  return W;
}

Tensor draw_weights(const Shape& shape, const WeightLayout& layout, const Initialisation& init,
                    std::uint64_t seed, WeightCache* cache) {
  const bool cached = cache != nullptr && init.W.kind != WeightInit::Kind::file;
  const WeightCache::Key key{init.W.kind, init.density, init.sparsity, seed, shape};
  std::shared_ptr<const Tensor> drawn = cached ? cache->find(key) : nullptr;
  if (!drawn) {
    drawn = draw_before_gain(shape, layout, init, seed);
    if (cached) cache->keep(key, drawn);
  }
  Tensor W(shape);
  std::transform(drawn->data.begin(), drawn->data.end(), W.data.begin(),
                 [factor = gain(init.W)](double w) { return factor * w; });
  return W;
}

Tensor draw_values(Shape shape, const ValueInit& init, std::uint64_t seed, Stream stream,
                   std::size_t sample_size) {
  Tensor t(std::move(shape));
  if (init.kind == ValueInit::Kind::constant) {
    std::fill(t.data.begin(), t.data.end(), init.scale);
    return t;
  }
  fill_gaussian(t.data.data(), t.size(), init.kind == ValueInit::Kind::gaussian ? init.scale : 1.0,
                seed, stream);
  if (init.kind == ValueInit::Kind::radius) {
    for (std::size_t begin = 0; begin < t.size(); begin += sample_size) {
      double norm2 = 0;
      for (std::size_t i = 0; i < sample_size; ++i) norm2 += t.data[begin + i] * t.data[begin + i];
      const double factor = init.scale / std::sqrt(norm2);
      for (std::size_t i = 0; i < sample_size; ++i) t.data[begin + i] *= factor;
    }
  }
  return t;
}

/// The gradient on the last state: [B, n], a unit vector per sample or ones, times loss_scale.
Tensor draw_loss_gradient(std::int64_t B, std::int64_t n, const Initialisation& init,
                          std::uint64_t seed) {
  const bool sphere = init.loss == Initialisation::LossGradient::sphere;
  const ValueInit value{sphere ? ValueInit::Kind::radius : ValueInit::Kind::constant, 1.0};
  Tensor g = draw_values({B, n}, value, seed, Stream::loss, static_cast<std::size_t>(n));
  for (double& v : g.data) v *= init.loss_scale;
  return g;
}

Tensor draw_input(Shape shape, const Initialisation& init, std::uint64_t seed) {
  Tensor x(std::move(shape));
  if (init.input == Initialisation::Input::gaussian) {
    const std::int64_t steps = x.shape.at(0);
    const std::int64_t driven = std::min(init.input_until.value_or(steps), steps);
    fill_gaussian(x.data.data(), static_cast<std::size_t>(driven) * x.stride(), init.input_scale,
                  seed, Stream::x);
  } else if (init.input == Initialisation::Input::impulse) {
    const auto first_step = static_cast<std::ptrdiff_t>(x.stride());
    std::fill(x.data.begin(), x.data.begin() + first_step, 1.0);
  }
  return x;
}

/// A tensor of RecurrentWeights, where it fits.
Tensor given(const Tensor& tensor, const Shape& shape) {
  if (tensor.shape != shape) {
    throw std::invalid_argument("weights: the file's layer has another cell or width than the net");
  }
  return tensor;
}

/// Adds to the gates of b [copies, biases, H] what init.chrono says. Without a c what the gate does
/// not keep comes in.
void add_chrono(Tensor& b, const CellInfo& cell, std::size_t copies, const Initialisation& init,
                std::uint64_t seed) {
  constexpr int input_gate = 0;  // of an lstm: i, f, g, o
  const std::size_t H = b.size() / copies / static_cast<std::size_t>(cell.biases);
  const auto gate = [&](std::size_t copy, int number) {
    return &b.data[(copy * static_cast<std::size_t>(cell.biases) +
                    static_cast<std::size_t>(number)) *
                   H];
  };
  for (std::size_t copy = 0; copy < copies; ++copy) {
    for (std::size_t j = 0; j < H; ++j) {
      const double u =
          uniform_pair(seed, static_cast<std::uint32_t>(Stream::chrono), copy * H + j).first;
      const double bias = std::log(1 + u * (init.chrono - 2));
      gate(copy, cell.forget_gate)[j] += bias;
      if (cell.has_c) gate(copy, input_gate)[j] -= bias;
    }
  }
}

Tensors draw_recurrent(const RecurrentProblem& p, const Initialisation& init, std::uint64_t seed,
                       WeightCache* cache) {
  Tensors out;
  const auto H = static_cast<std::size_t>(p.H);
  const std::int64_t copies = p.share ? 1 : p.T;
  for (const TensorSpec& spec : inputs(p)) {
    if (spec.name == "Wh" && !p.cell->has_matrices) {
      if (init.W.kind != WeightInit::Kind::constant) {
        throw std::invalid_argument("init: an additive net takes constant:w, its scalar weight");
      }
      out["Wh"] = Tensor({1}, {init.W.scale});
    } else if (spec.name == "Wh" && init.weights) {
      out["Wh"] = given(init.weights->Wh, spec.shape);
    } else if (spec.name == "Wh") {
      out["Wh"] = draw_weights(spec.shape, {copies * p.cell->gates, p.H, 1}, init, seed, cache);
    } else if (spec.name == "Wx" && init.weights) {
      out["Wx"] = given(init.weights->Wx, spec.shape);
    } else if (spec.name == "x" && init.weights && init.weights->has_inputs()) {
      const Tensor& x = init.weights->x;  // its first steps
      const auto end = static_cast<std::ptrdiff_t>(std::min(size(spec.shape), x.size()));
      out["x"] = given({spec.shape, {x.data.begin(), x.data.begin() + end}}, spec.shape);
    } else if (spec.name == "Wx") {
      const double deviation = 1.0 / std::sqrt(static_cast<double>(spec.shape[1]));
      out["Wx"] =
          draw_values(spec.shape, {ValueInit::Kind::gaussian, deviation}, seed, Stream::Wx, H);
    } else if (spec.name == "b") {
      Tensor b = init.weights ? given(init.weights->b, spec.shape)
                              : draw_values(spec.shape, init.bias, seed, Stream::b, H);
      const CellInfo& cell = *p.cell;
      const int forget = cell.forget_gate;
      const std::size_t per_copy = b.size() / static_cast<std::size_t>(copies);
      for (std::size_t begin = static_cast<std::size_t>(std::max(forget, 0)) * H;
           forget >= 0 && begin < b.size(); begin += per_copy) {
        for (std::size_t j = 0; j < H; ++j) b.data[begin + j] += init.forget_bias;
      }
      if (init.chrono > 0 && forget >= 0) {
        add_chrono(b, cell, static_cast<std::size_t>(copies), init, seed);
      }
      out["b"] = std::move(b);
    } else if (spec.name == "h0") {
      out["h0"] = draw_values(spec.shape, init.h0, seed, Stream::h0, H);
    } else if (spec.name == "c0") {
      out["c0"] = draw_values(spec.shape, init.c0, seed, Stream::c0, H);
    } else if (spec.name == "x") {
      out["x"] = draw_input(spec.shape, init, seed);
    }
  }
  if (p.pass == Pass::forward) return out;
  using LossOn = Initialisation::LossOn;
  const bool has_c = p.cell->has_c;
  const LossOn on = has_c ? init.loss_on : LossOn::h;
  const std::int64_t width = on == LossOn::both ? 2 * p.H : p.H;
  const Tensor g = draw_loss_gradient(p.B, width, init, seed);
  Tensor dy({p.T, p.B, p.H});
  Tensor dc({p.B, p.H});
  double* dh_T = dy.data.data() + dy.size() - dc.size();
  for (std::size_t b = 0; b < static_cast<std::size_t>(p.B); ++b) {
    const double* row = g.data.data() + b * static_cast<std::size_t>(width);
    if (on != LossOn::c) std::copy(row, row + H, dh_T + b * H);
    if (on != LossOn::h)
      std::copy(row + (on == LossOn::both ? H : 0), row + width, &dc.data[b * H]);
  }
  out["dy"] = std::move(dy);
  if (has_c) out["dc"] = std::move(dc);
  return out;
}

Tensors draw_feedforward(const FeedForwardProblem& p, const Initialisation& init,
                         std::uint64_t seed, WeightCache* cache) {
  Tensors out;
  const auto sample = static_cast<std::size_t>(p.state_size());
  for (const TensorSpec& spec : inputs(p)) {
    if (spec.name == "h0") {
      out["h0"] = draw_values(spec.shape, init.h0, seed, Stream::h0, sample);
    } else if (spec.name == "W") {
      out["W"] = draw_weights(spec.shape, {p.copies(), p.N, p.is_cnn() ? image::taps : 1}, init,
                              seed, cache);
    } else if (spec.name == "b") {
      out["b"] = draw_values(spec.shape, init.bias, seed, Stream::b, sample);
    } else {
      out["dy"] = draw_loss_gradient(p.B, p.state_size(), init, seed);
      out["dy"].shape = spec.shape;
    }
  }
  return out;
}

double parse_number(std::string_view text, const std::string& what) {
  const std::optional<double> value = decimal_number(text);
  if (!value) {
    throw std::invalid_argument(what + ": a finite decimal number is needed after the colon");
  }
  return *value;
}

/// S of gaussian:S.
double parse_deviation(std::string_view text, const std::string& what) {
  const double value = parse_number(text, what);
  if (value < 0) throw std::invalid_argument(what + ": a standard deviation, 0 or above");
  return value;
}

/// A CSV matrix; a refusal names the flag's value.
Tensor read_matrix(const std::string& path) {
  try {
    return read_csv_matrix(path);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("init file:" + path + ": a CSV matrix is needed: " + error.what());
  }
}

}  // namespace

WeightInit parse_weight_init(std::string_view text) {
  using Kind = WeightInit::Kind;
  const std::string what = "init " + std::string(text);
  const std::size_t colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  if (colon == std::string_view::npos) {
    if (kind == "xavier") return {Kind::xavier, 1, {}};
    if (kind == "he") return {Kind::he, 1, {}};
    if (kind == "saxe") return {Kind::saxe, 1, {}};
    if (kind == "np") return {Kind::np, 1, {}};
  } else {
    const std::string_view value = text.substr(colon + 1);
    if (kind == "gaussian") return {Kind::gaussian, parse_deviation(value, what), {}};
    if (kind == "orthogonal") return {Kind::orthogonal, parse_number(value, what), {}};
    if (kind == "identity") return {Kind::identity, parse_number(value, what), {}};
    if (kind == "constant") return {Kind::constant, parse_number(value, what), {}};
    if (kind == "file") return {Kind::file, 1, read_matrix(std::string(value))};
  }
  throw std::invalid_argument(what +
                              ": one of gaussian:S, orthogonal:S, identity:S, constant:V, xavier, "
                              "he, saxe, np, file:PATH");
}

ValueInit parse_value_init(std::string_view text) {
  const std::string what(text);
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view value = text.substr(colon + 1);
    if (text.starts_with("constant:")) {
      return {ValueInit::Kind::constant, parse_number(value, what)};
    }
    if (text.starts_with("gaussian:")) {
      return {ValueInit::Kind::gaussian, parse_deviation(value, what)};
    }
  }
  throw std::invalid_argument(what + ": one of constant:V, gaussian:S");
}

std::shared_ptr<const Tensor> WeightCache::find(const Key& key) const {
  const std::lock_guard lock(mutex_);
  const auto at = weights_.find(key);
  return at == weights_.end() ? nullptr : at->second;
}

void WeightCache::keep(Key key, std::shared_ptr<const Tensor> W) {
  const std::lock_guard lock(mutex_);
  const std::size_t bytes = W->size() * sizeof(double);
  if (bytes > max_bytes_ - bytes_) return;
  if (weights_.emplace(std::move(key), std::move(W)).second) bytes_ += bytes;
}

Tensors draw(const Problem& problem, const Initialisation& init, std::uint64_t seed,
             WeightCache* cache) {
  Tensors out;
  if (const auto* r = std::get_if<RecurrentProblem>(&problem)) {
    out = draw_recurrent(*r, init, seed, cache);
  } else if (const auto* f = std::get_if<FeedForwardProblem>(&problem)) {
    out = draw_feedforward(*f, init, seed, cache);
  } else {
    // Activations and clipping have no net: standard Gaussian numbers, x of activations times
    // input_scale, and y = f(x).
    for (const TensorSpec& spec : inputs(problem)) {
      const Stream stream = spec.name == "dy"  ? Stream::dy
                            : spec.name == "w" ? Stream::Wh
                            : spec.name == "v" ? Stream::h0
                                               : Stream::x;
      const double deviation = spec.name == "x" ? init.input_scale : 1;
      out[spec.name] = draw_values(spec.shape, {ValueInit::Kind::gaussian, deviation}, seed, stream,
                                   spec.shape.size());
    }
    if (const auto* a = std::get_if<ActivationProblem>(&problem); a && out.contains("y")) {
      with_activation(a->act, [&](auto act) {
        std::transform(out["x"].data.begin(), out["x"].data.end(), out["y"].data.begin(),
                       [&](double x) { return act.value(round_to(a->dtype, x)); });
      });
    }
  }
  if (dtype(problem) == Dtype::f64) return out;
  for (auto& [name, tensor] : out) {
    for (double& value : tensor.data) value = round_to(dtype(problem), value);
  }
  return out;
}

}  // namespace gradepth
