#!/usr/bin/env python3
"""Runs `growth` with extreme knobs drawn at random: every run ends within a second, with a row or one line of what is
not allowed.

    python3 tests/studies/extreme_draws.py build/cpu/gradepth [--draws 2000] [--seed N]

Prints its seed; a run that takes longer, crashes or prints no valid row is printed with its command and fails.
"""
import argparse
import json
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

LIMIT_S = 1.0
ACTIVATIONS = ("identity sigmoid tanh relu leaky_relu elu selu gelu gelu_tanh silu softplus softsign hard_sigmoid "
               "hard_tanh mish").split()
NETS = ["mlp", "cnn", "residual", "elman", "lstm", "gru", "additive"]


def extreme(rng):
    """A size from the whole range of float64, or its ends."""
    if rng.random() < 0.3:
        return rng.choice([0, 5e-324, 1e-308, 1e-160, 1e-20, 1, 1e8, 1e40, 1e154, 1e160, 1e200, 1.7e308])
    return float(f"{10 ** rng.uniform(-320, 308):.3g}")


def draw(rng):
    net = rng.choice(NETS)
    deep = [] if net == "cnn" else [1000]  # 64 pixels of a channel: that many seconds of plain work
    flags = ["--net", net, "--depth", rng.choice([1, 2, 3, 8, 33, 100, 400, *deep]), "--width", rng.choice([1, 2, 7, 8]),
             "--batch", rng.choice([1, 1, 2]), "--seeds", rng.choice([1, 2, 3]), "--seed", rng.randrange(2**63)]
    if net == "additive":
        flags += ["--init", f"constant:{rng.choice([-1, 1]) * extreme(rng)}", "--form",
                  rng.choice(["two-term", "sum", "terms:1", "terms:3", "terms:40"])]
    else:
        if net not in ("lstm", "gru"):
            flags += ["--activation", rng.choice(ACTIVATIONS)]
        kind = rng.choice(["gaussian", "gaussian", "orthogonal", "identity", "constant", "xavier", "he", "saxe", "np"])
        flags += ["--init", kind if kind in ("xavier", "he", "saxe", "np") else f"{kind}:{extreme(rng)}"]
        if rng.random() < 0.5:
            flags += ["--bias", f"{rng.choice(['gaussian', 'constant'])}:{extreme(rng)}"]
        if rng.random() < 0.3:
            flags += ["--density", rng.choice([1e-9, 0.01, 0.5])]
    h0 = rng.choice(["gaussian", "constant", "fixed-point"])
    flags += ["--h0", h0 if h0 == "fixed-point" else f"{h0}:{extreme(rng)}"]
    if net in ("elman", "lstm", "gru"):
        flags += ["--share", rng.choice(["on", "off"])]
        if rng.random() < 0.5:
            flags += ["--input", rng.choice(["impulse", f"gaussian:{extreme(rng)}"])]
    if net in ("lstm", "gru") and rng.random() < 0.5:
        flags += ["--forget-bias", rng.choice([-1, 1]) * extreme(rng)]
    if net == "residual":
        flags += ["--residual", rng.choice(["plain", "preact", f"scaled:{extreme(rng)}"])]
    if rng.random() < 0.3:
        flags += ["--loss-scale", extreme(rng) or 1]
    if rng.random() < 0.2:
        flags += ["--loss-gradient", "ones"]
    dtype, provider = rng.choice([("f64", "reference"), ("f32", "reference"), ("f16", "reference"),
                                  ("bf16", "reference"), ("f32", "cpu")])
    flags += ["--dtype", dtype, "--provider", provider, "--format", "json"]
    if rng.random() < 0.2:
        flags += ["--renormalised"]
    return [str(flag) for flag in flags]


def run(gradepth, flags):
    start = time.monotonic()
    try:
        done = subprocess.run([gradepth, "growth", *flags], capture_output=True, text=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return 30.0, "does not end"
    taken = time.monotonic() - start
    lines = done.stderr.splitlines()
    if done.returncode == 2 and len(lines) == 1:
        return taken, ""
    try:
        row = json.loads(done.stdout)
    except json.JSONDecodeError:
        return taken, f"exit {done.returncode}, no row: {done.stderr[-300:]}"
    wrong = "" if row["status"] == "ok" and done.returncode == 0 else f"{row['status']}: {row['reason']}"
    return taken, wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("gradepth")
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    rng = random.Random(arguments.seed)
    draws = [draw(rng) for _ in range(arguments.draws)]
    start = time.monotonic()
    failures = 0
    longest = 0.0
    with ThreadPoolExecutor(2) as pool:
        for flags, (taken, wrong) in zip(draws, pool.map(lambda f: run(arguments.gradepth, f), draws)):
            longest = max(longest, taken)
            if taken > LIMIT_S:
                wrong = wrong or f"takes {taken:.2f} s"
            if wrong:
                failures += 1
                print(f"{wrong}\n  growth {' '.join(flags)}", flush=True)
    print(f"{len(draws)} draws in {time.monotonic() - start:.0f} s, the longest {longest:.2f} s; {failures} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
