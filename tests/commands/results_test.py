#!/usr/bin/env python3
"""The measurements in bench/results, and what the documents say of them.

Run by ctest as: python3 results_test.py
"""

import json
import pathlib
import re
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "results"))
import readme_table  # noqa: E402

H200 = readme_table.FOLDER


def rows_of(name):
    return [json.loads(line) for line in (H200 / name).read_text(encoding="utf-8").splitlines()]


class H200Rows(unittest.TestCase):
    def test_readme_says_what_the_rows_say(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        self.assertEqual(text, readme_table.replaced(text, readme_table.tables()),
                         "run bench/results/readme_table.py")

    def test_another_time_is_another_table(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            for name in ("speed.jsonl", "suite_part.jsonl", "check_cudnn.jsonl", "torch.csv"):
                shutil.copy(H200 / name, copy)
            self.assertEqual(readme_table.tables(copy), readme_table.tables())
            rows = rows_of("speed.jsonl")
            for row in rows:
                if row["name"] == "recurrent/lstm/tanh/f32/T1000_B1_H256/cuda":
                    row["ms"] = 30.4
            (copy / "speed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
            self.assertIn("| `recurrent/lstm/tanh/f32/T1000_B1_H256` | 30.4 | 3.04 | `cudnn`, PERSIST_STATIC | 0.10 |",
                          readme_table.tables(copy))

    def test_faster_of_two_and_fastest_of_others(self):
        """Worked out by hand from the files."""
        tables = readme_table.tables()
        # speed.jsonl 0.8561, suite_part.jsonl 0.8502; cuDNN 0.3814 and 0.4472, PyTorch 0.93466 and in a graph 0.34595.
        self.assertIn("| `recurrent/elman/tanh/f32/T256_B32_H128` | 0.850 | 0.346 | PyTorch, CUDA graph | 0.41 |", tables)
        # 0.034752 and 0.034370; 0.037728 and 0.037061; PyTorch 0.30666 and 0.050912.
        self.assertIn("| `clip/norm/f32/N10000000_K50_at1` | 0.0344 | 0.0371 | `cudnn` | 1.08 |", tables)
        self.assertIn("| `activation/gelu/backward/f32/R2048_C1024` | 47 % | – |", tables)

    def test_checks_are_as_told(self):
        states = [row["status"] for row in rows_of("check_cudnn.jsonl")]
        self.assertEqual((states.count("ok"), states.count("incorrect"), states.count("unsupported")), (100, 10, 247))
        worst = max(row["error"] for row in rows_of("check_cudnn.jsonl") if row["status"] == "incorrect")
        self.assertEqual(f"{worst:.1e}", "4.0e-05")

    def test_versions_and_distances_in_prose(self):
        info = next(row for row in rows_of("suite_part.jsonl") if row["kind"] == "info")
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        self.assertIn("CUDA 13.0", info["providers"]["cuda"])
        for version in (re.search(r"cuDNN [\d.]+\d", info["providers"]["cudnn"])[0], info["date"][:10], "NVIDIA H200"):
            self.assertIn(version, readme)
        speed = rows_of("speed.jsonl") + [row for row in rows_of("suite_part.jsonl") if row["kind"] == "speed"]
        apart = readme_table.best_of_each(speed)[1]
        self.assertEqual((len(apart), sum(x <= 0.03 for x in apart), f"{max(apart):.0%}"), (41, 36, "17%"))
        for document in (readme, (H200 / "README.md").read_text(encoding="utf-8")):
            self.assertIn("17 %", document)

    def test_no_row_is_an_error(self):
        for name in ("speed.jsonl", "suite_part.jsonl", "check_cudnn.jsonl"):
            self.assertNotIn("error", [row["status"] for row in rows_of(name)], name)


if __name__ == "__main__":
    unittest.main()
