#!/usr/bin/env python3
"""Holds theory.rate against the measurement in 100 settings drawn at random. By hand, about half an hour:

    python3 tests/studies/theory_study.py build/cpu/gradepth [--only N,N…]

A setting is a net with fresh weights for every map, an activation, a gain, a bias, a density and a depth; width 512
(cnn: 64 channels), 20 seeds. The seed of the draw was fixed before the theory was made to follow the window of the
measurement, and stays. Prints a line for every setting and fails if theory lies inside the measured 99 % interval
(Student's t) in fewer than 90 of them.
"""
import argparse
import json
import math
import random
import subprocess
import sys

SEED = 20261130
SETTINGS = 100
NEEDED = 90
T_99 = 2.860934606449914  # Student's t at 0.995 with 19 degrees of freedom

NETS = {
    "mlp": ["--net", "mlp"],
    "cnn": ["--net", "cnn"],
    "residual": ["--net", "residual"],
    "preact": ["--net", "residual", "--residual", "preact"],
    "elman": ["--net", "elman", "--share", "off"],
}
ACTIVATIONS = ("identity sigmoid tanh relu leaky_relu elu selu gelu gelu_tanh silu softplus softsign hard_sigmoid "
               "hard_tanh mish").split()


def draw_settings():
    rng = random.Random(SEED)
    settings = []
    for _ in range(SETTINGS):
        settings.append({
            "net": rng.choice(list(NETS)),
            "activation": rng.choice(ACTIVATIONS),
            "gain": round(rng.uniform(0.5, 3), 3),
            "bias": round(rng.uniform(0, 0.5), 3) if rng.random() < 0.75 else 0,
            "density": round(rng.uniform(0.1, 1), 3) if rng.random() < 0.5 else 1,
            "depth": rng.randint(8, 100),
        })
    return settings


def command(gradepth, s):
    width = 64 if s["net"] == "cnn" else 512
    flags = [gradepth, "growth", *NETS[s["net"]], "--activation", s["activation"], "--init", f"gaussian:{s['gain']}",
             "--depth", s["depth"], "--width", width, "--density", s["density"], "--seeds", 20, "--format", "json"]
    if s["bias"]:
        flags += ["--bias", f"gaussian:{s['bias']}"]
    return [str(flag) for flag in flags]


def interval_99(rates):
    n = len(rates)
    mean = sum(rates) / n
    spread = math.sqrt(sum((r - mean) ** 2 for r in rates) / (n - 1))
    return mean, T_99 * spread / math.sqrt(n)


def text(x):
    return "       -" if x is None else f"{x:8.4f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("gradepth")
    parser.add_argument("--only", default="", help="numbers of settings")
    arguments = parser.parse_args()
    only = [int(n) for n in arguments.only.split(",") if n]
    inside = 0
    print("  n net      activation    gain  bias dens depth   theory asymptot measured   +-99%")
    for n, s in enumerate(draw_settings()):
        if only and n not in only:
            continue
        run = subprocess.run(command(arguments.gradepth, s), capture_output=True, text=True, check=False)
        row = json.loads(run.stdout.splitlines()[0])
        theory = row.get("theory") or {}
        rates = [r for r in row.get("rates") or [] if r is not None]
        if len(rates) < 20:
            verdict, mean, half = f"{len(rates)} rates", None, None
        else:
            mean, half = interval_99(rates)
            rate = theory.get("rate")
            hit = rate is not None and abs(rate - mean) <= half
            inside += hit
            verdict = "inside" if hit else "no theory" if rate is None else f"off {(rate - mean) / half:+.1f} half-widths"
        print(f"{n:3} {s['net']:8} {s['activation']:12} {s['gain']:5} {s['bias']:5} {s['density']:5} {s['depth']:4} "
              f"{text(theory.get('rate'))} {text(theory.get('asymptotic'))} {text(mean)} {text(half)} {verdict}",
              flush=True)
    total = len(only) or SETTINGS
    print(f"theory inside the 99 % interval in {inside} of {total}")
    sys.exit(0 if only or inside >= NEEDED else 1)


if __name__ == "__main__":
    main()
