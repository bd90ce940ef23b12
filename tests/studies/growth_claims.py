"""What theory says of gradient growth, against what the program measures, in full size.

Run by hand (some minutes; ctest runs the same claims in small):
    python3 tests/studies/growth_claims.py build/cpu/gradepth
The expected numbers come from closed forms, or from the quadrature below; none from the program.
"""

import json
import math
import subprocess
import sys
import tempfile
import time
import unittest

GRADEPTH = sys.argv.pop(1)
EXACT = ["--provider", "reference", "--dtype", "f64"]


def growth(*arguments):
    begin = time.monotonic()
    done = subprocess.run(
        [GRADEPTH, "growth", "--format", "json", *EXACT, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr + done.stdout
    print(f"{time.monotonic() - begin:6.1f} s  growth {' '.join(map(str, arguments))}", file=sys.stderr)
    return json.loads(done.stdout)


def expectation(f, deviation):
    """E f(deviation z) over a standard Gaussian z: trapezoids, whose error falls faster than any power here."""
    n, end = 4001, 12.0
    step = 2 * end / (n - 1)
    total = 0.0
    for i in range(n):
        z = -end + i * step
        total += f(deviation * z) * math.exp(-0.5 * z * z)
    return total * step / math.sqrt(2 * math.pi)


def slope2(a):
    return (1 - math.tanh(a) ** 2) ** 2


def fixed_point(sigma_w, sigma_b, q=1.0):
    for _ in range(20000):
        previous, q = q, sigma_w**2 * expectation(lambda a: math.tanh(a) ** 2, math.sqrt(q)) + sigma_b**2
        if abs(q - previous) < 1e-14 * max(q, 1e-300):
            break
    return q


def chi(sigma_w, sigma_b):
    return sigma_w**2 * expectation(slope2, math.sqrt(fixed_point(sigma_w, sigma_b)))


def carried_rate(f, slope, sigma_w, sigma_b, depth, q=None):
    """Least-squares slope of sum 1/2 ln chi(q_l) over the depths that a measurement is fitted to."""
    q = sigma_w**2 + sigma_b**2 if q is None else q
    by_map = []
    for _ in range(depth):
        deviation = math.sqrt(q)
        by_map.append(0.5 * math.log(sigma_w**2 * expectation(lambda a: slope(a) ** 2, deviation)))
        q = sigma_w**2 * expectation(lambda a: f(a) ** 2, deviation) + sigma_b**2
    ln_norm = [0.0]
    for step in reversed(by_map):
        ln_norm.append(ln_norm[-1] + step)
    margin = 0 if depth < 20 else -(-depth // 10)
    window = range(margin, depth - margin + 1)
    centre = sum(window) / len(window)
    return sum((d - centre) * ln_norm[d] for d in window) / sum((d - centre) ** 2 for d in window)


def sigmoid(a):
    return 1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a))


class ClosedForms(unittest.TestCase):
    def near(self, measured, expected, relative=1e-10):
        self.assertAlmostEqual(measured / expected, 1, delta=relative)

    def test_orthogonal(self):
        for rho, T, width in [(0.9, 100, 64), (1.1, 37, 7), (0.5, 200, 33), (1, 1, 1), (2, 33, 100)]:
            row = growth("--net", "elman", "--activation", "identity", "--init", f"orthogonal:{rho}",
                         "--depth", T, "--width", width)  # fmt: skip
            self.near(row["ratio"][T], rho**T)

    def test_sigmoid_at_its_fixed_point(self):
        # w = 1, h0 = 1/2, b = -1/2: a = 0 and f' = 1/4 at every step.
        row = growth("--net", "elman", "--activation", "sigmoid", "--width", 1, "--init", "constant:1",
                     "--bias", "constant:-0.5", "--h0", "constant:0.5", "--depth", 30)  # fmt: skip
        for n in range(31):
            self.near(row["ratio"][n], 4.0**-n)

    def test_irnn(self):
        row = growth("--preset", "irnn", "--h0", "constant:1", "--depth", 100)
        self.assertEqual(row["ratio"], [1.0] * 101)
        row = growth("--preset", "irnn", "--h0", "constant:0", "--depth", 100)
        self.assertEqual((row["ratio"][100], row["verdict"]), (0, "zero"))

    def test_scalar_recurrence(self):
        for w, T in [(0.9, 20), (1.05, 50), (0.5, 7)]:
            row = growth("--net", "elman", "--activation", "identity", "--width", 1, "--init", f"constant:{w}",
                         "--h0", "constant:0", "--input", "impulse", "--loss-gradient", "ones", "--depth", T)  # fmt: skip
            gradient = row["weight_gradient"]
            self.near(gradient["sum"], (T - 1) * w ** (T - 2))
            for lag in gradient["by_lag"][: T - 1]:
                self.near(lag, w ** (T - 2))
            self.assertEqual(gradient["by_lag"][T - 1], 0)  # h_0 = 0
            for i in range(T - 1):
                for j in range(T - 1):
                    self.near(gradient["cosine"][i][j], 1)

    def test_lstm_forget_path(self):
        for bias, T in [(-1, 20), (0, 10), (3, 100)]:
            row = growth("--net", "lstm", "--init", "constant:0", "--forget-bias", bias, "--depth", T, "--width", 8)
            self.near(row["ratio"][T], (1 / (1 + math.exp(-bias))) ** T)

    def test_additive(self):
        for w in (0.3, 0.6, 1.0, -0.5, -3.9):
            row = growth("--net", "additive", "--init", f"constant:{w}", "--width", 1, "--depth", 40)
            root = (w + math.sqrt(w * w + 4 * w)) / 2 if w > 0 else math.sqrt(-w)
            self.near(math.exp(row["theory"]["rate"]), root)
        for w in (0.3, -0.1, -0.9):
            row = growth("--net", "additive", "--form", "sum", "--init", f"constant:{w}", "--width", 1, "--depth", 30)
            self.near(row["ratio"][30], abs(w) * (1 + w) ** 29)
            self.near(row["theory"]["rate"], math.log(1 + w))

    def test_not_normal(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as matrix:
            matrix.write("0.9,1\n0,0.9\n")
            matrix.flush()
            row = growth("--net", "elman", "--activation", "identity", "--init", f"file:{matrix.name}",
                         "--width", 2, "--depth", 60, "--seeds", 1)  # fmt: skip
        # W^t = [[a, t a / 0.9], [0, a]], a = 0.9^t; its largest singular value in closed form.
        norms = []
        for t in range(1, 61):
            a, b = 0.9**t, t * 0.9 ** (t - 1)
            norms.append((b + math.sqrt(b * b + 4 * a * a)) / 2)
        self.assertAlmostEqual(row["transient"]["max"], max(norms), delta=1e-6)
        self.assertEqual(row["transient"]["step"], norms.index(max(norms)) + 1)
        self.assertAlmostEqual(row["transient"]["last"], norms[-1], delta=1e-6)


class MeanField(unittest.TestCase):
    def test_theory(self):
        pairs = [(0.5, 0.3), (0.9, 0.05), (1.5, 0.2236), (3, 0.1), (1.2, 2), (8, 0.7), (2.2, 0), (0.3, 5)]
        for sigma_w, sigma_b in pairs:
            row = growth("--init", f"gaussian:{sigma_w}", "--bias", f"gaussian:{sigma_b}", "--width", 4, "--depth", 2,
                         "--seeds", 1, "--h0", "gaussian:0.5")  # fmt: skip
            self.assertAlmostEqual(row["theory"]["asymptotic"], 0.5 * math.log(chi(sigma_w, sigma_b)), delta=1e-6)

    def test_window(self):
        nets = {"tanh": (math.tanh, lambda a: 1 / math.cosh(a) ** 2),
                "softsign": (lambda a: a / (1 + abs(a)), lambda a: 1 / (1 + abs(a)) ** 2),
                "silu": (lambda a: a * sigmoid(a), lambda a: sigmoid(a) * (1 + a * sigmoid(-a)))}  # fmt: skip
        for name, sigma_w, sigma_b, depth in [("tanh", 0.9, 0, 8), ("tanh", 1, 0, 100), ("tanh", 2, 0.3, 30),
                                              ("softsign", 1.3, 0, 30), ("silu", 1.7, 0.2, 25)]:  # fmt: skip
            row = growth("--activation", name, "--init", f"gaussian:{sigma_w}", "--bias", f"gaussian:{sigma_b}",
                         "--width", 4, "--depth", depth, "--seeds", 1)  # fmt: skip
            expected = carried_rate(*nets[name], sigma_w, sigma_b, depth)
            print(f"          {name} {sigma_w}: {row['theory']['rate']:.5f}, own {expected:.5f}", file=sys.stderr)
            self.assertAlmostEqual(row["theory"]["rate"], expected, delta=1e-5)

    def test_critical_gain(self):
        sigma_b = math.sqrt(0.05)
        row = growth("--init", "gaussian:1.5", "--bias", f"gaussian:{sigma_b!r}", "--width", 4, "--depth", 2, "--seeds", 1)
        critical = row["theory"]["critical_sigma"]
        self.assertLess(chi(critical - 1e-5, sigma_b), 1)
        self.assertGreater(chi(critical + 1e-5, sigma_b), 1)

    def test_measured(self):
        for sigma_w in (1, 1.5, 2.5):
            row = growth("--init", f"gaussian:{sigma_w}", "--bias", "gaussian:0.2236", "--h0", "fixed-point",
                         "--width", 512, "--depth", 50, "--seeds", 20)  # fmt: skip
            self.assertAlmostEqual(row["rate"]["value"], row["theory"]["rate"], delta=0.02)

    def test_autonomous_network(self):
        for gain in (1.5, 2, 3):
            row = growth("--net", "elman", "--init", f"gaussian:{gain}", "--width", 1000, "--depth", 1000, "--lyapunov", 1)
            print(f"          gain {gain}: {row['lyapunov'][0]:.4f}, 1/2 ln chi {0.5 * math.log(chi(gain, 0)):.4f}",
                  file=sys.stderr)  # fmt: skip
            self.assertAlmostEqual(row["lyapunov"][0], 0.5 * math.log(chi(gain, 0)), delta=0.015)


def digamma(x):
    """By recurrence up to 20, then the asymptotic series."""
    shift = 0.0
    while x < 20:
        shift -= 1 / x
        x += 1
    return shift + math.log(x) - 1 / (2 * x) - 1 / (12 * x**2) + 1 / (120 * x**4) - 1 / (252 * x**6)


class RandomMatrices(unittest.TestCase):
    def test_gaussian_products(self):
        row = growth("--net", "mlp", "--activation", "identity", "--init", "gaussian:1", "--width", 4,
                     "--depth", 100000, "--seeds", 1, "--lyapunov", 4)  # fmt: skip
        for i, exponent in enumerate(row["lyapunov"], start=1):
            expected = 0.5 * (digamma((4 - i + 1) / 2) + math.log(2 / 4))
            self.assertAlmostEqual(exponent, expected, delta=0.015)

    def test_he(self):
        row = growth("--activation", "relu", "--init", "he", "--width", 32, "--depth", 8, "--seeds", 40000)
        variance = (1 + 5 / 32) ** 8 - 1
        print(f"          mean {row['ratio_squared_mean'][8]:.4f}, variance {row['ratio_squared_variance'][8]:.3f}, "
              f"formula {variance:.3f}", file=sys.stderr)  # fmt: skip
        self.assertAlmostEqual(row["ratio_squared_mean"][8], 1, delta=0.03)
        self.assertAlmostEqual(row["ratio_squared_variance"][8] / variance, 1, delta=0.4)


    def test_terms_of_order_1_over_width(self):
        for arguments in (("--net", "mlp", "--density", 0.3), ("--net", "residual", "--residual", "preact")):
            row = growth("--activation", "relu", "--init", "he", "--width", 128, "--depth", 40, "--seeds", 1500, *arguments)
            print(f"          {row['rate']}, theory {row['theory']['rate']:.5f}", file=sys.stderr)
            self.assertLess(row["rate"]["low"], row["theory"]["rate"])
            self.assertLess(row["theory"]["rate"], row["rate"]["high"])


class Slopes(unittest.TestCase):
    """Saturated nets: |g| falls by f'(a) per map, until a format has lost half of the digits of its elements."""

    # Bits after the point, the exponent of the least number.
    FORMATS = {"f32": (23, -149), "bf16": (7, -133), "f16": (10, -24)}

    @staticmethod
    def rounded(x, bits):
        mantissa, exponent = math.frexp(x)
        return math.ldexp(round(mantissa * 2 ** (bits + 1)), exponent - bits - 1)

    def predicted(self, slope, width, bits, least):
        """Elements of a unit vector of that width: deviation 1/sqrt(width), typical size sqrt(3) times that."""
        if slope == 0:
            return 1
        end = (0.5 * (bits + 1) + least) * math.log(2)
        start = math.log(math.sqrt(3 / width))
        return max(1, math.ceil((end - start) / math.log(abs(slope))))

    def test_saturated_nets(self):
        done = subprocess.run([GRADEPTH, "slopes", "--format", "json"], capture_output=True, text=True, check=True)
        row = json.loads(done.stdout)
        width = 64
        checked = 0
        for net in row["nets"]:
            a = net["argument"]
            if net["activation"] == "gelu":
                slope = 0.5 * math.erfc(-a / math.sqrt(2)) + a * math.exp(-0.5 * a * a) / math.sqrt(2 * math.pi)
            else:
                y = math.tanh(a) if net["activation"] == "tanh" else 1 / (1 + math.exp(-a))
                slope = 1 / math.cosh(a) ** 2 if net["activation"] == "tanh" else math.exp(-a) / (1 + math.exp(-a)) ** 2
            self.assertAlmostEqual(net["slope"] / slope, 1, delta=1e-12)
            for name, (bits, least) in self.FORMATS.items():
                expected = {"input": self.predicted(slope, width, bits, least)}
                if net["activation"] != "gelu":
                    stored = self.rounded(y, bits)
                    kept = 1 - stored * stored if net["activation"] == "tanh" else stored * (1 - stored)
                    expected["output"] = self.predicted(kept, width, bits, least)
                for side, depth in expected.items():
                    lost_at = net["lost_at"][name][side]
                    print(f"          {net['activation']} {a} {name} {side}: lost at {lost_at}, predicted {depth}",
                          file=sys.stderr)  # fmt: skip
                    self.assertLessEqual(abs(lost_at - depth), 1)
                    checked += 1
        self.assertEqual(checked, 6 * 6 + 3 * 3)


def roots_rate(w, terms, steps=6000):
    """ln-norm per step of f' = w (sum of the last `terms`), by products that are rescaled on the way."""
    last, ln, middle = [1.0] + [0.0] * (terms - 1), 0.0, 0.0
    for t in range(steps):
        last = [w * sum(last), *last[:-1]]
        norm = math.sqrt(sum(v * v for v in last))
        last = [v / norm for v in last]
        ln += math.log(norm)
        middle = ln if t == steps // 3 else middle
    return (ln - middle) / (steps - steps // 3 - 1)


class Claims(unittest.TestCase):
    """Said often, true or not; in small in tests/growth/claims."""

    def test_additive_forms_vanish_and_explode(self):
        for terms, w in [(3, 0.2), (3, 0.6), (8, 0.05), (8, 0.2), (8, -0.6), (8, -2.5), (20, 0.04), (20, 0.3)]:
            row = growth("--net", "additive", "--form", f"terms:{terms}", "--init", f"constant:{w}", "--width", 1,
                         "--depth", 1000)  # fmt: skip
            rate = roots_rate(w, terms)
            self.assertAlmostEqual(row["theory"]["rate"], rate, delta=2e-3)
            self.assertAlmostEqual(row["rate"]["value"], rate, delta=0.01)
            self.assertEqual(row["verdict"], "exploding" if rate > 0 else "vanishing")

    def test_an_eigenvalue_above_1_under_relu(self):
        with tempfile.NamedTemporaryFile("w", suffix=".csv") as matrix:
            matrix.write("1,-1\n-1,1\n")
            matrix.flush()
            net = ["--net", "elman", "--init", f"file:{matrix.name}", "--width", 2, "--depth", 1000, "--seeds", 200]
            row = growth(*net, "--activation", "relu")
            self.assertEqual((row["verdict"], row["theory"]), ("stable", None))
            self.assertLessEqual(row["ratio_squared_mean"][1000], 2)
            row = growth(*net, "--activation", "identity")
        self.assertAlmostEqual(row["rate"]["value"], math.log(2), delta=1e-10)

    def test_open_paths_halve(self):
        width, depth, seeds = 64, 12, 4000
        row = growth("--activation", "relu", "--init", "he", "--width", width, "--depth", depth, "--seeds", seeds)
        for d in range(1, depth + 1):
            deviation = math.sqrt(((1 + 1 / width) ** d - 1) / seeds)  # E s^2 of one map: 1/4 + 1/(4 width)
            self.assertAlmostEqual(math.exp(row["ln_open_paths"][d]) * 2**d, 1, delta=4.5 * deviation)
        self.assertEqual(row["verdict"], "stable")

    def test_curse_of_memory(self):
        seeds = 10000
        for w, T in [(0.5, 40), (0.9, 120)]:
            row = growth("--net", "elman", "--activation", "identity", "--width", 1, "--init", f"constant:{w}",
                         "--h0", "constant:0", "--input", "gaussian:1", "--loss-gradient", "ones", "--depth", T,
                         "--seeds", seeds)  # fmt: skip
            gradient = row["weight_gradient"]
            limit = (1 + w * w) / (1 - w * w) ** 3
            self.assertAlmostEqual(gradient["theory"]["sum_squared_mean"] / limit, 1, delta=1e-6)
            self.assertAlmostEqual(gradient["sum_squared_mean"] / limit, 1, delta=4 * math.sqrt(2 / seeds))
            self.assertEqual(row["verdict"], "vanishing")

    def test_input_that_ends(self):
        for gain, until in [(1.5, 15), (2.5, 25)]:
            row = growth("--net", "elman", "--share", "off", "--init", f"gaussian:{gain}", "--input",
                         f"gaussian:1,until:{until}", "--width", 512, "--depth", 30, "--seeds", 12)  # fmt: skip
            print(f"          {row['rate']}, theory {row['theory']['rate']:.5f}", file=sys.stderr)
            # Theory leaves out (3 k - 1) / (4 width) per map: the mean of ln |g|^2 lies below the ln of the mean.
            noise = row["rate"]["high"] - row["rate"]["value"] + 8 / (4 * 512)
            self.assertAlmostEqual(row["rate"]["value"], row["theory"]["rate"], delta=1.5 * noise)

    def test_irnn_under_input(self):
        row = growth("--net", "elman", "--activation", "relu", "--init", "identity:1", "--bias", "constant:1", "--h0",
                     "constant:0", "--width", 16, "--depth", 5000, "--seeds", 1)  # fmt: skip
        self.assertEqual(set(row["ratio"]), {1.0})
        for d in range(0, 5000, 500):
            self.assertAlmostEqual(row["forward_norm"][d], math.log(4 * (5000 - d)), delta=1e-12)


class Speed(unittest.TestCase):
    def test_sweep(self):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.monotonic()
            done = subprocess.run(
                [GRADEPTH, "growth", *EXACT, "--sweep", "gain=0.1:3:0.1", "--width", "256", "--depth", "100", "--out", folder],
                capture_output=True,
                text=True,
            )
            seconds = time.monotonic() - begin
        print(f"{seconds:6.1f} s  --sweep of 30 gains x 8 seeds", file=sys.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(seconds, 60)


if __name__ == "__main__":
    unittest.main()
