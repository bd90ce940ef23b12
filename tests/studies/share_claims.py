#!/usr/bin/env python3
"""One W for all maps beside fresh ones, in full size: what sharing does to mean and spread, and why.

Run by hand (about two minutes on 2 cores):
    python3 tests/studies/share_claims.py build/cpu/gradepth
"""

import json
import math
import statistics
import subprocess
import sys
import time
import unittest

GRADEPTH = sys.argv.pop(1)


def run(command, *arguments):
    begin = time.monotonic()
    done = subprocess.run([GRADEPTH, command, "--format", "json", *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr + done.stdout
    print(f"{time.monotonic() - begin:6.1f} s  {command} {' '.join(map(str, arguments))}", file=sys.stderr)
    return json.loads(done.stdout)


def half_width(interval):
    return (interval["high"] - interval["low"]) / 2


def spread(row):
    """Of the totals, and its standard error."""
    totals = [row["depth"] * rate for rate in row["rates"]]
    return statistics.stdev(totals), statistics.stdev(totals) / math.sqrt(2 * len(totals))


LINEAR = ("--net", "elman", "--activation", "identity", "--init", "gaussian:1", "--width", 64)


class Linear(unittest.TestCase):
    def test_shared(self):
        row = run("growth", *LINEAR, "--depth", 240, "--seeds", 20, "--half-width", 0.003)
        rate, (deviation, _) = row["rate"], spread(row)
        print(f"          {row['seeds']} seeds: {rate}, spread {deviation:.2f}", file=sys.stderr)
        self.assertLessEqual(half_width(rate), 0.003)
        self.assertTrue(0.040 < rate["value"] < 0.056)
        self.assertTrue(10.5 < deviation < 12.5)
        self.assertAlmostEqual(deviation / row["theory"]["total"]["spread"], 1, delta=0.03)

    def test_fresh(self):
        """-0.00785, the mean of 1/2 [psi(32) + ln(2/64)], and a spread of sqrt(240 psi_1(32)) / 2 = 1.380."""
        row = run("growth", *LINEAR, "--depth", 240, "--share", "off", "--seeds", 100, "--half-width", 0.0003)
        deviation, error = spread(row)
        growths = row["growths"]
        print(f"          {row['seeds']} seeds: {row['rate']}, fit {deviation:.3f}, whole way "
              f"{statistics.stdev(growths):.3f}", file=sys.stderr)
        self.assertAlmostEqual(row["rate"]["value"], -0.0079, delta=0.0005)
        self.assertAlmostEqual(row["theory"]["total"]["spread"], 1.380, delta=0.001)
        self.assertAlmostEqual(statistics.stdev(growths), 1.38, delta=0.08)

    def test_totals_are_L_ln_rho(self):
        offsets = []
        for depth, slope, tolerance in ((240, 0.98, 0.02), (960, 0.995, 0.01)):
            law = run("share", *LINEAR[2:], "--depth", depth, "--seeds", 300 if depth == 240 else 100)["chains"][0]["law"]
            print(f"          L {depth}: slope {law['slope']}, correlation {law['correlation']:.4f}, intercept "
                  f"{law['intercept']:.3f}, offset {law['offset']}", file=sys.stderr)
            self.assertAlmostEqual(law["slope"]["value"], slope, delta=tolerance)
            self.assertGreater(law["correlation"], 0.98)
            offsets.append(law["intercept"])
        for offset in offsets:
            self.assertAlmostEqual(offset, -1.2, delta=0.3)


class Nonlinear(unittest.TestCase):
    def test_relu(self):
        study = run("share", "--net", "elman", "--activation", "relu", "--init", "gaussian:1.5", "--width", 256,
                    "--depth", 60, "--seeds", 400)  # fmt: skip
        difference = study["contrasts"][0]["mean_difference"]
        print(f"          shared - fresh: {difference}", file=sys.stderr)
        self.assertAlmostEqual(difference["value"], 0.86, delta=0.3)
        self.assertGreater(difference["low"], 0.4)

    def test_tied_convolution(self):
        study = run("share", "--net", "cnn", "--activation", "relu", "--init", "he", "--width", 16, "--depth", 60,
                    "--seeds", 60)  # fmt: skip
        shared, fresh = (chain["rate"] for chain in study["chains"][:2])
        print(f"          tied {shared}, fresh {fresh}", file=sys.stderr)
        self.assertGreater(shared["low"], 0)
        self.assertLess(fresh["high"], 0)


if __name__ == "__main__":
    unittest.main()
