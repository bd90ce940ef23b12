"""Makes mean_field_numbers.h: mean-field numbers that share no code with host/growth.

    python3 tests/growth/mean_field_numbers.py > tests/growth/mean_field_numbers.h

mpmath (tested: 1.3.0) at 30 digits: activations written from their papers' formulas, slopes by
mpmath's numerical differentiation, integrals by tanh-sinh quadrature over pieces that end at kinks,
the fixed point by plain iteration of the map of q, the critical sigma by the secant method on
chi(sigma) = 1 (the C++ solves another equation, in q). Takes about ten minutes.
"""

from mpmath import mp, mpf, quad, sqrt, exp, log, tanh, erf, pi, diff, npdf, findroot

mp.dps = 30

SELU_SCALE = mpf("1.0507009873554804934193349852946")
SELU_ALPHA = mpf("1.6732632423543772848170429916717")


def softplus(x):
    return log(1 + exp(x))


ACTIVATIONS = {  # name: (f, kinks)
    "identity": (lambda x: x, []),
    "sigmoid": (lambda x: 1 / (1 + exp(-x)), []),
    "tanh": (tanh, []),
    "relu": (lambda x: x if x > 0 else mpf(0), [0]),
    "leaky_relu": (lambda x: x if x > 0 else mpf("0.01") * x, [0]),
    "elu": (lambda x: x if x > 0 else exp(x) - 1, [0]),
    "selu": (lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * (exp(x) - 1)), [0]),
    "gelu": (lambda x: x * (1 + erf(x / sqrt(2))) / 2, []),
    "gelu_tanh": (
        lambda x: x / 2 * (1 + tanh(sqrt(2 / pi) * (x + mpf("0.044715") * x**3))), []),
    "silu": (lambda x: x / (1 + exp(-x)), []),
    "softplus": (softplus, []),
    "softsign": (lambda x: x / (1 + abs(x)), [0]),
    "hard_sigmoid": (lambda x: min(mpf(1), max(mpf(0), (x + 3) / 6)), [-3, 3]),
    "hard_tanh": (lambda x: min(mpf(1), max(mpf(-1), x)), [-1, 1]),
    "mish": (lambda x: x * tanh(softplus(x)), []),
    "hard_swish": (lambda x: x * min(mpf(6), max(mpf(0), x + 3)) / 6, [-3, 3]),
}


def expect(g, q, kinks):
    s = sqrt(mpf(q))
    edges = sorted({mpf(z) for z in range(-14, 15, 2)} | {k / s for k in kinks if abs(k / s) < 14}
                   | {z / s for z in (-8, -4, -2, -1, 0, 1, 2, 4, 8) if abs(z / s) < 14})
    return quad(lambda z: g(s * z) * npdf(z), edges)


def slope(f):
    return lambda x: diff(f, x, h=mpf(10) ** -12)


def moments(name, q):
    f, kinks = ACTIVATIONS[name]
    d = slope(f)
    return expect(lambda x: f(x) ** 2, q, kinks), expect(lambda x: d(x) ** 2, q, kinks)


def fixed_point(name, sigma2, noise, q=mpf(1)):
    f, kinks = ACTIVATIONS[name]
    for _ in range(2000):
        new = sigma2 * expect(lambda x: f(x) ** 2, q, kinks) + noise
        if abs(new - q) < mpf(10) ** -16 * q:
            return new
        q = new
    raise RuntimeError(name)


def critical(name, noise, low, high):
    def excess(sigma):
        q = fixed_point(name, sigma**2, noise)
        return sigma**2 * moments(name, q)[1] - 1

    return findroot(excess, (mpf(low), mpf(high)), solver="secant", tol=mpf(10) ** -24)


def number(x):
    return mp.nstr(x, 17, min_fixed=-5, max_fixed=8)


def main():
    print("#pragma once\n\n#include \"kernels/activation/activation.h\"\n\n// Made by tests/growth/mean_field_numbers.py; do not edit.\n// clang-format off\n")
    print("namespace gradepth::test {\n")
    print("struct KnownMoments {\n  Activation activation;\n  double q;\n  double value2;\n"
          "  double slope2;\n};")
    print("inline constexpr KnownMoments known_moments[] = {")
    mp.dps = 25
    for name in ACTIVATIONS:
        for q in ("0.09", "1", "25"):
            value2, slope2 = moments(name, mpf(q))
            print(f'    {{"{name}", {q}, {number(value2)}, {number(slope2)}}},')
    print("};\n")
    mp.dps = 18
    print("struct KnownFixedPoint {\n  Activation activation;\n  double sigma_w2;\n  double noise;\n"
          "  double q;\n  double chi;\n};")
    print("inline constexpr KnownFixedPoint known_fixed_points[] = {")
    for name, sigma2, noise in (("tanh", "2.25", "0.05"), ("tanh", "4", "0"), ("sigmoid", "4", "0.1"),
                                ("relu", "1", "0.1"), ("gelu", "1", "0.05"), ("elu", "1", "0.05"),
                                ("selu", "1", "0"), ("hard_tanh", "2.25", "0.05"),
                                ("softsign", "5", "0.05"), ("silu", "2.25", "0.05")):
        q = fixed_point(name, mpf(sigma2), mpf(noise))
        chi = mpf(sigma2) * moments(name, q)[1]
        print(f'    {{"{name}", {sigma2}, {noise}, {number(q)}, {number(chi)}}},')
    print("};\n")
    mp.dps = 16
    print("struct KnownCritical {\n  Activation activation;\n  double noise;\n  double sigma_w;\n};")
    print("inline constexpr KnownCritical known_criticals[] = {")
    for name, noise, low, high in (("tanh", "0.05", "1.3", "1.35"), ("hard_tanh", "0.05", "1.05", "1.1")):
        print(f'    {{"{name}", {noise}, {number(critical(name, mpf(noise), low, high))}}},')
    print("};\n")
    print("}  // namespace gradepth::test")


if __name__ == "__main__":
    main()
