#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "host/device/device_timer.h"
#include "host/problem/dtype.h"
#include "host/problem/problem.h"
#include "host/problem/tensor.h"

/// One implementation of problems, behind one interface.
///
///   auto planned = provider.plan(problem);            // descriptors, workspace: never timed
///   if (auto* plan = std::get_if<PlanPtr>(&planned)) {
///     (*plan)->set(inputs);                           // never timed
///     (*plan)->run();                                 // the timed step
///     Tensor dW = (*plan)->get("dWh");                // never timed
///   } else … std::get<Unsupported>(planned).reason
namespace gradepth {

/// A refusal is data, with its reason in a few words.
struct Unsupported {
  std::string reason;
};

/// A provider's prepared problem.
class Plan {
 public:
  Plan() = default;
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;
  virtual ~Plan() = default;

  /// Takes tensors of inputs(problem), copies and converts them. The first call must bring all of
  /// them; later calls may bring only those that changed. std::invalid_argument when one is
  /// missing, unknown or of the wrong shape.
  virtual void set(const Tensors& in) = 0;
  /// One whole step (problem.pass) on the tensors last set: what is timed. Can be called again; the
  /// result is the same each time, if restore() is called between runs of a problem that works in
  /// place.
  virtual void run() = 0;
  /// The two halves of a training step, for recurrent and feed-forward problems with
  /// Pass::training: between them the caller may get("y") and set a new "dy". run() is one after
  /// the other.
  virtual void run_forward() { throw std::logic_error("this plan has no forward half"); }
  virtual void run_backward() {
    run_backward_data();
    run_backward_weights();
  }
  /// The two parts of the backward half, where a plan can tell them apart: first the gradients of
  /// states and inputs, then, from what these left behind, those of the weights.
  virtual void run_backward_data() { throw std::logic_error("this plan has no backward half"); }
  virtual void run_backward_weights() { throw std::logic_error("this plan has no backward half"); }
  /// Whether run_backward_data and run_backward_weights can be called apart.
  [[nodiscard]] virtual bool has_parts() const { return false; }
  /// Puts back what run() changed in place (clip). Never timed.
  virtual void restore() {}
  /// Waits until run() has finished, where it only queues work.
  virtual void wait() {}
  /// One tensor of outputs(problem), as float64; an empty one (no shape, no data) if this provider
  /// cannot see it (dh_norm2 of a library's closed kernel).
  virtual Tensor get(std::string_view name) = 0;
  /// Bytes held beside inputs and outputs.
  [[nodiscard]] virtual std::size_t workspace_bytes() const { return 0; }
  /// What the row's name does not say: algorithm, math type. Empty when there is nothing to say.
  [[nodiscard]] virtual std::string detail() const { return {}; }
  /// A library's own approximation, stated by it or known of it: how far off its results may be,
  /// relative to their largest entry, beside rounding errors.
  [[nodiscard]] virtual double approximation() const { return 0; }
  /// Whether its activations' slopes keep their digits where they are small beside the largest;
  /// a library's need not.
  [[nodiscard]] virtual bool keeps_tails() const { return true; }
  /// What its products of f32 matrices may do to their factors; decides the tolerance.
  [[nodiscard]] virtual Math math() const { return Math::fma; }
};

using PlanPtr = std::unique_ptr<Plan>;
using Planned = std::variant<PlanPtr, Unsupported>;

/// How simt and cuda take recurrent layers through time: as the planner says; with W in one block,
/// or spread over the chip; step by step; or the steps captured once as a graph and replayed.
enum class Variant : std::uint8_t { automatic, small, persistent, steps, graph };
constexpr std::string_view name(Variant variant) {
  constexpr std::string_view names[] = {"auto", "small", "persistent", "steps", "graph"};
  return names[static_cast<int>(variant)];
}
/// std::invalid_argument for an unknown name.
inline Variant parse_variant(std::string_view text) {
  for (const Variant variant :
       {Variant::automatic, Variant::small, Variant::persistent, Variant::steps, Variant::graph}) {
    if (name(variant) == text) return variant;
  }
  throw std::invalid_argument("variant " + std::string(text) +
                              ": one of auto, small, persistent, steps, graph");
}

/// What a provider may use.
struct Context {
  int threads = 0;                // 0: all cores
  std::uint64_t schedule = 0;     // seed of the executor's order of threads; 0: in order
  bool flush_subnormals = false;  // FTZ and DAZ of f32: what lies below 2^-126 becomes 0
  Math math = Math::fma;          // tf32: GPU libraries may round the factors of f32 products
  Variant variant = Variant::automatic;  // what cannot go this way is then unsupported
};

class Provider {
 public:
  Provider() = default;
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;
  virtual ~Provider() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Library and version, device: one line for `info`.
  [[nodiscard]] virtual std::string version() const = 0;
  /// Prepares a valid problem, or says why it cannot. Throws only on a failure (out of memory, a
  /// library's error).
  [[nodiscard]] virtual Planned plan(const Problem& problem) = 0;
  /// Whether plans can be made and run on several host threads at the same time, each plan on one.
  [[nodiscard]] virtual bool is_concurrent() const { return false; }
  /// The clock of the device that the plans run on; nullptr where the host's own clock sees all.
  [[nodiscard]] virtual std::unique_ptr<DeviceTimer> timer() { return nullptr; }
};

/// A provider that this build or this machine lacks.
struct Missing {
  std::string name;
  std::string reason;
};

struct Providers {
  std::vector<std::unique_ptr<Provider>> present;
  std::vector<Missing> missing;
};

/// What a provider is, whether this build has it or not.
struct ProviderInfo {
  enum class Role : unsigned char { truth, ours, library };
  enum class Machine : unsigned char { processor, executor, gpu };

  std::string_view name;
  Role role;
  Machine machine;
  std::unique_ptr<Provider> (*make)(const Context&);  // nullptr: not in this build,
  std::string_view absent;                            // and why

  /// The executor and the reference are not made for speed.
  [[nodiscard]] bool is_timed() const {
    return role != Role::truth && machine != Machine::executor;
  }
  /// Whether the processor's limits are its own.
  [[nodiscard]] bool runs_on_processor() const { return is_timed() && machine != Machine::gpu; }
};

/// The only list of them, in the order of tables.
std::span<const ProviderInfo> provider_list();

/// std::invalid_argument for an unknown name.
const ProviderInfo& provider_info(std::string_view name);

/// All that this build and this machine have. std::invalid_argument for a GRADEPTH_VECTOR that this
/// processor lacks.
Providers make_providers(const Context& context);

/// The provider called `name`, or nullptr.
Provider* find(const Providers& providers, std::string_view name);

}  // namespace gradepth
