"""`compare` as a gate: exit status 0 passed, 1 failed, 2 bad input.

Run by ctest as: python3 compare_command_test.py GRADEPTH
"""

import csv
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

GRADEPTH = sys.argv[1]


def row(name, ms, noise=0.02, **more):
    return {"kind": "speed", "name": name, "status": "ok", "ms": ms, "noise": noise, **more}


def grown(name, value, half=0.01, verdict="vanishing"):
    rate = {"value": value, "low": value - half, "high": value + half}
    return {"kind": "growth", "name": name, "status": "ok", "depth": 100, "rate": rate, "verdict": verdict}


def info(processor="A", cores=2):
    return {"kind": "info", "name": "info", "status": "ok", "processor": processor, "cores": cores}


def compare(before, after, *flags):
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder, name) for name in ("before.jsonl", "after.jsonl")]
        for file, rows in zip(files, (before, after)):
            file.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
        return subprocess.run(
            [GRADEPTH, "compare", *map(str, files), *flags], capture_output=True, text=True, timeout=60
        )


class Compare(unittest.TestCase):
    def check(self, status, before, after, *flags):
        done = compare(before, after, *flags)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def refused(self, before, after, *words, flags=()):
        done = self.check(2, before, after, *flags)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_passes(self):
        done = self.check(0, [row("a", 1.0), row("b", 2.0)], [row("a", 1.01), row("b", 1.0)])
        self.assertIn("2 rows in both", done.stderr)
        self.assertIn("b\n  faster      0.500 [0.473, 0.529]  2.00 -> 1.00 ms\n", done.stdout)
        self.assertIn("1 row did not change", done.stdout)
        self.assertIn("geometric mean of 2 ratios: 0.711 [", done.stdout)
        self.assertNotIn("\na\n", done.stdout)
        self.assertIn("\na\n", compare([row("a", 1.0)], [row("a", 1.01)], "--all").stdout)

    def test_regressions(self):
        for after in (row("a", 1.5), row("a", 1.0, status="incorrect"), {"kind": "speed", "name": "a", "status": "ok"}):
            self.check(1, [row("a", 1.0), row("b", 1.0)], [after, row("b", 1.0)])
        done = self.check(1, [row("a", 1.0), row("b", 1.0)], [row("b", 1.0)])
        self.assertIn("a\n  vanished", done.stdout)
        self.check(1, [grown("a", -0.1)], [grown("a", 0.1, verdict="exploding")])
        self.check(0, [grown("a", -0.1)], [grown("a", -0.105)])

    def test_what_cannot_be_judged(self):
        for noise in (None, "absent"):
            after = row("a", 10.0, noise)
            if noise == "absent":
                del after["noise"]
            done = self.check(1, [row("a", 1.0)], [after], "--format", "json")
            self.assertEqual(json.loads(done.stdout.splitlines()[0])["verdict"], "unknown")
        self.check(1, [row("a", 1.0)], [row("a", 1.0, disturbed=True)])
        self.check(0, [row("a", 1.0), row("b", 1.0)], [row("a", 9.0, disturbed=True), row("b", 1.0)])

    def test_another_machine(self):
        rows = [row("a", 1.0)]
        for other in (info(processor="B"), info(cores=4)):
            done = self.check(1, [info(), *rows], [other, *rows])
            self.assertIn("another ", done.stderr)
            self.check(0, [info(), *rows], [other, *rows], "--allow-other-machine")
        self.check(0, [info(), *rows], rows)  # not known
        for key, values in {"threads": (2, 4), "vector": ("AVX2", "AVX3"), "device": ("H200", "A100")}.items():
            self.check(1, *([row("a", 1.0, **{key: value})] for value in values))

    def test_repetitions_are_one_row(self):
        rows = [row("a", ms, repetition=i) for i, ms in enumerate((1.0, 1.2, 1.1))]
        done = self.check(0, rows, [row("a", 1.1)], "--all", "--format", "json")
        first = json.loads(done.stdout.splitlines()[0])
        self.assertAlmostEqual(first["before_ms"], (1.0 * 1.2 * 1.1) ** (1 / 3))
        self.refused([*rows, rows[0]], rows, "before.jsonl line 4", "twice")
        # A run that went on after a failure: of rows that answer the same the later counts.
        failed = row("z", None, None, status="error", identity="kind=speed z")
        good = [row("z", 1.0, identity="kind=speed z")]
        self.check(0, [failed, *good], good)
        self.refused(good, [*good, *good], "after.jsonl line 2", "z is there twice")
        self.refused([failed, row("z", 1.0, identity="kind=speed y")], good, "before.jsonl line 2", "twice")

    def test_bad_input(self):
        good = [row("a", 1.0)]
        self.refused(good, [row("b", 1.0)], "no row")
        self.refused(good, [*good, *good], "after.jsonl line 2", "a is there twice")
        self.refused(good, [], "no such rows")
        self.refused(good, [info()], "no such rows")
        for threshold in ("nan", "-nan", "inf", "-1", "x", ""):
            self.refused(good, good, "--threshold", flags=["--threshold=" + threshold])
        self.refused(good, good, "--filter", flags=["--filter=("])
        self.refused(good, good, "no such rows", flags=["--filter=b"])
        hostile = ["{", "[1, 2]", "null", '{"kind": "speed"}', '{"kind": "speed", "name": 3}', "{}", '{"kind": 1}']
        hostile += [row("a", 1.0)["name"], row("a", "fast"), row("a", 0.0), row("a", -1.0), row("a", 1.0, "2 %")]
        hostile += [row("a", 1.0, -0.1), row("a", float("nan")), row("a", float("inf")), row("a", 1.0, float("nan"))]
        hostile += [row("a", 1.0, status=None), row("a", 1.0, status="fine"), row("a", 1.0, disturbed="no")]
        hostile += [{**grown("b", 1), "rate": 1}, {**grown("b", 1), "status": "fine"}]
        hostile += [{**grown("b", 1), "depth": None}, {**grown("b", 1), "verdict": None}, grown("b", 1, -1)]
        for bad in hostile:
            with self.subTest(line=bad):
                self.refused(good, [bad], "after.jsonl line 1")
        done = subprocess.run([GRADEPTH, "compare", "/nonexistent", "/nonexistent"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nonexistent", done.stderr)

    def test_sorted_and_selected(self):
        before = [row(name, 1.0) for name in "abcd"]
        after = [row("a", 1.01), row("b", 0.5), row("c", 3.0), row("d", 1.5)]
        done = self.check(1, before, after, "--format", "json")
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertEqual([(r["name"], r["verdict"]) for r in rows],
                         [("c", "slower"), ("b", "faster"), ("d", "slower"), ("all", "failed")])
        self.check(0, before, after, "--filter", "^[ab]$")
        self.check(0, before, after, "--threshold", "3")

    def test_formats(self):
        long = "recurrent/lstm/tanh/f32/T1000_B32_H1024_I17_some_more_words_of_the_variant/persistent/onednn"
        before = [row(long, 1 / 3), row("b", 1.0, None), grown("g", -0.1)]
        after = [row(long, 1.0), row("b", 1.0), grown("g", 0.1, verdict="exploding"), row("new", 1.0)]
        table = compare(before, after).stdout
        self.assertLessEqual(max(map(len, table.splitlines())), 80, table)
        rows = list(csv.DictReader(io.StringIO(compare(before, after, "--format", "csv").stdout)))
        self.assertEqual({r["name"]: r["verdict"] for r in rows},
                         {long: "slower", "b": "unknown", "g": "changed", "new": "new"})
        by_name = {r["name"]: r for r in rows}
        self.assertEqual(float(by_name[long]["before"]), 1 / 3)  # all digits
        self.assertEqual(by_name["b"]["ratio_low"], "")
        for r in rows:
            self.assertNotIn(None, r.values())


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
