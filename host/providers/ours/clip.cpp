#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "host/providers/ours/plan.h"
#include "kernels/clip/clip.h"

namespace gradepth::inline GRADEPTH_PLATFORM {
namespace {

/// Numbers are stored as T.
template <class T>
class ClipPlan final : public KernelPlan {
 public:
  ClipPlan(std::shared_ptr<const Device> device, const ClipProblem& problem)
      : KernelPlan(std::move(device), problem),
        p_(problem),
        rule_(*problem.mode),
        launcher_(clip_launcher<T>(problem.mode)),
        n_(std::accumulate(p_.sizes.begin(), p_.sizes.end(), std::int64_t{0})),
        update_{.sgd = p_.sgd, .learning_rate = p_.lr, .momentum = p_.momentum} {
    bind("g", g_.now = allocate<T>(n_));
    if (p_.sgd || rule_.reads_weights) bind("w", w_.now = allocate<T>(n_));
    if (p_.sgd) bind("v", v_.now = allocate<T>(n_));
    for (Array* array : changed()) array->original = allocate<T>(n_);

    const ClipList<T> list = cut();
    tables_.chunks = copy_of(list.chunks);
    tables_.states = copy_of(list.states);
    tables_.first_chunk = copy_of(list.first_chunk);
    tables_.count = list.count();
    tables_.norms = list.norms();
    if (!rule_.has_norms()) return;
    tables_.sizes = copy_of(list.sizes);
    place(list);

    workspace_.partials = doubles(tables_.count);
    workspace_.norms = allocate<ClipNorm>(tables_.norms);
    workspace_.report = copy_of(std::vector<ClipReport>(1));
    bind("norm", &workspace_.norms->norm, sizeof(ClipNorm) / sizeof(double));
    bind("skipped", Counts{&workspace_.report->skipped});
  }

  void run() override {
    const auto& stream = device().stream();
    if (on_chip_) {
      on_chip_(tables_, p_.threshold, update_, workspace_, stream);
    } else {
      launcher_.run(tables_, p_.threshold, update_, workspace_, stream, clip_most_blocks);
    }
  }
  void restore() override {
    for (const Array* array : changed()) copy(array->now, array->original);
  }
  [[nodiscard]] std::string detail() const override {
    if (!rule_.takes_route()) return "one launch";
    return places_ ? "on chip, " + std::to_string(places_->blocks) + " blocks" : "two launches";
  }
  /// Whether the list stays on chip between norm and update.
  [[nodiscard]] bool on_chip() const { return places_.has_value(); }

 private:
  struct Array {
    T* now = nullptr;
    T* original = nullptr;  // as set() brought it; of arrays that a run changes
  };

  /// What a run changes.
  std::vector<Array*> changed() {
    return p_.sgd ? std::vector<Array*>{&w_, &v_} : std::vector<Array*>{&g_};
  }

  [[nodiscard]] ClipList<T> cut() const {
    std::vector<ClipTensor<T>> tensors;
    std::int64_t at = 0;
    const auto part = [&](const Array& array) {
      return array.now == nullptr ? nullptr : array.now + at;
    };
    for (std::size_t i = 0; i < p_.sizes.size(); ++i) {
      tensors.push_back({.g = part(g_),
                         .size = p_.sizes[i],
                         .w = part(w_),
                         .v = part(v_),
                         .units = p_.units.empty() ? 1 : p_.units[i]});
      at += p_.sizes[i];
    }
    return make_clip_list<T>(tensors, rule_.scope);
  }

  void place(const ClipList<T>& list) {
    if (!rule_.takes_route() || p_.route == ClipRoute::two_launches) return;
    constexpr std::size_t reserved = 1024;  // more than the kernel's own shared memory
    const DeviceLimits limits = device().limits();
    if (!limits.cooperative || limits.shared_per_block < reserved) return;
    const ClipPlacement placement =
        place_on_chip(list, limits.processors, limits.shared_per_block - reserved);
    if (placement.blocks() == 0) return;
    places_ = ClipPlaces{copy_of(placement.first_of_block), copy_of(placement.slot),
                         placement.blocks(), placement.shared_bytes};
    on_chip_ = launcher_.plan_on_chip(*places_);
  }

  /// Device memory with these numbers.
  template <class U>
  U* copy_of(const std::vector<U>& numbers) {
    U* const memory = allocate<U>(static_cast<std::int64_t>(numbers.size()));
    device().upload(memory, numbers.data(), numbers.size());
    return memory;
  }
  void copy(T* to, const T* from) const { device().copy(to, from, length(n_)); }

  void after_set() override {
    for (const Array* array : changed()) copy(array->original, array->now);
  }

  ClipProblem p_;
  const ClipRule& rule_;
  ClipLauncher<T> launcher_;
  std::int64_t n_;
  ClipUpdate update_;
  Array g_, w_, v_;
  ClipTables<T> tables_;
  std::optional<ClipPlaces> places_;
  OnChipClip<T> on_chip_;
  ClipWorkspace workspace_;
};

}  // namespace

Planned make_clip_plan(std::shared_ptr<const Device> device, const ClipProblem& problem) {
  return with_storage(problem.dtype, [&](auto number) -> Planned {
    auto plan = std::make_unique<ClipPlan<decltype(number)>>(device, problem);
    if (problem.route == ClipRoute::on_chip && !plan->on_chip()) {
      return Unsupported{"the list does not fit into the shared memory of all multiprocessors"};
    }
    return plan;
  });
}

}  // namespace gradepth::inline GRADEPTH_PLATFORM
