#!/usr/bin/env python3
"""What a build prints, written to a folder and compared byte by byte: for changes that should change nothing.

    python3 tests/studies/printed.py write build/cpu FOLDER          (10 minutes on 2 cores; --small: some seconds)
    python3 tests/studies/printed.py compare BEFORE AFTER

One file per command: its arguments, exit status, standard output and error. Times, dates and the lines that say
where a row comes from are dropped. Files differ where the machine does: write both on the same one.
"""

import argparse
import concurrent.futures
import csv
import filecmp
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
WEIGHTS = ROOT / "tests" / "golden" / "weights"
EXACT = ["--provider", "reference", "--dtype", "f64"]
VOLATILE = {"commit", "compiler", "flags", "threads", "load", "command", "date", "seconds"}
# Of a row that was timed, what no two runs share.
TIMED = {"ms", "noise", "blocks", "samples", "limit", "of_limit", "versus", "gflops", "gbs", "disturbed", "limits"}

NETS = {
    "mlp": ["--net", "mlp"],
    "cnn": ["--net", "cnn", "--width", "5"],
    "residual": ["--net", "residual"],
    "preact": ["--net", "residual", "--residual", "preact"],
    "scaled": ["--net", "residual", "--residual", "scaled:0.3"],
    "elman": ["--net", "elman"],
    "lstm": ["--net", "lstm"],
    "gru": ["--net", "gru"],
    "additive": ["--net", "additive", "--init", "constant:0.5"],
    "sum": ["--net", "additive", "--form", "sum", "--init", "constant:0.5"],
    "terms": ["--net", "additive", "--form", "terms:3", "--init", "constant:0.5"],
}
SMALL_NET = ["--width", "7", "--depth", "9", "--seeds", "3"]
FLAGS = {
    "plain": [],
    "gain": ["--init", "gaussian:1.3", "--bias", "gaussian:0.2", "--h0", "fixed-point"],
    "orthogonal": ["--init", "orthogonal:0.9", "--activation", "relu", "--batch", "3"],
    "deep": ["--depth", "60", "--width", "33", "--seeds", "4", "--activation", "gelu"],
    "sparse": ["--density", "0.4", "--loss-gradient", "ones"],
    "input": ["--input", "gaussian:0.3", "--forget-bias", "1.5"],
    "impulse": ["--input", "impulse", "--share", "off"],
    "loss": ["--loss-on", "both", "--loss-scale", "8"],
    "clip": ["--clip-value", "0.01"],
    "f16": ["--dtype", "f16", "--provider", "reference", "--depth", "40"],
    "bf16": ["--dtype", "bf16", "--provider", "reference", "--slope", "input"],
    "f64": [*EXACT, "--renormalised"],
    "simt": ["--provider", "simt"],
    "precision": ["--precision", "--depth", "30"],
    "jacobian": [*EXACT, "--lyapunov", "3", "--singular-values", "--transient"],
    "saxe": ["--init", "saxe", "--activation", "tanh"],
    "csv": ["--format", "csv"],
    "table": ["--format", "table"],
}
SWEEPS = {
    "gain": ["--sweep", "gain=0.5:1.5:0.25", "--net", "mlp"],
    "map": ["--sweep", "gain=0.8:1.2:0.2,bias=0:0.2:0.1", "--net", "elman"],
    "depth": ["--sweep", "depth=4:12:4", "--net", "residual", "--residual", "scaled:0.5"],
    "forget": ["--sweep", "forget-bias=0:4:2", "--net", "lstm"],
    "width": ["--sweep", "width=3:9:3", "--net", "gru"],
}
BAD = """
growth --net rnn
growth --activation swosh
growth --depth 0
growth --depth 010x
growth --depth -3
growth --width 0
growth --width 1e3
growth --seeds 0
growth --seed -1
growth --init gaussian
growth --init gaussian:x
growth --init circle:1
growth --init file:none.csv
growth --bias gaussian:-1
growth --bias uniform:1
growth --h0 warm
growth --input loud
growth --net mlp --input gaussian:1
growth --net mlp --forget-bias 2
growth --net mlp --loss-on c
growth --net mlp --share off
growth --net elman --residual preact
growth --net lstm --form sum
growth --net mlp --preset irnn
growth --preset lenet
growth --density 0
growth --density 1.5
growth --residual scaled
growth --loss-gradient nan
growth --clip-value -1
growth --loss-scale 0
growth --lyapunov -1
growth --provider gpu
growth --provider cudnn
growth --dtype f8
growth --dtype f16
growth --format xml
growth --slope both
growth --sweep gain
growth --sweep gain=1:2
growth --sweep gain=2:1:0.1
growth --sweep colour=1:2:1
growth --weights none.safetensors
growth --weights {weights}/pickled.pt
growth --weights {weights}/bomb.npz
growth --weights {weights}/foreign.npz
growth --weights {weights}/model.safetensors
growth --module encoder
growth --inputs {weights}/inputs.npz
growth --out folder
growth --widht 3
growth extra
share --net mlp
share --density 1
share --seeds 1
share --activation nothing
slopes --depth 0
train --task copy
train --net gru
train --steps 0
train --learning-rate -1
train --data none.csv
train --data /dev/null
train --optimiser adam2
train --seeds 0
check --preset huge
check --provider gpu
check --provider ""
check --filter (
check --filter nothing-has-this-name
check --variant fast
check --math fp8
compare
compare none.jsonl none.jsonl
profile
profile nothing
profile recurrent/elman/tanh/f32/T5_B3_H33
suite --preset huge
suite --out
speed
groth
--versoin
"""
COMMANDS_WITH_HELP = ["", "info", "growth", "share", "slopes", "train", "check", "compare", "profile", "suite"]


