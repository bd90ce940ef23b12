"""`speed` as a person meets it: its own flags, Google Benchmark's flags and variables, its reports.

Run by ctest as: python3 speed_command_test.py GRADEPTH GRADEPTH_SPEED
"""

import csv
import io
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

GRADEPTH, SPEED = sys.argv[1:3]
RELU = ["--preset=small", "--provider", "cpu,onednn", "--benchmark_filter=relu/.*f32/(R7_C8|R40_C37_bias_saturated)/"]
BRIEF = ["--benchmark_min_time=0.001"]


def speed(*arguments, variables=None, program=SPEED):
    own = {name: value for name, value in os.environ.items() if not name.startswith("BENCHMARK_")}
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, timeout=120, env={**own, **(variables or {})}
    )


def listed(*arguments, variables=None):
    done = speed(*arguments, variables=variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


class Flags(unittest.TestCase):
    NAMES = ["activation/relu/forward/f32/R2048_C1024/cpu", "activation/relu/forward/f32/R2048_C1024/onednn"]

    def test_lists_names_for_every_word_of_truth(self):
        for flag in ("", "=1", "=yes", "=true", "=TRUE", "=on", "=t"):
            names = listed("--benchmark_list_tests" + flag, "--benchmark_filter=relu/forward")
            self.assertEqual(names, self.NAMES, flag)

    def test_filters(self):
        every = listed("--benchmark_list_tests")
        self.assertGreater(len(every), 50)
        for flag in ("all", ".", ""):
            self.assertEqual(listed("--benchmark_list_tests", f"--benchmark_filter={flag}"), every)
        negated = listed("--benchmark_list_tests", "--benchmark_filter=-relu/forward")
        self.assertEqual(set(every) - set(negated), set(self.NAMES))
        # The last one counts, as in every Google Benchmark binary.
        last = listed("--benchmark_list_tests", "--benchmark_filter=tanh", "--benchmark_filter=relu/forward")
        self.assertEqual(last, self.NAMES)

    def test_slopes_from_the_input(self):
        every = listed("--benchmark_list_tests", "--slope=input")
        elman = "recurrent/elman/tanh/f32/T16_B32_H128_input-slope/cpu"
        self.assertIn(elman, every)
        self.assertNotIn("recurrent/elman/tanh/f32/T16_B32_H128/cpu", every)
        self.assertIn("activation/gelu/backward/f32/R2048_C1024/cpu", every, "there is no choice")
        self.assertIn("activation/tanh/forward/f32/R2048_C1024/cpu", every, "there are no slopes")
        self.assertEqual(len(every), len(set(every)))
        with tempfile.TemporaryDirectory() as folder:
            rows = pathlib.Path(folder, "rows")
            done = speed("--slope=input", f"--benchmark_filter=^{elman}", "--benchmark_min_time=0.001", f"--rows={rows}")
            self.assertEqual(done.returncode, 0, done.stderr)
            row = json.loads(rows.read_text())
        self.assertEqual((row["status"], row["slope_bytes"]), ("ok", 0))  # a takes the place of da

    def test_values_may_stand_apart(self):
        apart = ["--preset", "full", "--provider", "cpu", "--seed", "3", "--benchmark_filter", "relu", "--math", "fma"]
        together = ["--preset=full", "--provider=cpu", "--seed=3", "--benchmark_filter=relu", "--math=fma"]
        names = listed("--benchmark_list_tests", *apart)
        self.assertEqual(names, listed("--benchmark_list_tests", *together))
        self.assertTrue(all(name.endswith("/cpu") for name in names))

    def test_variables(self):
        variables = {"BENCHMARK_LIST_TESTS": "yes", "BENCHMARK_FILTER": "relu/forward", "BENCHMARK_MIN_TIME": "0.1s"}
        done = speed(variables=variables)
        self.assertEqual((done.returncode, done.stdout.splitlines(), done.stderr), (0, self.NAMES, ""))
        backward = listed("--benchmark_filter=relu/backward.*cpu", variables=variables)  # a flag wins
        self.assertEqual(backward, ["activation/relu/backward/f32/R2048_C1024/cpu"])

    def test_help_and_version(self):
        done = speed("--help")
        self.assertEqual(done.returncode, 0)
        flags = "preset provider rows seed math variant slope benchmark_filter benchmark_repetitions benchmark_format v"
        for flag in flags.split():
            self.assertIn(f"--{flag}", done.stdout)
        self.assertLessEqual(max(map(len, done.stdout.splitlines())), 80)
        done = speed("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^\d+\.\d+\.\d+$")


class Refused(unittest.TestCase):
    """Exit 2 and one line that names the flag, before anything is measured."""

    def check(self, flag, *arguments, variables=None):
        begin = time.monotonic()
        done = speed(*arguments, variables=variables)
        self.assertLess(time.monotonic() - begin, 2)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(flag, done.stderr)

    def test_flags(self):
        for flag, *values in [
            ("--benchmark_filter", "(", "nosuchname", "[", "-."),
            ("--benchmark_list_tests", "maybe"),
            ("--benchmark_min_time", "0.1x", "-1", "nan", "inf", "0x1", "s"),
            ("--benchmark_min_warmup_time", "1", "x"),
            ("--benchmark_repetitions", "0", "-1", "2.5", "x", "99999999999999"),
            ("--benchmark_enable_random_interleaving", "maybe"),
            ("--benchmark_report_aggregates_only", "maybe"),
            ("--benchmark_display_aggregates_only", "maybe"),
            ("--benchmark_format", "xml", "JSON5"),
            ("--benchmark_out", "/nonexistent/file", "/"),
            ("--benchmark_color", "blue"),
            ("--benchmark_counters_tabular", "false", "maybe"),
            ("--benchmark_perf_counters", "CYCLES"),
            ("--benchmark_dry_run", "true"),
            ("--benchmark_context", "key", "=value", "a=b,c"),
            ("--benchmark_time_unit", "minutes"),
            ("--benchmark_nosuchflag", "1"),
            ("--v", "x"),
            ("--preset", "huge"),
            ("--provider", "nope", ""),
            ("--rows", "/nonexistent/file", "/"),
            ("--seed", "x", "-1", "1.5"),
            ("--math", "double"),
            ("--variant", "x"),
            ("--slope", "x"),
        ]:
            for value in values:
                with self.subTest(flag=flag, value=value):
                    self.check(flag, f"{flag}={value}")
        self.check("--benchmark_out_format", "--benchmark_out_format=csv")
        self.check("leftover", "leftover")
        self.check("did you mean --benchmark_filter?", "--benchmark_fliter=x")
        self.check("did you mean quick?", "--preset=quik")
        self.check("--seed", "--seed=0x3")

    def test_variables(self):
        for name, value in [
            ("BENCHMARK_FILTER", "("),
            ("BENCHMARK_FORMAT", "xml"),
            ("BENCHMARK_MIN_TIME", "soon"),
            ("BENCHMARK_REPETITIONS", "x"),
            ("BENCHMARK_COUNTERS_TABULAR", "false"),
            ("BENCHMARK_PERF_COUNTERS", "CYCLES"),
        ]:
            with self.subTest(variable=name):
                self.check("--" + name.lower(), variables={name: value})


class Reports(unittest.TestCase):
    def test_repetitions_measure_again(self):
        with tempfile.TemporaryDirectory() as folder:
            rows_file = pathlib.Path(folder, "rows.jsonl")
            done = speed(
                *RELU, *BRIEF, "--benchmark_repetitions=3", "--benchmark_enable_random_interleaving",
                "--benchmark_format=json", "--rows", str(rows_file), "--benchmark_context=who=me,why=x=y",
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
            same = subprocess.run([GRADEPTH, "compare", rows_file, rows_file], capture_output=True, text=True)
        # Beside other tests every row may be disturbed: then there is nothing to judge.
        nothing = same.stderr.strip().endswith("no row could be judged")
        self.assertEqual(same.returncode, 1 if nothing else 0, same.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["context"]["executable"], SPEED)
        self.assertEqual((report["context"]["who"], report["context"]["why"]), ("me", "x=y"))
        for name in {row["name"] for row in rows}:
            own = [row for row in rows if row["name"] == name]
            self.assertEqual(sorted(row["repetition"] for row in own), [0, 1, 2])
            runs = [b for b in report["benchmarks"] if b["run_name"] == name]
            if own[0]["status"] != "ok":
                self.assertTrue(all(run["error_occurred"] for run in runs))
                continue
            times = {run["repetition_index"]: run["real_time"] for run in runs if run["run_type"] == "iteration"}
            self.assertEqual(len(set(times.values())), 3, name)
            for row in own:
                self.assertAlmostEqual(times[row["repetition"]], row["ms"])
            aggregates = {run["aggregate_name"]: run["real_time"] for run in runs if "aggregate_name" in run}
            self.assertAlmostEqual(aggregates["mean"], statistics.mean(times.values()))
            self.assertAlmostEqual(aggregates["median"], statistics.median(times.values()))
            self.assertAlmostEqual(aggregates["stddev"], statistics.stdev(times.values()))
            self.assertAlmostEqual(aggregates["cv"], aggregates["stddev"] / aggregates["mean"])

    def test_console_and_csv(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "report.csv")
            done = speed(
                "--preset=brief", "--provider=onednn,cpu", *BRIEF, "--benchmark_repetitions=2",
                "--benchmark_time_unit=us", f"--benchmark_out={file}", "--benchmark_out_format=csv",
                "--benchmark_display_aggregates_only", "--benchmark_filter=clip|elman|relu",
                variables={"NO_COLOR": "1", "TERM": "xterm"},
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            text = file.read_text()
        # The console: 80 columns, one header per family, no colours in a pipe, aggregates alone.
        lines = done.stdout.splitlines()
        self.assertLessEqual(max(map(len, lines)), 80, done.stdout)
        self.assertNotIn("\033", done.stdout)
        headers = [line.split()[0] for line in lines if re.search(r" us +spread ", line)]
        self.assertEqual(len(headers), len(set(headers)))
        self.assertIn("recurrent/elman/tanh/f32", headers)
        ok = [line for line in lines if "/cpu" in line]
        self.assertTrue(ok and all(re.search(r"/cpu_(mean|median|stddev|cv) ", line) for line in ok), done.stdout)
        # The file: one header, then as many cells in every line, numbers in full or nothing.
        rows = list(csv.DictReader(io.StringIO(text)))
        self.assertTrue(text.startswith("name,iterations,real_time,"))
        for row in rows:
            self.assertNotIn(None, row)
            self.assertNotIn(None, row.values())
        repetitions = [row for row in rows if row["repetition"]]
        self.assertIn("unsupported", "".join(row["error_message"] for row in repetitions))
        for row in repetitions:
            self.assertEqual(bool(row["real_time"]), row["error_occurred"] == "false", row)
            if row["real_time"]:
                self.assertEqual(row["time_unit"], "us")
                self.assertLess(float(row["ms_min"]), 1.001e-3 * float(row["real_time"]))

    def test_colours_csv_and_aggregates(self):
        name = "--benchmark_filter=^activation/relu/forward/f32/R7_C8/cpu$"
        done = speed("--preset=small", name, *BRIEF, "--benchmark_color=yes")
        self.assertIn("\033[32m", done.stdout)
        done = speed(
            "--preset=small", name, *BRIEF, "--benchmark_format=csv",
            "--benchmark_repetitions=2", "--benchmark_report_aggregates_only",
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        self.assertTrue(rows)
        self.assertEqual({row["name"].rsplit("_", 1)[1] for row in rows}, {"mean", "median", "stddev", "cv"})

    def test_full_names_match(self):
        name = "recurrent/elman/tanh/f32/T5_B1_H1_I3/cpu"
        done = speed("--preset=small", f"--benchmark_filter=^{name}$", "--benchmark_format=json", *BRIEF)
        self.assertEqual(done.returncode, 0, done.stderr)
        benchmarks = json.loads(done.stdout)["benchmarks"]
        self.assertEqual([b["name"] for b in benchmarks], [name])
        self.assertGreater(benchmarks[0]["real_time"], 0)
        for key in ("bytes", "flops", "gb_per_s", "gflop_per_s", "growth_rate"):
            self.assertIn(key, benchmarks[0])

    def test_rows(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rows.jsonl"
            done = speed(
                "--preset=brief", "--benchmark_filter=elman|lstm", *BRIEF, f"--rows={path}",
                "--provider=cpu,onednn,simt",
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = [json.loads(line) for line in path.read_text().splitlines()]
        self.assertEqual(len(rows), 6)
        for row in rows:
            self.assertNotIn("repetition", row)
            self.assertIn(row["status"], ("ok", "unsupported"))
            self.assertEqual("ms" in row, row["status"] == "ok")
            self.assertEqual(bool(row["reason"]), row["status"] == "unsupported")
        cpu = next(row for row in rows if row["name"].endswith("T5_B3_H33/cpu"))
        self.assertEqual(len(cpu["growth"]["ln_norm"]), 6)

    def test_rows_are_written_as_they_are_measured(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "rows.jsonl")
            names = "--benchmark_filter=^activation/relu/.*/cpu$"
            run = subprocess.Popen(
                [SPEED, names, "--benchmark_min_time=0.5", "--benchmark_repetitions=100", "--rows", str(file)],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            try:
                while not file.exists() or "\n" not in file.read_text():
                    self.assertIsNone(run.poll())
                    time.sleep(0.05)
                self.assertIsNone(run.poll())  # 199 more to come
            finally:
                run.kill()
                run.wait()
            for line in file.read_text().splitlines()[:1]:
                self.assertGreater(json.loads(line)["ms"], 0)

    def test_what_cannot_be_written_is_one_line(self):
        done = speed(*RELU, *BRIEF, "--rows=/dev/full")
        self.assertEqual(done.returncode, 1)
        self.assertIn("--rows /dev/full", done.stderr.splitlines()[-1])
        with open("/dev/full", "w") as full:
            done = subprocess.run([SPEED, "--benchmark_list_tests"], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
