"""Every width of vectors that this processor has gives right results; a wrong GRADEPTH_VECTOR is refused.

    python3 vector_test.py GRADEPTH
"""

import json
import os
import re
import subprocess
import sys
import unittest

GRADEPTH = sys.argv[1]


def gradepth(vector, *arguments):
    return subprocess.run(
        [GRADEPTH, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GRADEPTH_VECTOR": vector},
    )


def widths():
    """Those of this processor and build, as the refusal of another lists them."""
    refused = gradepth("none", "check", "--preset", "brief")
    return re.search(r"one of ([\w, ]+) on this processor", refused.stderr)[1].split(", ")


class EveryWidth(unittest.TestCase):
    def test_small_workloads_are_right_on_it(self):
        for width in widths():
            with self.subTest(width=width):
                done = gradepth(
                    width, "check", "--preset", "small", "--provider", "reference,cpu,onednn", "--format", "json"
                )
                rows = [json.loads(line) for line in done.stdout.splitlines()]
                wrong = [row["name"] for row in rows if row["status"] not in ("ok", "unsupported")]
                self.assertEqual(wrong, [])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertGreater(sum(row["status"] == "ok" for row in rows), 300)
                self.assertEqual({row["vector"] for row in rows}, {width})


class Choice(unittest.TestCase):
    def test_the_best_is_the_default_and_names_are_taken_in_any_case(self):
        best, *others = widths()
        for wanted, width in [("", best), (best.lower(), best), *((other, other) for other in others)]:
            done = gradepth(wanted, "info", "--format", "json")
            self.assertEqual(json.loads(done.stdout)["vector"], width, wanted)

    def test_every_processor_of_the_architecture_has_one(self):
        self.assertIn(widths()[-1], ("SCALAR", "EMU128", "NEON"))

    def test_another_name_is_refused_in_one_line(self):
        for command in (["check", "--preset", "brief"], ["growth"], ["info"], ["train", "--steps", "1"]):
            done = gradepth("AVX9", *command)
            self.assertEqual(done.returncode, 2, command)
            self.assertRegex(done.stderr, r"^gradepth: GRADEPTH_VECTOR AVX9: one of .*\n$")
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
