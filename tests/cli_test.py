"""The command line as a person meets it: good input, bad input, exit statuses, output.

Run by ctest as: python3 cli_test.py GRADEPTH GRADEPTH_SPEED [TEST...]
"""

import json
import math
import pathlib
import subprocess
import sys
import tempfile
import unittest

GRADEPTH = sys.argv[1]


def run(*arguments, program=None, timeout=120):
    return subprocess.run(
        [program or GRADEPTH, *arguments], capture_output=True, text=True, timeout=timeout
    )


def growth(*arguments):
    done = run("growth", "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class BadInput(unittest.TestCase):
    """Exit 2 and one line that names the flag, the value and what is allowed."""

    def check(self, arguments, *words, program=None):
        done = run(*arguments, program=program)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_growth(self):
        self.check(["growth", "--activation", "bogus"], "--activation", "bogus", "tanh")
        self.check(["growth", "--depth", "0"], "--depth", "0", "1")
        self.check(["growth", "--depth", "ten"], "--depth", "ten")
        self.check(["growth", "--width", "-3"], "--width", "-3")
        self.check(["growth", "--init", "file:missing.csv"], "--init", "missing.csv")
        self.check(["growth", "--init", "gaussian:x"], "--init", "gaussian:x")
        self.check(["growth", "--net", "transformer"], "--net", "transformer", "lstm")
        self.check(["growth", "--provider", "nope"], "--provider", "nope", "cpu")
        self.check(["growth", "--dtype", "f8"], "--dtype", "f8", "bf16")
        self.check(["growth", "--seeds", "0"], "--seeds", "0")
        self.check(["growth", "--density", "2"], "--density", "2")
        self.check(["growth", "--format", "xml"], "--format", "xml", "json")
        self.check(["growth", "--nosuchflag"], "--nosuchflag")
        self.check(["growth", "--net", "a\nb\x1b[2J"], "--net a?b?[2J")
        self.check(["growth", "--init", "file:a\nb"], "no such file")
        self.check(["growth", "--weights", "a\nb"], "--weights", "no such file")
        self.check(
            ["growth", "--activation", "relu", "--init", "gaussian:2", "--bias", "gaussian:1", "--h0", "fixed-point"],
            "fixed-point",
        )

    def test_other_commands(self):
        self.check([])
        self.check(["nosuchcommand"], "nosuchcommand")
        self.check(["check", "--preset", "huge"], "--preset", "huge")
        self.check(["check", "--filter", "nosuchworkload"], "--filter")
        self.check(["train", "--task", "nope"], "task", "nope", "digits")
        self.check(["train", "--optimiser", "newton"], "optimiser", "newton", "adam")
        self.check(["suite", "--preset", "huge"], "--preset", "huge")


class Growth(unittest.TestCase):
    def test_orthogonal_chain(self):
        flags = "--net elman --activation identity --init orthogonal:0.9 --depth 100 --width 64 --batch 1"
        flags = (flags + " --input zero --h0 gaussian:1 --seeds 1").split()
        for provider, dtype, allowed in [("reference", "f64", 1e-10), ("cpu", "f32", 1e-4), ("simt", "f32", 1e-4)]:
            row = growth(*flags, "--provider", provider, "--dtype", dtype)
            self.assertEqual(row["status"], "ok")
            self.assertEqual(len(row["ratio"]), 101)
            self.assertLess(abs(row["ratio"][100] / 0.9**100 - 1), allowed, provider)
            self.assertAlmostEqual(row["theory"]["rate"], math.log(0.9), places=12)

    def test_keys_of_a_row(self):
        row = growth("--net", "elman", "--depth", "12", "--width", "8", "--seeds", "3")
        for key in (
            "kind name provider dtype status reason seeds depth ln_norm ratio ratio_squared_mean rate theory total "
            "verdict reach zero subnormal nonfinite saturated forward_norm weight_gradient"
        ).split():
            self.assertIn(key, row)
        for key in ("median", "p10", "p90", "mean"):
            self.assertEqual(len(row["ln_norm"][key]), 13)
        self.assertIsNone(row["saturated"][0])
        self.assertEqual(len(row["weight_gradient"]["by_lag"]), 12)

    def test_a_seed_gives_the_same_row(self):
        flags = "--net lstm --depth 10 --width 8 --seeds 2 --seed 5".split()
        rows = [growth(*flags), growth(*flags)]
        for row in rows:
            row.pop("load")
        self.assertEqual(*rows)

    def test_a_provider_that_cannot_gives_its_row_and_exit_1(self):
        done = run("growth", "--provider", "cpu", "--dtype", "f64", "--format", "json", "--depth", "5")
        self.assertEqual(done.returncode, 1)
        row = json.loads(done.stdout)
        self.assertEqual(row["status"], "unsupported")
        self.assertTrue(row["reason"])

    def test_tables_fit_80_columns(self):
        for net in ("mlp", "elman", "lstm", "additive"):
            init = ["--init", "constant:0.5"] if net == "additive" else []
            self.check_width("growth", "--net", net, "--depth", "12", "--width", "8", *init)
        everything = ["--lyapunov", "8", "--singular-values", "--transient", "--renormalised", "--precision"]
        self.check_width("growth", "--net", "elman", "--depth", "60", "--width", "8", *everything)
        self.check_width("share", "--depth", "12", "--width", "8", "--seeds", "3")

    def check_width(self, *arguments):
        done = run(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLessEqual(max(len(line) for line in done.stdout.splitlines()), 80, done.stdout)


class Profile(unittest.TestCase):
    NAME = "recurrent/elman/tanh/f32/T16_B32_H128/cpu"

    def test_prints_the_lines_for_nsight(self):
        done = run("profile", self.NAME)
        self.assertEqual(done.returncode, 0, done.stderr)
        nsys, ncu = done.stdout.splitlines()
        self.assertTrue(nsys.startswith("nsys profile --capture-range=cudaProfilerApi "))
        self.assertTrue(ncu.startswith("ncu --profile-from-start off "))
        for line in (nsys, ncu):
            self.assertTrue(line.endswith(f"{GRADEPTH} profile {self.NAME}"), line)
        self.assertIn("runs on the processor", done.stderr)

    def test_a_row_that_cannot_be_run(self):
        done = run("profile", "--format", "json", "clip/norm/f32/N0_K0_at1/onednn")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stdout)["status"], "unsupported")

    def test_an_unknown_row(self):
        done = run("profile", "recurrent/elman")
        self.assertEqual(done.returncode, 2)
        self.assertIn("recurrent/elman", done.stderr)


class Info(unittest.TestCase):
    def test_names_every_provider(self):
        row = json.loads(run("info", "--format", "json").stdout)
        for provider in ("reference", "cpu", "onednn", "simt", "cuda", "cudnn"):
            self.assertIn(provider, {**row["providers"], **row["missing"]})
        self.assertIsNone(row["limits"])
        table = run("info").stdout
        for word in ("processor", "commit", "flags", "vector", "threads", "load", "command", "schema"):
            self.assertRegex(table, rf"(?m)^{word} ")

    def test_measures_when_asked(self):
        row = json.loads(run("info", "--limits", "--format", "json").stdout)
        self.assertGreater(row["limits"]["gb_per_s"], 0)
        self.assertGreater(row["limits"]["gflop_per_s"], 0)
        self.assertIn("bandwidth in", run("info", "--limits").stdout)

    def test_version_and_help(self):
        self.assertRegex(run("--version").stdout, r"^\d+\.\d+\.\d+$")
        for command in ("info", "growth", "train", "check", "suite"):
            done = run(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("--", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
