"""How many threads come, how they wait, and that results do not depend on it.

Run by ctest as: python3 threads_test.py GRADEPTH GRADEPTH_SPEED
"""

import json
import os
import re
import shutil
import subprocess
import sys
import unittest

GRADEPTH, SPEED = sys.argv[1:3]
OURS = ("OMP_", "GOMP_", "KMP_")
PROCESSORS = len(os.sched_getaffinity(0))


def run(*command, timeout=300, **variables):
    """Runs a command without the caller's OpenMP settings, and with these."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    environment |= variables
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment)


def on_first_processor():
    return ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if shutil.which("taskset") else None


def has_openmp():
    # OpenMP itself speaks up in every build: oneDNN has it.
    return "-fopenmp" in json.loads(run(GRADEPTH, "info", "--format", "json").stdout.splitlines()[0])["flags"]


SETTINGS = [
    ({"OMP_THREAD_LIMIT": "1"}, 1),
    ({"OMP_NUM_THREADS": "1"}, 1),
    ({"OMP_NUM_THREADS": "4"}, 4),
    ({"OMP_NUM_THREADS": "4", "OMP_THREAD_LIMIT": "3"}, 3),
    ({"OMP_DYNAMIC": "true"}, None),  # as many as the load lets it
    ({"OMP_NUM_THREADS": "2", "OMP_DYNAMIC": "true"}, None),
    ({"OMP_NESTED": "true", "OMP_NUM_THREADS": "2"}, 2),
]


@unittest.skipUnless(has_openmp(), "built without OpenMP")
class Threads(unittest.TestCase):
    def rows(self, *arguments, prefix=(), **variables):
        done = run(*prefix, GRADEPTH, *arguments, "--format", "json", **variables)
        self.assertEqual(done.returncode, 0, f"{variables}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_results_are_right_with_any_team(self):
        for variables, _ in SETTINGS:
            with self.subTest(variables):
                rows = self.rows("check", "--preset", "brief", **variables)
                self.assertGreater(len(rows), 10)
                self.assertLessEqual({r["status"] for r in rows}, {"ok", "unsupported"})

    def test_a_deep_net_ends_when_fewer_threads_come(self):
        deep = ["check", "--preset", "quick", "--filter", "mlp/tanh/f32/L16_", "--provider", "cpu,onednn"]
        for variables in ({"OMP_THREAD_LIMIT": "1"}, {"OMP_NUM_THREADS": "4"}):
            with self.subTest(variables):
                rows = self.rows(*deep, **variables)
                self.assertEqual([r["status"] for r in rows], ["ok", "ok"])

    def test_everybody_is_told_the_number_that_comes(self):
        counts = [(variables, expected, ()) for variables, expected in SETTINGS] + [({}, PROCESSORS, ())]
        if on_first_processor():
            counts.append(({}, 1, on_first_processor()))
        for variables, expected, prefix in counts:
            with self.subTest((variables, prefix)):
                (row,) = self.rows("info", prefix=prefix, **variables)
                told = {int(n) for p in ("cpu", "onednn") for n in re.findall(r"(\d+) threads", row["providers"][p])}
                self.assertEqual(len(told), 1, row["providers"])
                if expected is not None:
                    self.assertEqual(told, {expected})


@unittest.skipUnless(has_openmp(), "built without OpenMP")
class Growth(unittest.TestCase):
    def test_has_the_same_bits_on_any_number_of_threads(self):
        small = ["--width", "8", "--depth", "20"]
        for command in (["share", *small, "--seeds", "5", "--half-width", "0.05", "--max-seeds", "200"],
                        ["share", *small, "--net", "cnn", "--seeds", "4", "--density", "rows:0.5"],
                        ["growth", *small, "--net", "gru", "--window"],
                        ["growth", *small, "--net", "residual", "--share", "on", "--seeds", "9"]):
            seen = set()
            for count in ("1", "2", "3"):
                done = run(GRADEPTH, *command, "--format", "json", OMP_NUM_THREADS=count)
                self.assertEqual(done.returncode, 0, done.stderr)
                row = json.loads(done.stdout)
                seen.add(json.dumps({k: v for k, v in row.items() if k not in ("threads", "load", "date", "command")}))
            self.assertEqual(len(seen), 1, command)


@unittest.skipUnless(has_openmp(), "built without OpenMP")
class Training(unittest.TestCase):
    def test_has_the_same_bits_on_any_number_of_threads(self):
        command = ["train", "--net", "elman-tanh,irnn,lstm", "--steps", "12", "--seeds", "2", "--format", "json"]
        seen = set()
        runs = [((), {"OMP_NUM_THREADS": n}) for n in ("1", "2", "3")] + [((), {"OMP_THREAD_LIMIT": "1"}), ((), {})]
        if on_first_processor():
            runs.append((on_first_processor(), {}))
        for provider in ("cpu", "onednn"):
            seen.clear()
            for prefix, variables in runs:
                done = run(*prefix, GRADEPTH, *command, "--provider", provider, **variables)
                self.assertEqual(done.returncode, 0, done.stderr)
                rows = [json.loads(line) for line in done.stdout.splitlines()]
                self.assertEqual([r["net"] for r in rows],
                                 ["elman-tanh"] * 2 + ["irnn"] * 2 + ["lstm"] * 2)
                self.assertEqual([r["seed"] for r in rows], [1, 2] * 3)
                seen.add(json.dumps([{k: r[k] for k in ("loss_curve", "test_accuracy", "gradient_norm")}
                                     for r in rows]))
            self.assertEqual(len(seen), 1, provider)


@unittest.skipUnless(has_openmp() and PROCESSORS > 1, "needs OpenMP and two processors")
class Spinning(unittest.TestCase):
    """libgomp shows what it read when it was loaded; a second start shows it again."""

    SHORT = {
        GRADEPTH: ["growth", "--width", "4", "--depth", "3", "--seeds", "1"],
        SPEED: ["--preset=small", "--provider=cpu", "--benchmark_filter=relu/forward/f32/R7_C8/", "--benchmark_min_time=0.001"],
    }

    def settings(self, program, *arguments, **variables):
        done = run(program, *(arguments or self.SHORT[program]), OMP_DISPLAY_ENV="verbose", **variables)
        self.assertEqual(done.returncode, 0, done.stderr)
        return re.findall(r"GOMP_SPINCOUNT = '(\d+)'", done.stderr)

    def test_is_bounded_when_started_directly(self):
        for program in (GRADEPTH, SPEED):
            counts = self.settings(program)
            self.assertEqual(len(counts), 2)
            self.assertLessEqual(int(counts[-1]), 10_000)

    def test_leaves_a_users_choice_alone(self):
        for program in (GRADEPTH, SPEED):
            self.assertEqual(self.settings(program, GOMP_SPINCOUNT="77777"), ["77777"])
            self.assertEqual(len(self.settings(program, OMP_WAIT_POLICY="active")), 1)

    def test_one_thread_needs_no_second_start(self):
        self.assertEqual(len(self.settings(GRADEPTH, OMP_NUM_THREADS="1")), 1)

    def test_what_only_answers_needs_none(self):
        self.assertEqual(len(self.settings(GRADEPTH, "--version")), 1)
        self.assertEqual(len(self.settings(SPEED, "--benchmark_list_tests")), 1)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