def commands(small):
    """(name, program, arguments) of everything that is written."""
    gradepth, speed = "gradepth", "gradepth_speed"
    for command in COMMANDS_WITH_HELP:
        yield f"help_{command or 'all'}", gradepth, [*command.split(), "--help"]
    yield "help_speed", speed, ["--help"]
    for preset in ("brief", "small", "quick", "full"):
        yield f"list_{preset}", speed, [f"--preset={preset}", "--benchmark_list_tests=true"]
    step = 8 if small else 1
    for number, line in list(enumerate(BAD.strip().splitlines()))[::step]:
        arguments = ["" if word == '""' else word.format(weights=WEIGHTS) for word in line.split()]
        yield f"bad_{number:02}", gradepth, arguments
    nets = {"lstm": NETS["lstm"]} if small else NETS
    for (net, chosen), (flags, more) in list(itertools.product(nets.items(), FLAGS.items()))[:: 4 if small else 1]:
        arguments = merged([*SMALL_NET, "--format", "json"], chosen, more)
        yield f"growth_{net}_{flags}", gradepth, ["growth", *arguments]
    if small:
        return
    yield "slopes", gradepth, ["slopes", "--format", "json"]
    yield "check_brief", gradepth, ["check", "--preset", "brief", "--format", "json"]
    for name, flags in SWEEPS.items():
        for form in ("json", "table", "csv"):
            arguments = merged([*SMALL_NET, "--format", form, "--out", "{folder}"], flags)
            yield f"sweep_{name}_{form}", gradepth, ["growth", *arguments]
    for path in sorted(WEIGHTS.iterdir()):
        for net in ("elman", "lstm", "gru"):
            arguments = ["--net", net, "--weights", str(path), "--depth", "12", "--format", "json"]
            yield f"weights_{path.name}_{net}", gradepth, ["growth", *arguments]
    for net in ("elman", "lstm", "gru"):
        for form in ("json", "table"):
            arguments = merged([*SMALL_NET, "--net", net, "--format", form])
            yield f"share_{net}_{form}", gradepth, ["share", *arguments]
    for dtype, optimiser in itertools.product(("f32", "f64", "bf16"), ("adam", "sgd")):
        arguments = ["--net", "elman-tanh,irnn,lstm", "--steps", "3", "--seeds", "2", "--dtype", dtype]
        provider = "cpu" if dtype == "f32" else "reference"
        yield (f"train_{dtype}_{optimiser}", gradepth,
               ["train", *arguments, "--optimiser", optimiser, "--provider", provider, "--format", "json"])  # fmt: skip
    for provider in ("reference", "cpu", "onednn", "simt"):
        yield f"check_small_{provider}", gradepth, ["check", "--provider", provider, "--format", "json"]
    for variant in ("small", "persistent", "steps", "graph"):
        arguments = ["check", "--provider", "simt", "--filter", "recurrent", "--variant", variant, "--schedule", "5"]
        yield f"check_{variant}", gradepth, [*arguments, "--format", "json"]
    yield "check_quick", gradepth, ["check", "--preset", "quick", "--provider", "reference,cpu", "--format", "json"]
    yield "check_seed", gradepth, ["check", "--seed", "3", "--format", "csv"]
    yield "meter", "../meter/gradepth_meter", ["--format", "json"]


