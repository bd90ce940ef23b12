"""tests/studies/printed.py in small: what a build prints is the same twice, and a changed byte is seen.

Run by ctest as: python3 printed_test.py BUILD
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

BUILD = sys.argv.pop(1)
SCRIPT = pathlib.Path(__file__).resolve().parents[1] / "studies" / "printed.py"


def printed(*arguments):
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True)


class Printed(unittest.TestCase):
    def test_is_the_same_twice_and_a_changed_byte_is_seen(self):
        with tempfile.TemporaryDirectory() as temporary:
            first, second = pathlib.Path(temporary, "first"), pathlib.Path(temporary, "second")
            for folder in (first, second):
                done = printed("write", BUILD, folder, "--small")
                self.assertEqual(done.returncode, 0, done.stderr)
            self.assertGreater(len(list(first.iterdir())), 20)
            done = printed("compare", first, second)
            self.assertEqual(done.returncode, 0, done.stdout)
            changed = second / "growth_lstm_plain"
            text = changed.read_text()
            self.assertIn('"rate"', text)
            changed.write_text(text.replace('"rate"', '"Rate"', 1))
            done = printed("compare", first, second)
            self.assertEqual(done.returncode, 1)
            self.assertIn("growth_lstm_plain", done.stdout)


if __name__ == "__main__":
    unittest.main()
