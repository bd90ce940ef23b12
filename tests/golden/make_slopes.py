#!/usr/bin/env python3
"""Writes slopes.csv: f' of every activation in 60-digit arithmetic (mpmath), over the whole range of float64.

Columns: activation, x, f'(x) rounded to float64, and the larger of the terms that f' is the sum of, which is f'
itself where there is one alone: next to a zero of f' the error is measured by it. The formulas are those of the
papers, in so many digits that 60 are left after their cancellations. Needs mpmath: python3 make_slopes.py
"""
import math
from pathlib import Path

import mpmath as mp

mp.mp.dps = 400  # e^-745 beside 1 takes 324

SELU_SCALE = mp.mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mp.mpf("1.6732632423543772848170429916717")


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def density(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def gelu_tanh(x):
    c = mp.mpf("0.044715")
    u = mp.sqrt(2 / mp.pi) * (x + c * x**3)
    t = mp.tanh(u)
    return (1 + t) / 2, x * (1 - t * t) / 2 * mp.sqrt(2 / mp.pi) * (1 + 3 * c * x * x)


def mish(x):
    t = mp.tanh(mp.log1p(mp.exp(x)))
    return t, x * (1 - t * t) * sigmoid(x)


# The terms of f', and beyond which x it no longer changes in float64 (or is 0 there).
SMOOTH = {
    "sigmoid": (lambda x: (sigmoid(x) * (1 - sigmoid(x)),), 760),
    "tanh": (lambda x: (1 - mp.tanh(x) ** 2,), 380),
    "elu": (lambda x: (mp.exp(x) if x <= 0 else mp.mpf(1),), 760),
    "selu": (lambda x: (SELU_SCALE * SELU_ALPHA * mp.exp(x) if x <= 0 else SELU_SCALE,), 760),
    "gelu": (lambda x: (mp.erfc(-x / mp.sqrt(2)) / 2, x * density(x)), 45),
    "gelu_tanh": (gelu_tanh, 25),
    "silu": (lambda x: (sigmoid(x), x * sigmoid(x) * (1 - sigmoid(x))), 770),
    "softplus": (lambda x: (sigmoid(x),), 760),
    "softsign": (lambda x: (1 / (1 + abs(x)) ** 2,), 1e308),
    "mish": (mish, 770),
}
PIECEWISE = {
    "identity": (lambda x: mp.mpf(1), []),
    "relu": (lambda x: mp.mpf(x > 0), [0]),
    "leaky_relu": (lambda x: mp.mpf(1) if x > 0 else mp.mpf("0.01"), [0]),
    "hard_swish": (lambda x: mp.mpf(0) if x <= -3 else mp.mpf(1) if x >= 3 else (2 * x + 3) / 6, [-3, -1.5, 3]),
    "hard_sigmoid": (lambda x: mp.mpf(1) / 6 if -3 < x < 3 else mp.mpf(0), [-3, 3]),
    "hard_tanh": (lambda x: mp.mpf(-1 < x < 1), [-1, 1]),
}
ZEROS = {"gelu": -0.75, "gelu_tanh": -0.75, "silu": -1.28, "mish": -1.19}


def short(x):
    """A number of few digits next to x: its text says it exactly."""
    return float(f"{x:.4g}")


def spread(low, high, n):
    """n numbers from low to high, evenly in their logarithms."""
    first, last = math.log10(low), math.log10(high)
    return [short(10 ** (first + (last - first) * i / (n - 1))) for i in range(n)]


def around(point):
    """Both sides of a point, from the next numbers on outwards."""
    near = [point]
    for side in (-math.inf, math.inf):
        x = point
        for _ in range(3):
            x = math.nextafter(x, side)
            near.append(x)
        near += [point + math.copysign(10.0**-k, side) for k in range(1, 17)]
    return near


def smooth_points(name, end):
    sizes = spread(5e-324, 1e-3, 60) + spread(1e-3, min(end, 1e3), 260)
    sizes += [short(end * (0.9 + 0.1 * i / 80)) for i in range(81)] if end < 1e308 else []
    sizes += spread(max(1e3, end), 1.7e308, 40) if end < 1e308 else spread(1e3, 1.7e308, 200)
    points = [0.0] + sizes + [-x for x in sizes]
    if name in ZEROS:
        terms = SMOOTH[name][0]
        points += around(float(mp.findroot(lambda x: sum(terms(x)), ZEROS[name])))
    return points + around(0.0)


def main():
    lines = ["activation,x,slope,term"]
    for name, (terms, end) in SMOOTH.items():
        for x in sorted(set(smooth_points(name, end))):
            # exp of 10^308 takes that many digits; f' is 0 or its limit there.
            at = mp.mpf(max(-4000.0, min(4000.0, x))) if end < 1e308 else mp.mpf(x)
            parts = terms(at)
            lines.append(f"{name},{x!r},{float(sum(parts))!r},{float(max(map(abs, parts)))!r}")
    for name, (slope, kinks) in PIECEWISE.items():
        points = [p for kink in kinks for p in around(float(kink))]
        points += [side * x for side in (-1, 1) for x in spread(5e-324, 1.7e308, 30)]
        for x in sorted(set(points)):
            value = float(slope(mp.mpf(x)))
            lines.append(f"{name},{x!r},{value!r},{value!r}")
    Path(__file__).with_name("slopes.csv").write_text("\n".join(lines) + "\n")


main()
