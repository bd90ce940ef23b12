"""`meter` as a person meets it: good input, bad input, exit statuses, rows, tables; and the table of
kernels/COSTS.md holds what is counted.

Run by ctest as: python3 command_test.py GRADEPTH_METER
"""

import csv
import io
import json
import pathlib
import subprocess
import sys
import unittest

METER = sys.argv[1]
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench" / "meter"))
import cost_table  # noqa: E402


def run(*arguments):
    return subprocess.run([METER, *arguments], capture_output=True, text=True, timeout=120)


def rows_of(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


class BadInput(unittest.TestCase):
    """Exit 2 and one line that names the flag, the value and what is allowed."""

    def test_flags(self):
        for arguments, words in [
            (["--filter", "nosuchcase"], ["--filter", "nosuchcase", "activation"]),
            (["--filter", "(("], ["--filter", "(("]),
            (["--gpu", "V100"], ["--gpu", "V100", "H100"]),
            (["--format", "xml"], ["--format", "xml", "json"]),
            (["--seed", "x"], ["--seed", "x"]),
            (["--seed", "0x3"], ["--seed 0x3", "decimal"]),
            (["--seed", "-1"], ["--seed -1", "from 0"]),
            (["--threads", "0x3"], ["--threads 0x3", "decimal"]),
            (["--gpu", "H10"], ["--gpu H10", "did you mean H100?"]),
            (["--fliter", "."], ["--fliter", "did you mean --filter?"]),
            (["--threads", "0"], ["--threads", "0"]),
            (["--nosuchflag"], ["--nosuchflag"]),
        ]:
            with self.subTest(arguments):
                done = run(*arguments)
                self.assertEqual(done.returncode, 2)
                self.assertEqual(done.stdout, "")
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                for word in words:
                    self.assertIn(word, done.stderr)


class Rows(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.json = run("--format", "json")
        cls.rows = rows_of(cls.json)

    def test_keys(self):
        for row in self.rows:
            for key in (
                "kind name provider dtype status reason problem seed compiler flags unit units bytes bytes_per_unit "
                "floor_bytes floor_bytes_per_unit floor of_floor unique_bytes sectors sector_efficiency bank_conflicts "
                "launches memsets block_barriers grid_barriers atomics kernels model_us model_limiter "
                "model_us_per_million_units identity commit vector threads load command schema"
            ).split():
                self.assertIn(key, row, row["name"])
            self.assertEqual((row["kind"], row["provider"], row["status"], row["reason"]), ("meter", "simt", "ok", ""))
            self.assertEqual(row["name"], row["problem"] + "/simt")
            self.assertIn("clang", row["compiler"])
            self.assertIn("-O1", row["flags"])
            self.assertEqual(len(row["kernels"]), row["launches"])
            self.assertEqual(list(row["model_us"]), ["A100", "H100", "H200", "RTX4090", "L4", "B200"])
        self.assertEqual(len({row["name"] for row in self.rows}), len(self.rows))

    def test_totals_are_sums_of_the_kernels(self):
        for row in self.rows:
            traffic = [
                buffer[way] for kernel in row["kernels"] for buffer in kernel["buffers"].values() for way in ("loads", "stores")
            ]
            for key in ("bytes", "sectors", "unique_bytes"):
                self.assertEqual(row[key], sum(t[key] for t in traffic), row["name"])
            sites = [site for kernel in row["kernels"] for site in kernel["shared"]["conflict_sites"]]
            self.assertEqual(row["bank_conflicts"], sum(site["conflicts"] for site in sites), row["name"])
            for site in sites:
                self.assertRegex(site["line"], r"^[a-z_]+\.(cuh|h|cu):\d+$")
            for kernel in row["kernels"]:
                self.assertRegex(kernel["kernel"], r"^[a-z_0-9]+_kernel\b")

    def test_no_schedule_and_no_number_of_threads_changes_a_byte(self):
        done = run("--format", "json", "--schedule", "9", "--threads", "3")
        # What may differ says how and when the row was made.
        made = ("command", "threads", "load")
        self.assertEqual([{k: v for k, v in row.items() if k not in made} for row in rows_of(done)],
                         [{k: v for k, v in row.items() if k not in made} for row in self.rows])

    def test_the_seed_draws_other_numbers_and_is_in_the_row(self):
        (row,) = rows_of(run("--format", "json", "--seed", "7", "--filter", "^clip/value/f32"))
        self.assertEqual(row["seed"], 7)

    def test_nvcc_takes_no_wide_access_apart(self):
        """The widest global access that is counted is one that the PTX of the kernel has."""
        budgets = json.loads((ROOT / "tests" / "budgets.json").read_text())
        for row in self.rows:
            for kernel in row["kernels"]:
                ptx = budgets.get(kernel["kernel"].split("<")[0])
                if ptx is None:  # budget_test.py asks for it
                    continue
                for way in ("load", "store"):
                    if kernel[f"{way}_widths"]:
                        widest = kernel[f"{way}_widths"][-1]
                        self.assertIn(widest, ptx[f"{way}s"], (row["name"], kernel["kernel"], way))

    def test_the_table_of_costs_holds_what_is_counted(self):
        text = cost_table.DOCUMENT.read_text()
        hint = "out of date: python3 bench/meter/cost_table.py build/meter/gradepth_meter"
        self.assertEqual(cost_table.replaced(text, cost_table.table(self.rows)), text, hint)

    def test_one_gpu(self):
        (row,) = rows_of(run("--format", "json", "--gpu", "L4", "--filter", "^gemm"))
        self.assertEqual(list(row["model_us"]), ["L4"])


    def test_tables_fit_80_columns_and_say_model(self):
        """With the longest name of every family, which decides how wide its table is."""
        longest = {}
        for row in self.rows:
            case = row["problem"].rsplit("/", 1)[0]
            family = case.split("/")[0]
            longest[family] = max(longest.get(family, ""), case, key=len)
        done = run("--filter", "^(" + "|".join(longest.values()) + ")")
        self.assertEqual(done.returncode, 0, done.stderr)
        for case in longest.values():
            self.assertIn(case, done.stdout)
        for line in done.stdout.splitlines():
            self.assertLessEqual(len(line), 80, line)
        self.assertRegex(done.stdout, "(?i)model, not measured")


class Tables(unittest.TestCase):
    def test_csv(self):
        rows = list(csv.DictReader(io.StringIO(run("--format", "csv", "--filter", "f32/n").stdout)))
        self.assertGreater(len(rows), 3)
        for row in rows:
            self.assertEqual(row["status"], "ok")
            self.assertGreater(float(row["bytes_per_unit"]), 0)
            self.assertGreater(float(row["model_us_H100"]), 0)

    def test_standard_output_that_cannot_be_written(self):
        for form in ("table", "json", "csv"):
            with open("/dev/full", "w") as full:
                done = subprocess.run([METER, "--filter", "^gemm", "--format", form], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=120)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_help(self):
        self.assertIn("--filter", run("--help").stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=1)
