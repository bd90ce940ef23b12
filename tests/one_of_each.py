#!/usr/bin/env python3
"""Adds a cell, an activation, a clip rule and a knob to a copy of the sources, as CONTRIBUTING says,
builds it and asks every command for them: what goes through a list comes from the list.

    tests/one_of_each.py [FOLDER]      about ten minutes on 2 cores; the copy stays in FOLDER

The target one_of_each runs it, and ./tests/run all.

Prints, for each, the files and lines touched beside its own, and fails where one takes more than is
promised or where a command does not know it.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]

# h' = (h + tanh a) / 2: one gate, and a gradient that reaches h past W.
CELL = """#pragma once

#include "kernels/activation/activation.h"
#include "kernels/cell/cell.h"
#include "kernels/host_device.h"

/// A cell for tests: h' = (h + tanh(a)) / 2.
namespace gradepth {

struct ToyCell {
  static constexpr CellInfo info{
      .name = "toy", .carries_h = true, .forward_flops = 3, .backward_flops = 4};

  template <class T>
  HD static void gate_values(const T (&a)[1], T (&v)[1]) {
    v[0] = Tanh::value(a[0]);
  }
  template <class T>
  HD static CellState<T> forward(const T (&v)[1], T h, T /*c*/) {
    return {T(0.5) * (h + v[0]), T(0)};
  }
  template <class T>
  HD static T slopes_from_output(const T (&v)[1], T /*c_next*/) {
    return Tanh::slope_from_output(v[0]);
  }
  template <class T>
  HD static T slopes(const T (&a)[1], const T (& /*v*/)[1], T /*c_next*/) {
    return Tanh::slope(a[0]);
  }
  template <class T>
  HD static CellGradient<T, 1> backward(T dh, T /*dc*/, const T (& /*v*/)[1], T /*h*/, T /*c*/,
                                        T slope) {
    const T da = T(0.5) * dh * slope;
    return {{da}, da, T(0.5) * dh, T(0)};
  }
};

}  // namespace gradepth
"""

# (file, text that stands there once, what comes in its place); a file without the second is new.
ADDITIONS = {
    "cell": [
        ("kernels/cell/toy.h", None, CELL),
        ("kernels/cell/cells.h", '#include "kernels/cell/mgu.h"\n',
         '#include "kernels/cell/mgu.h"\n#include "kernels/cell/toy.h"\n'),
        ("kernels/cell/cells.h", "GruCell, MguCell>;", "GruCell, MguCell, ToyCell>;"),
    ],
    "activation": [
        ("kernels/activation/functions.h", "template <class... Acts>\nstruct ActivationList {};\n", """\
/// For tests: x / (1 + x²).
struct ToyActivation : ActivationTraits {
  static constexpr std::string_view name = "toy";
  static constexpr bool odd = true;
  static constexpr std::array<double, 0> kinks{};
  template <class T>
  HD static T value(T x) {
    return x / (T(1) + x * x);
  }
  template <class T>
  HD static T slope(T x) {
    const T q = T(1) + x * x;
    return (T(1) - x * x) / (q * q);
  }
};

template <class... Acts>
struct ActivationList {};
"""),
        ("kernels/activation/functions.h", "Mish, HardSwish>;", "Mish, HardSwish, ToyActivation>;"),
    ],
    "clip rule": [
        ("kernels/clip/rules.h", "template <class... Rules>\nstruct ClipRuleList {};\n", """\
/// For tests: half the threshold.
struct ToyLimit : ClipLimit {
  HD static double of(double threshold, ClipGroup /*group*/) { return 0.5 * threshold; }
};
struct ByToy {
  static constexpr std::string_view name = "toy";
  static constexpr ClipScope scope = ClipScope::tensor;
  using Limit = ToyLimit;
  static constexpr int flops = 3;
};

