"""Everything that needs a GPU: the providers cuda and cudnn against the float64 reference, and their clocks.

Run by ctest (label gpu) as: python3 gpu_test.py GRADEPTH GRADEPTH_SPEED
Without a GPU it says why and exits 77, which ctest reports as not run.
"""

import json
import subprocess
import sys
import tempfile
import unittest

GRADEPTH, SPEED = sys.argv[1:3]
NOT_RUN = 77


def run(program, *arguments, timeout=600):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=timeout)


def info():
    done = run(GRADEPTH, "info", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class OnTheGpu(unittest.TestCase):
    def check(self, provider, *arguments):
        done = run(GRADEPTH, "check", "--provider", provider, "--format", "json", *arguments)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        for row in rows:
            with self.subTest(row=row["name"]):
                self.assertIn(row["status"], ("ok", "unsupported"), row["reason"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(any(row["status"] == "ok" for row in rows))

    def test_cuda_is_right(self):
        for seed in ("1", "2"):
            self.check("cuda", "--preset", "small", "--seed", seed)
        self.check("cuda", "--preset", "quick")

    def test_cudnn_is_right(self):
        if "cudnn" in missing:
            self.fail("cudnn is missing: " + missing["cudnn"])
        self.check("cudnn", "--preset", "small")
        self.check("cudnn", "--preset", "quick")

    def test_rows_have_device_times(self):
        with tempfile.NamedTemporaryFile() as file:
            done = run(SPEED, "--preset=brief", "--provider=cuda", f"--rows={file.name}")
            self.assertEqual(done.returncode, 0, done.stderr)
            rows = [json.loads(line) for line in open(file.name)]
        timed = [row for row in rows if row["status"] == "ok"]
        self.assertTrue(timed)
        for row in timed:
            with self.subTest(row=row["name"]):
                self.assertEqual(row["clock"], "device")
                self.assertGreater(row["ms_wall"], 0)
                self.assertGreaterEqual(row["ms_cold"], 0.5 * row["ms"])
                self.assertLess(row["of_limit"], 1.2, "faster than the data sheet allows")


if __name__ == "__main__":
    missing = info()["missing"]
    if "cuda" in missing:
        print("not run:", missing["cuda"])
        sys.exit(NOT_RUN)
    unittest.main(argv=sys.argv[:1])
