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

    def test_numbers_are_decimal(self):
        for flag in ("--depth", "--width", "--seeds", "--seed", "--batch", "--lyapunov", "--density"):
            self.check(["growth", flag, "0x3"], flag, "0x3")
        self.check(["growth", "--seed", "-1"], "--seed -1", "from 0")
        self.check(["growth", "--depth", ""], "--depth")
        self.check(["growth", "--depth", "1e3"], "--depth 1e3", "whole number")
        self.check(["growth", "--seed", "18446744073709551615", "--seeds", "2"], "--seed", "below 2^64")
        self.check(["train", "--steps", "0x3"], "--steps 0x3")
        self.check(["train", "--steps", "0"], "--steps 0", "from 1")
        self.check(["train", "--seed", "-1"], "--seed -1")
        self.check(["compare", "a", "b", "--threshold", "nan"], "--threshold nan")
        self.check(["check", "--seed", "0x3"], "--seed 0x3")
        self.check(["share", "--depth", "0x3"], "--depth 0x3")
        self.check(["profile", "NAME", "--seed", "-1"], "--seed -1")
        self.check(["suite", "--seed", "1e3"], "--seed 1e3")

    def test_says_what_was_meant(self):
        self.check(["grwth"], "grwth", "did you mean growth?")
        self.check(["sped"], "sped", "did you mean speed?")
        self.check(["growth", "--dept", "5"], "--dept", "did you mean --depth?")
        self.check(["growth", "--activation", "tahn"], "did you mean tanh?")
        self.check(["growth", "--net", "lstmm"], "did you mean lstm?")
        self.check(["growth", "--preset", "irn"], "--preset irn", "did you mean irnn?")
        self.check(["growth", "--provider", "cpy"], "--provider cpy", "did you mean cpu?")
        self.check(["growth", "--sweep", "gian=1:2:1"], "--sweep gian", "did you mean gain?")
        self.check(["--versoin"], "--versoin", "did you mean --version?")
        self.check(["check", "--preset", "smal"], "did you mean small?")
        self.check(["train", "--net", "elman"], "--net elman", "did you mean elman-tanh?")
        self.check(["profile", "recurrent/elman/tahn/f32/T16_B32_H128/cpu"], "recurrent/elman/tanh/f32/T16_B32_H128/cpu?")
        self.check(["profile", "recurrent/elman/tanh/f32/T16_B32_H128"], "did you mean", "T16_B32_H128/cpu?")

    def test_one_provider_of_a_name(self):
        for command in ("growth", "share", "train", "suite", "check"):
            self.check([command, "--provider", ""], "--provider", "one of")
            self.check([command, "--provider", "cpu,nope"], "--provider", "nope", "one of")
        for command in ("growth", "share", "train", "suite"):
            self.check([command, "--provider", "cpu,reference"], "--provider", "one of")

    def test_what_has_no_effect(self):
        self.check(["growth", "--net", "mlp", "--forget-bias", "2"], "--forget-bias 2", "lstm, gru", "mlp")
        self.check(["growth", "--net", "mlp", "--preset", "irnn"], "--preset irnn", "elman", "mlp")
        self.check(["growth", "--net", "mlp", "--sweep", "forget-bias=0:1:1"], "forget-bias", "lstm, gru", "mlp")
        self.check(["growth", "--depth", "5", "--sweep", "depth=1:2:1"], "--depth 5", "--sweep depth")
        self.check(["train", "--net", "irnn", "--init", "gaussian"], "--init gaussian", "elman-tanh", "irnn")
        self.check(["train", "--steps", "3", "--epochs", "2"], "--epochs 2", "--steps")
        self.check(["share", "--net", "lstm", "--activation", "relu"], "--activation relu", "lstm has tanh")

    def test_deviations(self):
        for flag in ("--init", "--bias", "--h0", "--input"):
            self.check(["growth", "--net", "elman", flag, "gaussian:-1"], f"{flag} gaussian:-1", "0 or above")
            self.check(["growth", "--net", "elman", flag, "gaussian:nan"], f"{flag} gaussian:nan", "finite")

    def test_other_commands(self):
        self.check([], "a command is needed", "growth")
        self.check(["check", "--filter", "("], "--filter (", "regular expression")
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


def measured(row):
    """A row without what it says of its own command line and of the machine's load."""
    return {key: value for key, value in row.items() if key not in ("command", "load")}


