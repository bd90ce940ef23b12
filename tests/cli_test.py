"""The command line as a person meets it: good input, bad input, exit statuses, output.

Run by ctest as: python3 cli_test.py GRADEPTH
"""

import json
import math
import pathlib
import re
import signal
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


class Sweep(unittest.TestCase):
    GRID = ["growth", "--sweep", "gain=0.5:2:0.25", "--width", "6", "--depth", "5", "--seeds", "2"]

    def test_goes_on_where_it_was_interrupted(self):
        with tempfile.TemporaryDirectory() as folder:
            rows = pathlib.Path(folder, "results.jsonl")
            whole = run(*self.GRID, "--out", folder, "--format", "json")
            self.assertEqual(whole.returncode, 0, whole.stderr)
            lines = rows.read_text().splitlines()
            self.assertEqual(len(lines), 7)
            self.assertEqual(whole.stdout, rows.read_text())
            # A run that was killed while it wrote the fourth row.
            rows.write_text("\n".join(lines[:3]) + "\n" + lines[3][:40])
            again = run(*self.GRID, "--out", folder, "--format", "json")
            self.assertIn("3 of 7 points are there", again.stderr)
            self.assertEqual(again.stdout, whole.stdout)
            self.assertEqual(rows.read_text(), whole.stdout)
            # Another study does not take these rows for its own.
            other = run(*self.GRID, "--seed", "5", "--out", folder, "--format", "json")
            self.assertNotIn("points are there", other.stderr)
            self.assertEqual(len(rows.read_text().splitlines()), 14)

    def test_interrupt_keeps_rows(self):
        with tempfile.TemporaryDirectory() as folder:
            long = ["growth", "--sweep", "gain=0.5:2:0.0001", "--width", "60", "--depth", "50", "--out", folder]
            process = subprocess.Popen([GRADEPTH, *long], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            rows = pathlib.Path(folder, "results.jsonl")
            while not (rows.exists() and rows.stat().st_size > 0):
                self.assertIsNone(process.poll())
            process.send_signal(signal.SIGINT)
            _, message = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 130)
            self.assertIn("goes on from here", message.splitlines()[-1])
            for line in rows.read_text().splitlines():
                json.loads(line)

    def test_folder_of_something_else(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "results.jsonl").write_text("no rows\n")
            done = run(*self.GRID, "--out", folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("line 1", done.stderr)


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
        self.assertEqual(growth(*flags), growth(*flags))

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


class Suite(unittest.TestCase):
    def test_brief(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("suite", "--preset", "brief", "--out", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = (pathlib.Path(folder) / "results.jsonl").read_text().splitlines()
        rows = [json.loads(line) for line in lines]
        self.assertEqual({row["kind"] for row in rows}, {"info", "check", "growth", "study", "speed", "train"})
        for row in rows:
            self.assertIn(row["status"], ("ok", "unsupported"), row)
            if row["status"] == "unsupported":
                self.assertTrue(row["reason"], row)
        for line in done.stdout.splitlines():
            self.assertLessEqual(len(line), 80, line)
        self.assertRegex(done.stdout, re.compile("Gradient growth", re.I))

    def test_ctrl_c_keeps_what_was_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            suite = subprocess.Popen(
                [GRADEPTH, "suite", "--out", folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            for line in suite.stderr:  # until the first study of growth begins
                if "growth" in line:
                    break
            suite.send_signal(signal.SIGINT)
            rest = suite.stderr.read().splitlines()
            suite.stderr.close()
            self.assertEqual(suite.wait(timeout=60), 130)
            rows = (pathlib.Path(folder) / "results.jsonl").read_text().splitlines()
        self.assertIn("interrupted", rest[-1])
        self.assertGreater(len([json.loads(row) for row in rows]), 5)

    def test_an_unwritable_folder_is_one_line(self):
        done = run("suite", "--out", "/proc/nowhere")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1)
        self.assertIn("/proc/nowhere", done.stderr)

    def test_a_full_disk_is_one_line(self):
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "results.jsonl").symlink_to("/dev/full")
            done = run("suite", "--preset", "brief", "--out", folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("disk full", done.stderr.splitlines()[-1])


class Info(unittest.TestCase):
    def test_names_every_provider(self):
        row = json.loads(run("info", "--format", "json").stdout)
        for provider in ("reference", "cpu", "onednn", "simt", "cuda", "cudnn"):
            self.assertIn(provider, {**row["providers"], **row["missing"]})
        self.assertGreater(row["limits"]["gb_per_s"], 0)
        self.assertIn("processor", run("info").stdout)

    def test_version_and_help(self):
        self.assertRegex(run("--version").stdout, r"^\d+\.\d+\.\d+$")
        for command in ("info", "growth", "train", "check", "suite"):
            done = run(command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("--", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
