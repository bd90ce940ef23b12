"""Rows as a person meets them: where they come from, CSV, standard output that cannot be written, sweeps and
suites that go on where they were.

Run by ctest as: python3 cli_rows_test.py GRADEPTH GRADEPTH_SPEED [TEST...]
"""

import csv
import io
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.dont_write_bytecode = True
from cli_test import GRADEPTH, growth, run  # noqa: E402

SPEED = sys.argv[2]

H200 = str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "results" / "h200-2026-11-27" / "speed.jsonl")
SMALL_NET = ["--width", "6", "--depth", "5", "--seeds", "3"]
# One quick run of each command that prints rows, and the name of a column of numbers in its CSV.
COMMANDS = {
    "growth": (["growth", *SMALL_NET], "rate_ln_per_map"),
    "precision": (["growth", *SMALL_NET, "--precision"], "zero_fraction"),
    "window": (["growth", *SMALL_NET, "--window"], "window_low_gain"),
    "sweep": (["growth", "--sweep", "gain=0.5:1.5:0.5", *SMALL_NET], "rate_ln_per_map"),
    "share": (["share", *SMALL_NET], "total_spread_ln"),
    "slopes": (["slopes", "--depth", "3", "--width", "5"], "slope"),
    "train": (["train", "--net", "irnn,lstm", "--steps", "2"], "loss_nats"),
    "check": (["check", "--preset", "brief", "--filter", "elman"], "error"),
    "profile": (["profile", "recurrent/elman/tanh/f32/T5_B3_H33/cpu"], "schema"),
    "compare": (["compare", H200, H200, "--all"], "ratio"),
    "info": (["info"], None),
}


def run_command(name, form, folder):
    """The command of that name, its rows going to stdout in that form."""
    arguments = COMMANDS[name][0] + (["--out", folder] if name == "sweep" else [])
    done = run(*arguments, "--format", form)
    assert done.returncode == 0, done.stderr
    return done.stdout