template <class... Rules>
struct ClipRuleList {};
"""),
        ("kernels/clip/rules.h", "ByValue, ByRms>;", "ByValue, ByRms, ByToy>;"),
    ],
}
# A knob: its field and its effect, and the one entry that says all the rest of it.
KNOB = [
    ("host/growth/study/spec.h", "  bool renormalised = false;", "  double toy = 1;  // for tests: a factor of W's standard deviation\n  bool renormalised = false;"),
    ("host/growth/knobs/knobs.cpp", "Knob loss_scale() {", """\
Knob toy() {
  return plain("--toy", "for tests: factor of W", of(&GrowthSpec::toy),
               {.says_none = [](const GrowthSpec& s) { return s.toy == 1; },
                .tag = [](const GrowthSpec& s) { return s.toy == 1 ? "" : "toy" + shortest(s.toy); },
                .sweep = {.key = "toy", .set = [](GrowthSpec& s, double value) { s.toy = value; }}});
}

Knob loss_scale() {"""),
    ("host/growth/knobs/knobs.cpp", "loss_scale(),", "toy(), loss_scale(),"),
    ("host/growth/study/resolve.cpp", "  init.W = resolve_weights(spec);\n",
     "  init.W = resolve_weights(spec);\n  init.W.scale *= spec.toy;\n"),
]


def add(folder, changes):
    """Files beside new ones, and lines that came, beside the thing itself."""
    for name, before, after in changes:
        path = folder / name
        if before is None:
            path.write_text(after)
            continue
        text = path.read_text()
        assert text.count(before) == 1, f"{name}: {before!r} stands there {text.count(before)} times"
        path.write_text(text.replace(before, after))


def run(command, folder, **more):
    return subprocess.run(command, cwd=folder, check=True, text=True, **more)


def copy(folder):
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-c", "--null", "-T", "-"], cwd=ROOT, input=tracked, check=True,
                   stdout=(folder / "tree.tar").open("wb"))
    run(["tar", "-xf", "tree.tar"], folder)
    (folder / "tree.tar").unlink()
    run(["git", "init", "-q"], folder)
    run(["git", "add", "-A"], folder)
    run(["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qm", "before"], folder)


def cost(folder):
    """Of what was added since: files beside new ones, and lines."""
    out = run(["git", "diff", "--numstat"], folder, capture_output=True).stdout
    rows = [line.split("\t") for line in out.splitlines()]
    run(["git", "add", "-A"], folder)
    run(["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-qm", "added"], folder)
    return len(rows), sum(int(row[0]) for row in rows)


def rows_of(program, *arguments, status=0):
    done = subprocess.run([program, *arguments, "--format", "json"], text=True, capture_output=True)
    assert done.returncode == status, f"{arguments}: {done.returncode} {done.stderr}"
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="gradepth-toys-"))
    folder.mkdir(parents=True, exist_ok=True)
    copy(folder)
    limits = {"cell": (5, 15), "activation": (1, None), "clip rule": (3, None)}
    for kind, changes in ADDITIONS.items():
        add(folder, changes)
        files, lines = cost(folder)
        print(f"{kind}: {files} files and {lines} lines beside its own file")
        most_files, most_lines = limits[kind]
        assert files <= most_files and (most_lines is None or lines <= most_lines), kind
    add(folder, KNOB)
    print(f"knob: {cost(folder)[0]} files, {sum(len(a.splitlines()) for _, _, a in KNOB)} lines with those around")

    build = folder / "build" / "cpu"
    run(["cmake", "-S", ".", "-B", str(build), "--preset", "cpu", "-DGRADEPTH_BATCHES=ON", "-DGRADEPTH_WERROR=ON"],
        folder, stdout=subprocess.DEVNULL)
    run(["ninja", "-C", str(build), "gradepth", "kernels_tests"], folder, stdout=subprocess.DEVNULL)
    program = str(build / "gradepth")

    # check: every provider of ours is right on each, or says that it lacks it.
    for provider in ("reference", "cpu", "simt", "onednn"):
        rows = rows_of(program, "check", "--preset", "small", "--provider", provider, "--filter", "toy")
        # cpu and onednn have float32 alone.
        rows = [r for r in rows if r["dtype"] == "f32"]
        seen = {kind: [r for r in rows if r["name"].startswith(begin)] for kind, begin in
                (("cell", "recurrent/toy/"), ("activation", "activation/toy/"), ("clip rule", "clip/toy/"))}
        for kind, of_kind in seen.items():
            assert of_kind, f"{provider}: no workload of the new {kind}"
            wanted = {"unsupported"} if provider == "onednn" else {"ok"}
            if provider == "simt" and kind == "cell":
                wanted = {"ok", "unsupported"}  # slopes from the input
            states = {r["status"] for r in of_kind}
            assert states <= wanted and (provider == "onednn" or "ok" in states), (provider, kind, states)
        print(f"check {provider}: {len(rows)} rows of the new ones")

    # growth: the kernels' norms and the Jacobians' agree; by closed form where W is 0: h' = h / 2.
    for provider in ("reference", "cpu", "simt"):
        row, = rows_of(program, "growth", "--net", "toy", "--init", "constant:0", "--depth", "20", "--width", "3",
                       "--provider", provider, "--lyapunov", "1")
        assert abs(row["rate"]["value"] + 0.6931471805599453) < 1e-4, row["rate"]
        assert abs(row["lyapunov"][0] + 0.6931471805599453) < 1e-12, row["lyapunov"]
    row, = rows_of(program, "growth", "--activation", "toy", "--depth", "30", "--width", "64", "--init", "gaussian:1")
    assert row["theory"] is not None and row["status"] == "ok", "mean field of the new activation"

    # The knob: its effect, its place in row, name and identity, its sweep, its help.
    one, = rows_of(program, "growth", "--activation", "identity", "--init", "orthogonal:0.5", "--depth", "20")
    assert "toy" not in one["setting"] or one["setting"]["toy"] == 1
    row, = rows_of(program, "growth", "--activation", "identity", "--init", "orthogonal:0.5", "--depth", "20", "--toy", "1.5")
    assert row["setting"]["toy"] == 1.5 and "toy1.5" in row["name"] and " toy=1.5 " in row["identity"], row["name"]
    assert row["identity"] != one["identity"]
    swept = rows_of(program, "growth", "--activation", "identity", "--depth", "20", "--sweep", "toy=0.5:1.5:0.5")
    assert len(swept) == 3 and len({r["identity"] for r in swept}) == 3
    help_text = run([program, "growth", "--help"], folder, capture_output=True).stdout
    assert re.search(r"--toy FLOAT", help_text), "the knob's flag"
    for what in ("--net", "--activation", "--sweep"):
        line = help_text.split(what + " ")[1].split("\n  -")[0]
        assert re.search(r"\btoy\b", line), f"{what}: {line}"
    print("growth, sweep, help: known everywhere")

    # Kernels: what asks for no formula by hand passes; what does says that it has none of the new ones.
    tests = str(build / "tests" / "kernels" / "kernels_tests")
    chosen = "PersistentRecurrence.Gives*:PersistentRecurrence.HasThe*:Clip*:Activation*-*IsTheFormulaForEveryList"
    run([tests, "--gtest_brief=1", f"--gtest_filter={chosen}"], folder)
    for test, words in (("ClipNormTest/0.IsTheFormulaForEveryList", "a rule without a limit by hand: toy"),
                        ("CellKernels.StepByStep*", "the oracle has no cell toy")):
        done = subprocess.run([tests, f"--gtest_filter={test}"], capture_output=True, text=True)
        assert done.returncode != 0 and words in done.stdout, (test, done.stdout)
    print("kernels: right, and their tests ask for a formula by hand")


if __name__ == "__main__":
    main()
