#!/usr/bin/env python3
"""Mean field of a GRU with fresh weights, for tests/growth/theory_test.cpp: prints q and 1/2 ln chi at the fixed point.

    python3 tests/growth/gru_mean_field_numbers.py

Plain sums over a grid of the Gaussian pre-activations (a_r, a_z, and m and b_n apart); shares no code with the program.
"""
import math


def grid(n):
    step = 16.0 / n
    z = [-8 + (i + 0.5) * step for i in range(n)]
    w = [math.exp(-0.5 * x * x) for x in z]
    total = sum(w)
    return [(x, y / total) for x, y in zip(z, w)]


def sigmoid(a):
    return 1 / (1 + math.exp(-a)) if a > -700 else 0.0


def step(q, sigma_w, sigma_b, update, n_gate, n_candidate):
    s = math.sqrt(sigma_w**2 * q + sigma_b**2)
    gate, fine = grid(n_gate), grid(n_candidate)
    n2 = through_m = through_r = 0.0
    for a, wa in gate:
        r = sigmoid(s * a)
        slope_r = r * (1 - r)
        # tanh's argument b_n + r m in two parts: m of deviation s, b_n of deviation sigma_b, summed exactly as one
        # Gaussian u of deviation d, with m = lean u + rest.
        d = math.sqrt(sigma_b**2 + (r * s) ** 2)
        lean = r * s * s / (d * d)
        rest2 = s * s - lean * r * s * s
        for u, wu in fine:
            x = d * u
            n = math.tanh(x)
            slope = 1 - n * n
            n2 += wa * wu * n * n
            through_m += wa * wu * (r * slope) ** 2
            through_r += wa * wu * (slope_r * slope) ** 2 * ((lean * x) ** 2 + rest2)
    keep = sum(w * sigmoid(update + s * a) ** 2 for a, w in gate)
    take = sum(w * sigmoid(-update - s * a) ** 2 for a, w in gate)
    slope_z = sum(w * (sigmoid(update + s * a) * sigmoid(-update - s * a)) ** 2 for a, w in gate)
    return take * n2 + keep * q, keep + sigma_w**2 * ((q + n2) * slope_z + take * (through_m + through_r))


def main():
    for sigma_w, sigma_b, update in ((2.0, 0.5, 0.0), (3.0, 0.0, -1.0), (6.0, 0.2, 2.0), (20.0, 0.1, 0.0)):
        q, chi = 0.5, 0.0
        n = 400 if sigma_w < 10 else 1600
        for _ in range(1000):
            previous = q
            q, chi = step(q, sigma_w, sigma_b, update, n, n)
            if abs(q - previous) < 1e-9 * q:
                break
        print(f"{{{sigma_w}, {sigma_b}, {update}, {q:.8f}, {0.5 * math.log(chi):.8f}}}", flush=True)


if __name__ == "__main__":
    main()