class Flags(unittest.TestCase):
    SMALL = "--depth 010 --width 08 --seeds 02 --seed 010 --provider reference".split()

    def test_leading_zeros_are_not_octal(self):
        row = growth(*self.SMALL)
        self.assertEqual((row["depth"], row["seeds"]), (10, 2))
        self.assertEqual((row["setting"]["width"], row["setting"]["first_seed"]), (8, 10))
        plain = growth(*"--depth 10 --width 8 --seeds 2 --seed 10 --provider reference".split())
        self.assertEqual(measured(row), measured(plain))

    def test_names_that_people_use(self):
        small = "--depth 4 --width 4 --seeds 2".split()
        for said, meant in [
            ("--provider Reference --dtype float64", "--provider reference --dtype f64"),
            ("--dtype FP32", "--dtype f32"),
            ("--provider reference --dtype bfloat16", "--provider reference --dtype bf16"),
            ("--activation ReLU --init kaiming", "--activation relu --init he"),
            ("--activation swish --init glorot", "--activation silu --init xavier"),
            ("--init orthogonal", "--init orthogonal:1"),
            ("--init Gaussian --h0 gaussian", "--init gaussian:1 --h0 gaussian:1"),
            ("--net Elman --preset IRNN", "--net elman --preset irnn"),
        ]:
            rows = [measured(growth(*small, *flags.split())) for flags in (said, meant)]
            self.assertEqual(*rows, said)

    def test_sweeps_are_exact(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("growth", "--sweep", "h0=1e-14:3e-14:1e-14", "--depth", "3", "--width", "4", "--format", "json", "--out", folder)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([row["sweep"]["h0"] for row in rows], [1e-14, 2e-14, 3e-14])

    def test_the_cells_have_tanh_unless_told(self):
        done = run("share", "--net", "lstm", "--depth", "4", "--width", "4", "--seeds", "3", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)


class Train(unittest.TestCase):
    def row(self, *flags, net="lstm"):
        done = run("train", "--width", "8", "--net", net, "--steps", "03", "--format", "json", *flags)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_zero_means_zero(self):
        row = self.row("--learning-rate", "0", "--input-scale", "0")
        self.assertEqual((row["learning_rate"], row["input_scale"], row["steps"]), (0, 0, 3))
        for loss in row["loss_curve"]["loss"]:
            self.assertAlmostEqual(loss, math.log(10), places=5)
        row = self.row(net="elman-tanh")
        self.assertEqual((row["learning_rate"], row["input_scale"]), (0.002, 0.3))

    def test_a_seed_is_the_one_given(self):
        self.assertEqual(self.row("--seed", "4294967297")["seed"], 4294967297)
        done = run("train", "--width", "8", "--net", "lstm", "--steps", "1", "--seed", "4294967297")
        self.assertIn(" 4294967297 ", done.stdout)

    def test_names_that_people_use(self):
        self.assertEqual(self.row("--optimizer", "SGD", "--dtype", "float32")["optimiser"], "sgd")
        self.assertEqual(self.row("--init", "orthogonal:1", net="Elman_Tanh")["init"], "orthogonal")

    def test_a_missing_provider_is_a_row(self):
        done = run("train", "--net", "irnn", "--steps", "1", "--provider", "cudnn", "--format", "json")
        row = json.loads(done.stdout)
        if row["status"] == "unsupported":
            self.assertEqual((done.returncode, row["learning_rate"]), (1, 0.001))


class Profile(unittest.TestCase):
    NAME = "recurrent/elman/tanh/f32/T16_B32_H128/cpu"

    def test_prints_the_lines_for_nsight(self):
        done = run("profile", self.NAME)
        self.assertEqual(done.returncode, 0, done.stderr)
        nsys, ncu, record, stat = done.stdout.splitlines()
        self.assertTrue(nsys.startswith("nsys profile --capture-range=cudaProfilerApi "))
        for flag in ("--capture-range-end=stop", "--force-overwrite=true", "--cuda-graph-trace=node"):
            self.assertIn(f" {flag} ", nsys)
        self.assertTrue(ncu.startswith("ncu --profile-from-start off "))
        self.assertIn(" --import-source yes -f -o ", ncu)
        self.assertTrue(record.startswith("perf record "))
        self.assertTrue(stat.startswith("perf stat "))
        for line in (nsys, ncu, record, stat):
            self.assertTrue(line.endswith(f"{GRADEPTH} profile {self.NAME}"), line)
        self.assertIn("runs on the processor", done.stderr)

    def test_the_lines_repeat_the_flags(self):
        name = "recurrent/elman/tanh/f32/T5_B1_H1_I3/simt"
        done = run("profile", name, "--seed", "07", "--variant", "Steps", "--math", "tf32", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        row = json.loads(done.stdout)
        for tool in ("nsys", "ncu", "perf", "perf_stat"):
            self.assertTrue(row[tool].endswith(f"{name} --seed 7 --math tf32 --variant steps"), row[tool])
        self.assertIn("step by step", row["detail"])

    def test_a_provider_that_is_missing(self):
        done = run("profile", self.NAME.replace("/cpu", "/cuda"), "--format", "json")
        row = json.loads(done.stdout)
        if row["status"] == "unsupported":
            self.assertEqual(done.returncode, 1)
            self.assertTrue(row["reason"])
        self.assertIn("nsys profile", row["nsys"])
        self.assertNotIn("perf", row)

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
        for command in ("info", "growth", "share", "slopes", "train", "check", "compare", "profile", "suite"):
            done = run(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("--", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