def merged(*parts):
    """Flags with their values; the last value of a flag wins."""
    flags = {}
    for part in parts:
        key = None
        for word in part:
            if word.startswith("--"):
                key = word
                flags[key] = []
            else:
                flags[key].append(word)
    return [word for key, values in flags.items() for word in (key, *values)]


def kept(value):
    if isinstance(value, dict):
        return {key: kept(item) for key, item in value.items() if key not in VOLATILE | TIMED}
    return [kept(item) for item in value] if isinstance(value, list) else value


def settled(text, folder):
    """The text without what changes from run to run."""
    lines = []
    header = None  # of a CSV table
    for line in text.splitlines():
        cells = next(csv.reader([line]), [])
        if "commit" in cells:
            header = cells
        if header and len(cells) == len(header):
            line = ",".join(cell for cell, column in zip(cells, header) if column not in VOLATILE | TIMED)
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            line = json.dumps(kept(row), separators=(",", ":"))
        lines.append(line)
    text = "\n".join(lines).replace(str(folder), "FOLDER").replace(str(ROOT), "ROOT")
    text = re.sub(r"=\S+(/bench/data/digits.csv)", r"=ROOT\1", text)
    return re.sub(r"\b\d+(\.\d+)?( m?s\b)", r"TIME\2", text)


def write(build, folder, small):
    for program in {program for _, program, _ in commands(small)}:
        if not (build / program).exists():
            sys.exit(f"{build / program} is not there: build it first (presets cpu and meter)")
    folder.mkdir(parents=True)
    refused = []

    def run(command):
        name, program, arguments = command
        with tempfile.TemporaryDirectory() as scratch:
            arguments = [word.replace("{folder}", f"{scratch}/out") for word in arguments]
            environment = {**os.environ, "OMP_NUM_THREADS": "1"}
            done = subprocess.run([build / program, *arguments], capture_output=True, text=True, cwd=scratch, env=environment)
            said = "\n".join([" ".join(arguments), f"exit {done.returncode}", done.stdout, done.stderr])
            rows = pathlib.Path(scratch, "out")
            for file in sorted(rows.glob("**/*.jsonl")) if rows.exists() else []:
                said += f"\n{file.name}\n{file.read_text()}"
            (folder / name).write_text(settled(said, scratch) + "\n")
        if done.returncode != 0 and not name.startswith("bad_"):
            refused.append(name)
        return name

    chosen = list(commands(small))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for count, name in enumerate(pool.map(run, chosen), 1):
            if sys.stderr.isatty():
                print(f"\r{count} of {len(chosen)} {name:40}", end="", file=sys.stderr)
    # What does not fit a net is refused; the rest must run, or the comparison says nothing of it.
    print(f"{len(chosen)} commands in {folder}, {len(refused)} refused: {' '.join(sorted(refused))}")


def compare(before, after):
    names = sorted({path.name for folder in (before, after) for path in folder.iterdir()})
    different = []
    for name in names:
        both = [before / name, after / name]
        if not all(path.exists() for path in both) or not filecmp.cmp(*both, shallow=False):
            different.append(name)
    for name in different[:20]:
        subprocess.run(["diff", "-u", before / name, after / name, "--label", f"before/{name}", "--label", f"after/{name}"])
    print(f"{len(names) - len(different)} of {len(names)} the same")
    return 1 if different or not names else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    actions = parser.add_subparsers(dest="action", required=True)
    writes = actions.add_parser("write")
    writes.add_argument("build", type=pathlib.Path)
    writes.add_argument("folder", type=pathlib.Path)
    writes.add_argument("--small", action="store_true")
    compares = actions.add_parser("compare")
    compares.add_argument("before", type=pathlib.Path)
    compares.add_argument("after", type=pathlib.Path)
    chosen = parser.parse_args()
    if chosen.action == "write":
        write(chosen.build.resolve(), chosen.folder, chosen.small)
        return 0
    return compare(chosen.before, chosen.after)


if __name__ == "__main__":
    sys.exit(main())