class RowsOfEveryCommand(unittest.TestCase):
    ORIGIN = "commit compiler flags vector threads load command schema".split()

    def test_say_where_they_come_from(self):
        for name in COMMANDS:
            with tempfile.TemporaryDirectory() as folder:
                rows = [json.loads(line) for line in run_command(name, "json", folder).splitlines()]
            self.assertGreater(len(rows), 0, name)
            for row in rows:
                self.assertEqual([key for key in row if key in self.ORIGIN], self.ORIGIN, name)
                self.assertEqual(row["schema"], 1)
                self.assertGreaterEqual(row["threads"], 1)
                self.assertGreaterEqual(row["load"], 0)
                self.assertRegex(row["compiler"], r"^(gcc|clang) \d+")
                self.assertIn("-std=c++20", row["flags"])
                self.assertEqual(shlex.split(row["command"])[1], COMMANDS[name][0][0])
                self.assertRegex(row["commit"], r"^(unknown|[0-9a-f]{40}(-dirty)?)$")

    def test_the_command_is_quoted_for_a_shell(self):
        arguments = ["growth", *SMALL_NET, "--init", "file:it's a \"W\".csv", "--format", "json"]
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "it's a \"W\".csv").write_text("\n".join([",".join(["0.1"] * 6)] * 6))
            done = subprocess.run([GRADEPTH, *arguments], capture_output=True, text=True, cwd=folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(shlex.split(json.loads(done.stdout)["command"]), [GRADEPTH, *arguments])

    def test_csv_is_tidy(self):
        for name, (_, column) in COMMANDS.items():
            with tempfile.TemporaryDirectory() as folder:
                text = run_command(name, "csv", folder)
            lines = list(csv.reader(io.StringIO(text)))
            self.assertGreater(len(lines), 1, name)
            self.assertEqual({len(line) for line in lines}, {len(lines[0])}, name)
            self.assertEqual(len(set(lines[0])), len(lines[0]), name)
            for line in lines[1:]:
                self.assertNotIn("-", line, name)
                self.assertNotIn("null", line, name)
                self.assertNotEqual(line, lines[0], name)
            if column:
                at = lines[0].index(column)
                self.assertGreater(len([float(line[at]) for line in lines[1:] if line[at]]), 0, name)

    def test_csv_has_the_numbers_of_the_json(self):
        row = growth(*SMALL_NET)
        lines = list(csv.DictReader(io.StringIO(run("growth", *SMALL_NET, "--format", "csv").stdout)))
        self.assertEqual([int(line["depth"]) for line in lines], list(range(6)))
        for d, line in enumerate(lines):
            self.assertEqual(float(line["ln_norm_median"]), row["ln_norm"]["median"][d])
            self.assertEqual(float(line["rate_high_ln_per_map"]), row["rate"]["high"])
            self.assertEqual(line["verdict"], row["verdict"])
        self.assertEqual(lines[0]["saturated_fraction"], "")
        rows = [json.loads(line) for line in run(*COMMANDS["check"][0], "--format", "json").stdout.splitlines()]
        lines = list(csv.DictReader(io.StringIO(run(*COMMANDS["check"][0], "--format", "csv").stdout)))
        self.assertEqual([line["name"] for line in lines], [row["name"] for row in rows])
        for line, row in zip(lines, rows):
            self.assertEqual(line["error"], "" if row["status"] != "ok" else json.dumps(row["error"]))

    def test_csv_of_a_row_that_is_not_ok(self):
        done = run("growth", "--provider", "cpu", "--dtype", "f64", "--format", "csv", "--depth", "5")
        self.assertEqual(done.returncode, 1)
        (line,) = csv.DictReader(io.StringIO(done.stdout))
        self.assertEqual((line["status"], line["rate_ln_per_map"]), ("unsupported", ""))
        self.assertTrue(line["reason"])


@unittest.skipUnless(shutil.which("git") and shutil.which("cmake"), "needs git and cmake")
class CommitOfTheBuild(unittest.TestCase):
    SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "cmake" / "commit.cmake"

    def commit_of(self, source, file):
        subprocess.run(["cmake", "-D", f"source={source}", "-D", f"file={file}", "-P", self.SCRIPT], check=True)
        return re.search(r'= "(.*)";', file.read_text())[1]

    def test_is_that_of_the_source(self):
        with tempfile.TemporaryDirectory() as folder:
            source, file = pathlib.Path(folder, "source"), pathlib.Path(folder, "commit.cpp")
            inside = source / "inside"
            inside.mkdir(parents=True)

            def git(*arguments):
                settings = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
                return subprocess.run(["git", "-C", source, *settings, *arguments], check=True, capture_output=True,
                                      text=True).stdout.strip()

            self.assertEqual(self.commit_of(source, file), "unknown")
            git("init", "--quiet")
            (source / "a").write_text("1")
            git("add", "a")
            git("commit", "--quiet", "-m", "a")
            git("tag", "v1")
            head = git("rev-parse", "HEAD")
            self.assertEqual(self.commit_of(source, file), head)
            before = file.stat().st_mtime_ns
            self.assertEqual(self.commit_of(source, file), head)
            self.assertEqual(file.stat().st_mtime_ns, before)  # else every build would link anew
            (source / "a").write_text("2")
            self.assertEqual(self.commit_of(source, file), head + "-dirty")
            self.assertEqual(self.commit_of(inside, file), "unknown")  # another project's repository


class StandardOutput(unittest.TestCase):
    """What cannot be written is a failed run: exit 1 and one line."""

    QUICK = [arguments for arguments, _ in COMMANDS.values()] + [
        ["--version"], ["--help"], ["growth", "--help"], ["compare", "--help"]]

    def check_failure(self, process, arguments):
        self.assertEqual(process.returncode, 1, (arguments, process.stderr))
        complaints = [line for line in process.stderr.splitlines() if "standard output" in line]
        self.assertEqual(len(complaints), 1, (arguments, process.stderr))

    def run_into(self, stdout, arguments, program=None, close=False):
        with tempfile.TemporaryDirectory() as folder:
            more = ["--out", folder] if "--sweep" in arguments else []
            return subprocess.run([program or GRADEPTH, *arguments, *more], stdout=stdout, stderr=subprocess.PIPE, text=True,
                                  timeout=120, preexec_fn=(lambda: os.close(1)) if close else None)

    def test_a_full_device(self):
        with open("/dev/full", "w") as full:
            for arguments in self.QUICK:
                help_text = arguments[-1] in ("--help", "--version")
                for more in [[]] if help_text else [["--format", form] for form in ("table", "json", "csv")]:
                    self.check_failure(self.run_into(full, arguments + more), arguments + more)
            speed = ["--preset=brief", "--benchmark_filter=elman", "--benchmark_min_time=0.001"]
            self.check_failure(self.run_into(full, speed, SPEED), speed)
            self.check_failure(self.run_into(full, speed + ["--benchmark_list_tests"], SPEED), speed)

    def test_closed(self):
        for arguments in self.QUICK:
            self.check_failure(self.run_into(None, arguments, close=True), arguments)

    def test_closed_does_not_write_into_the_results(self):
        """The file of results must not get the number of standard output."""
        arguments = COMMANDS["sweep"][0]
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([GRADEPTH, *arguments, "--out", folder], stderr=subprocess.PIPE, text=True,
                                  preexec_fn=lambda: os.close(1))
            self.check_failure(done, arguments)
            for line in pathlib.Path(folder, "results.jsonl").read_text().splitlines():
                json.loads(line)

    def test_a_closed_pipe(self):
        for arguments in self.QUICK:
            reader, writer = os.pipe()
            os.close(reader)
            try:
                self.check_failure(self.run_into(writer, arguments), arguments)
            finally:
                os.close(writer)

    def test_head(self):
        """A long run ends soon after its reader has gone."""
        command = f"{shlex.quote(GRADEPTH)} check --preset small --format json | head -n 1"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
        self.assertEqual(len(done.stdout.splitlines()), 1)
        self.assertIn("standard output", done.stderr)


class Sweep(unittest.TestCase):
    GRID = ["growth", "--sweep", "gain=0.5:2:0.25", "--width", "6", "--depth", "5", "--seeds", "2"]

    @staticmethod
    def without_load(text):
        """The rows without the machine's load, which changes every five seconds."""
        return [{key: value for key, value in json.loads(line).items() if key != "load"} for line in text.splitlines()]

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
            self.assertEqual(self.without_load(again.stdout), self.without_load(whole.stdout))
            self.assertEqual(rows.read_text(), again.stdout)
            # More values of the same axis take in those that are there.
            more = [word.replace("0.5:2:0.25", "0.25:2:0.25") for word in self.GRID]
            self.assertIn("7 of 8 points are there", run(*more, "--out", folder).stderr)
            self.assertEqual(len(rows.read_text().splitlines()), 8)

    def test_windows_of_gains_against_depth(self):
        """Deeper nets have narrower ones; a folder without them does not answer for them."""
        grid = ["growth", "--sweep", "depth=10:30:10", "--activation", "relu", "--width", "16"]
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(run(*grid, "--out", folder).returncode, 0)
            self.check_refused(folder, [*grid, "--window"], "window")
        with tempfile.TemporaryDirectory() as folder:
            done = run(*grid, "--window", "--out", folder, "--format", "json")
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = [json.loads(line) for line in done.stdout.splitlines()]
            for row in rows:
                width = 2**0.5 * (10 ** (1 / row["depth"]) - 10 ** (-1 / row["depth"]))
                self.assertAlmostEqual(row["window"]["theory"]["width"], width, delta=0.1 * width)
                self.assertAlmostEqual(row["window"]["width"], width, delta=0.2 * width)
            alone = growth(*grid[3:], "--depth", "20", "--window")
            self.assertEqual(alone["window"], rows[1]["window"])
            self.assertRegex(run(*grid, "--window", "--out", folder).stdout, r"gains from +to\n")

    def check_refused(self, folder, arguments, *words):
        """Exit 2, one line with these words, and nothing in the folder has changed."""
        rows = pathlib.Path(folder, "results.jsonl")
        before = rows.read_bytes()
        done = run(*arguments, "--out", folder)
        self.assertEqual(done.returncode, 2, (arguments, done.stderr))
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertEqual(done.stdout, "")
        for word in ("--out", folder, *words):
            self.assertIn(word, done.stderr)
        self.assertEqual(rows.read_bytes(), before)

    def test_rows_of_another_question_are_not_taken(self):
        """Each pair of settings had one row before, the first one's."""
        with tempfile.TemporaryDirectory() as inputs:
            matrices = [pathlib.Path(inputs, name) for name in ("a.csv", "b.csv")]
            for matrix, value in zip(matrices, ("0.1", "0.2")):
                matrix.write_text("\n".join([",".join([value] * 6)] * 6))
            bias = ["growth", "--sweep", "bias=0.1:0.3:0.1", *self.GRID[3:]]
            residual = [*self.GRID, "--net", "residual", "--residual"]
            elman = [*self.GRID, "--net", "elman"]
            for first, second, *words in [
                ([*residual, "scaled:0.5"], [*residual, "scaled:0.9"], "residual_scale=0.5", "0.9"),
                ([*bias, "--init", f"file:{matrices[0]}"], [*bias, "--init", f"file:{matrices[1]}"], "init=file"),
                ([*bias, "--init", "gaussian:1"], [*bias, "--init", "gaussian:1.0000001"], "1.0000001"),
                (self.GRID, [*self.GRID, "--lyapunov", "2"], "lyapunov=0", "2"),
                (self.GRID, [*self.GRID, "--singular-values"], "singular_values=off"),
                (elman, [*elman, "--transient"], "transient=off"),
                (self.GRID, [*self.GRID, "--renormalised"], "renormalised=off"),
                (self.GRID, [*self.GRID, "--loss-scale", "1.0000001"], "loss_scale=1 "),
                (self.GRID, [*self.GRID, "--clip-value", "1e-7"], "clip_value=0"),
                (self.GRID, [*self.GRID[:-1], "3"], "seeds=2"),
                (self.GRID, [*self.GRID, "--seed", "5"], "first_seed=1"),
                (self.GRID, [*self.GRID, "--dtype", "bf16"], "dtype=f32"),
                (self.GRID, [*self.GRID, "--provider", "reference"], "provider=cpu"),
                (self.GRID, bias, "sweep=gain"),
            ]:
                with self.subTest(second), tempfile.TemporaryDirectory() as folder:
                    done = run(*first, "--out", folder)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.check_refused(folder, second, *words)

    def test_the_same_file_elsewhere_is_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("a.csv", "b.csv"):
                pathlib.Path(folder, name).write_text("\n".join([",".join(["0.1"] * 6)] * 6))
            bias = ["growth", "--sweep", "bias=0.1:0.3:0.1", *self.GRID[3:], "--out", folder, "--init"]
            self.assertEqual(run(*bias, f"file:{folder}/a.csv").returncode, 0)
            self.assertIn("3 of 3 points are there", run(*bias, f"file:{folder}/b.csv").stderr)

    def test_rows_of_schema_0_are_measured_again(self):
        with tempfile.TemporaryDirectory() as folder:
            rows = pathlib.Path(folder, "results.jsonl")
            self.assertEqual(run(*self.GRID, "--out", folder).returncode, 0)
            old = [json.loads(line) for line in rows.read_text().splitlines()]
            for row in old:
                for key in ("identity", *RowsOfEveryCommand.ORIGIN):
                    del row[key]
            before = "".join(json.dumps(row) + "\n" for row in old)
            rows.write_text(before)
            done = run(*self.GRID, "--out", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("7 rows there, of an older version", done.stderr)
            self.assertNotIn("points are there", done.stderr)
            self.assertTrue(rows.read_text().startswith(before))
            self.assertEqual(len(rows.read_text().splitlines()), 14)

    def test_one_run_at_a_time(self):
        """Of runs into one folder that start at once one goes on, and no row is torn or doubled."""
        grid = ["growth", "--sweep", "gain=0.5:2:0.01", "--width", "40", "--depth", "30", "--seeds", "4"]
        with tempfile.TemporaryDirectory() as folder:
            runs = [subprocess.Popen([GRADEPTH, *grid, "--out", folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                     text=True) for _ in range(4)]
            messages = [process.communicate(timeout=120)[1] for process in runs]
            states = [process.returncode for process in runs]
            self.assertLessEqual(set(states), {0, 2}, messages)
            self.assertIn(0, states)
            self.assertIn(2, states)
            for status, message in zip(states, messages):
                if status == 2:
                    self.assertEqual(len(message.splitlines()), 1)
                    self.assertIn("another run is writing there", message)
            rows = [json.loads(line) for line in pathlib.Path(folder, "results.jsonl").read_text().splitlines()]
            self.assertEqual(len(rows), 151)
            self.assertEqual(len({row["identity"] for row in rows}), 151)

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


class Suite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """A run from beginning to end, after a sweep: what it says, its rows and where `latest` leads."""
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = folder.name
        cls.there = {**os.environ, "GRADEPTH_RESULTS": cls.root}
        cls.latest = pathlib.Path(cls.root, "latest")
        cls.sweep = subprocess.run([GRADEPTH, *Sweep.GRID], capture_output=True, env=cls.there)
        cls.moved_by_a_sweep = cls.latest.is_symlink()
        cls.done = subprocess.run([GRADEPTH, "suite", "--preset", "brief", "--format", "json"],
                                  capture_output=True, text=True, env=cls.there)
        assert cls.done.returncode == 0, cls.done.stderr
        cls.lines = (cls.latest / "results.jsonl").read_text().splitlines(keepends=True)

    def test_only_a_suite_that_has_ended_moves_latest(self):
        self.assertEqual(self.sweep.returncode, 0, self.sweep.stderr)
        self.assertFalse(self.moved_by_a_sweep)
        ended = os.readlink(self.latest)
        begun = subprocess.Popen([GRADEPTH, "suite", "--preset", "brief"], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, env=self.there)
        begun.stderr.readline()
        begun.send_signal(signal.SIGINT)
        begun.stderr.read()
        begun.stderr.close()
        self.assertIn(begun.wait(timeout=60), (130, -signal.SIGINT))
        self.assertEqual(os.readlink(self.latest), ended)
        self.assertEqual(len(os.listdir(self.root)), 4)  # three runs and the link

    def test_brief(self):
        rows = [json.loads(line) for line in self.lines]
        self.assertEqual({row["kind"] for row in rows}, {"info", "check", "growth", "study", "speed", "train"})
        for row in rows:
            self.assertIn(row["status"], ("ok", "unsupported"), row)
            if row["status"] == "unsupported":
                self.assertTrue(row["reason"], row)
        self.assertEqual(self.done.stdout, "".join(self.lines))
        with tempfile.TemporaryDirectory() as folder:  # of rows that are there: nothing is measured again
            pathlib.Path(folder, "results.jsonl").write_text("".join(self.lines))
            tables = run("suite", "--preset", "brief", "--out", folder)
        self.assertEqual(tables.returncode, 0, tables.stderr)
        for line in tables.stdout.splitlines():
            self.assertLessEqual(len(line), 80, line)
        self.assertRegex(tables.stdout, re.compile("Gradient growth", re.I))
        steps = re.findall(r"(?m)^\[ *\d+ s\] (\d+) of (\d+)  \S", self.done.stderr)
        self.assertEqual([int(i) for i, _ in steps], list(range(1, int(steps[0][1]) + 1)))
        self.assertRegex(self.done.stderr, r"about \d+ (s|min) left")

    def test_goes_on_in_its_folder(self):
        brief = ["suite", "--preset", "brief", "--format", "json"]
        identities = [json.loads(line)["identity"] for line in self.lines]
        self.assertEqual(len(set(identities)), len(identities))
        with tempfile.TemporaryDirectory() as folder:
            # A run that was killed at a third of the way.
            rows = pathlib.Path(folder, "results.jsonl")
            kept = "".join(self.lines[: len(self.lines) // 3])
            rows.write_text(kept + self.lines[-1][:30])
            again = run(*brief, "--out", folder)
            self.assertEqual(again.returncode, 0, again.stderr)
            self.assertRegex(again.stderr, r"\d+ of \d+ steps are there")
            after = rows.read_text()
            self.assertTrue(after.startswith(kept))
            self.assertEqual([json.loads(line)["identity"] for line in after.splitlines()], identities)
            self.assertEqual(again.stdout, after)
            # The same again measures nothing; other settings are refused, and nothing is lost.
            self.assertEqual(run(*brief, "--out", folder).stdout, after)
            for other, word in [(["--seed", "2"], "seed=1"), (["--provider", "onednn"], "provider=cpu")]:
                done = run(*brief, *other, "--out", folder)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(len(done.stderr.splitlines()), 1)
                self.assertIn(word, done.stderr)
            sweep = run(*Sweep.GRID, "--out", folder)
            self.assertEqual(sweep.returncode, 2, sweep.stderr)
            self.assertEqual(rows.read_text(), after)

    def test_never_replaces_rows(self):
        for text, words in [
            ('{"kind":"speed","name":"a","status":"ok"}\n', "older version"),
            ('{"kind":"growth","name":"a","status":"ok","identity":"kind=growth net=mlp"}\n', "another command"),
        ]:
            with tempfile.TemporaryDirectory() as folder:
                rows = pathlib.Path(folder, "results.jsonl")
                rows.write_text(text)
                done = run("suite", "--preset", "brief", "--out", folder)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(len(done.stderr.splitlines()), 1)
                self.assertIn(words, done.stderr)
                self.assertEqual(rows.read_text(), text)

    def test_first_line_at_once(self):
        with tempfile.TemporaryDirectory() as folder:
            begin = time.monotonic()
            suite = subprocess.Popen([GRADEPTH, "suite", "--out", folder], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            suite.stderr.readline()
            waited = time.monotonic() - begin
            suite.kill()
            suite.stderr.close()
            suite.wait()
        self.assertLess(waited, 1)

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


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
