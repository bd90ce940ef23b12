#!/usr/bin/env python3
"""The term of order 1/width that theory.rate leaves out, for settings of theory_study.py. By hand:

    python3 tests/studies/theory_width_term.py 33,35,53,60,67        (mlp or elman, W fresh)

q of one draw differs from its mean by d on average, with variance V, both of order 1/N:
  d' = F' d + 1/2 F'' V,  V' = F'^2 V + s_w^4 Var f^2 / N,  F the map of q;
ln of the squared gradient is moved by (ln chi)' d + 1/2 (ln chi)'' V; the logarithm of a mean of squares lies above the
mean of their logarithms by half of their relative variance, (2 + 3 (k - 1)) / N with k = E f'^4 / (E f'^2)^2; and the
part of W that made the pre-activations, one of N directions, carries R = E (W h)^2 f'^2 / (s_w^2 q E f'^2) of the mean.
Sums over a grid; shares no code with the program.
"""
import math
import sys

import theory_study

WIDTH = 512
GRID = [-10 + 20 * i / 4000 for i in range(4001)]
WEIGHTS = [math.exp(-0.5 * z * z) for z in GRID]
TOTAL = sum(WEIGHTS)


def mean(f, s):
    return sum(w * f(s * z) for z, w in zip(GRID, WEIGHTS)) / TOTAL


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


FUNCTIONS = {
    "sigmoid": (sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "silu": (lambda x: x * sigmoid(x), lambda x: sigmoid(x) * (1 + x * sigmoid(-x))),
    "leaky_relu": (lambda x: x if x > 0 else 0.01 * x, lambda x: 1.0 if x > 0 else 0.01),
    "tanh": (math.tanh, lambda x: 1 - math.tanh(x) ** 2),
}


def by_map(setting):
    """1/2 ln chi and its term of order 1/N for each map, from the input on."""
    f, slope = FUNCTIONS[setting["activation"]]
    s2, b2 = setting["gain"] ** 2, setting["bias"] ** 2

    def next_q(q):
        return s2 * mean(lambda x: f(x) ** 2, math.sqrt(q)) + b2

    def ln_chi(q):
        return math.log(s2 * mean(lambda x: slope(x) ** 2, math.sqrt(q)))

    def derivatives(g, q):
        step = 1e-3 * q
        low, middle, high = g(q - step), g(q), g(q + step)
        return middle, (high - low) / (2 * step), (high - 2 * middle + low) / step**2

    q, d, V = s2 + b2, 0.0, 2 * s2 * s2 / WIDTH  # |h_0|^2 is a chi-square of N
    for _ in range(setting["depth"]):
        s = math.sqrt(q)
        chi, chi1, chi2 = derivatives(ln_chi, q)
        slope2 = mean(lambda x: slope(x) ** 2, s)
        kurtosis = mean(lambda x: slope(x) ** 4, s) / slope2**2
        share = (q - b2) / q
        R = (share * mean(lambda x: (x * slope(x)) ** 2, s) / q + b2 / q * slope2) / slope2
        term = 0.5 * (chi1 * d + 0.5 * chi2 * V) - (2 + 3 * (kurtosis - 1)) / (4 * WIDTH) + (R - 1) / (2 * WIDTH)
        yield 0.5 * chi, term
        q_next, F1, F2 = derivatives(next_q, q)
        spread = mean(lambda x: f(x) ** 4, s) - mean(lambda x: f(x) ** 2, s) ** 2
        d, V, q = F1 * d + 0.5 * F2 * V, F1**2 * V + s2 * s2 * spread / WIDTH, q_next


def window_slope(rates):
    """Least-squares slope over the fit's window of depths; rates from the loss on."""
    L = len(rates)
    total = [0.0]
    for rate in rates:
        total.append(total[-1] + rate)
    margin = -(-L // 10) if L >= 20 else 0
    depths = range(margin, L - margin + 1)
    centre = sum(depths) / len(depths)
    return (sum((k - centre) * total[k] for k in depths) / sum((k - centre) ** 2 for k in depths))


def main():
    settings = theory_study.draw_settings()
    for n in map(int, sys.argv[1].split(",")):
        setting = settings[n]
        maps = list(by_map(setting))[::-1]
        rate, term = (window_slope([m[i] for m in maps]) for i in (0, 1))
        print(f"{n:3} {setting['net']:6} {setting['activation']:10} carried {rate:8.4f}, term {term:8.4f}, "
              f"together {rate + term:8.4f}", flush=True)


if __name__ == "__main__":
    main()
