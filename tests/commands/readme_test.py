"""Every command in README.md and CONTRIBUTING.md works as written.

Commands of ./bench/run are run with the built programs; the two scripts themselves, the presets and the
tools are checked to exist, because running them here would build and test inside a test.

Run by ctest as: python3 readme_test.py SOURCE_DIR GRADEPTH GRADEPTH_SPEED [GRADEPTH_METER]
Without the meter, which is built apart, its commands are checked like the scripts.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import unittest

SOURCE, GRADEPTH, SPEED = sys.argv[1:4]
METER = [program for program in sys.argv[4:5] if program]  # an empty one: not built with this preset


def commands(document):
    text = (pathlib.Path(SOURCE) / document).read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.S)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [part.strip() for line in lines if line for part in line.split("&&")]


class Documents(unittest.TestCase):
    def check(self, command):
        words = shlex.split(command)
        runs = words[0] == "./bench/run" and len(words) > 1
        if runs and (words[1] != "meter" or METER):
            programs = {"speed": [SPEED], "meter": METER}
            program = programs.get(words[1], [GRADEPTH, words[1]])
            done = subprocess.run([*program, *words[2:]], capture_output=True, text=True, timeout=300)
            self.assertEqual(done.returncode, 0, command + "\n" + done.stderr)
            self.assertTrue(done.stdout, command)
        elif words[0] == "cmake":
            presets = json.loads((pathlib.Path(SOURCE) / "CMakePresets.json").read_text())
            kind = "buildPresets" if "--build" in words else "configurePresets"
            self.assertIn(words[-1], [preset["name"] for preset in presets[kind]], command)
        else:
            self.assertIn(words[0], ("./bench/run", "./tests/run", "./tests/tidy", "./tests/fresh"), command)
            self.assertTrue(os.access(pathlib.Path(SOURCE) / words[0], os.X_OK), command)

    def test_readme(self):
        found = commands("README.md")
        self.assertGreater(len(found), 8)
        for command in found:
            with self.subTest(command):
                self.check(command)

    def test_contributing(self):
        for command in commands("CONTRIBUTING.md"):
            with self.subTest(command):
                self.check(command)

    def test_links_lead_somewhere(self):
        for document in ("README.md", "CONTRIBUTING.md"):
            text = (pathlib.Path(SOURCE) / document).read_text()
            for target in re.findall(r"\]\(([^)#]+)\)", text):
                self.assertTrue((pathlib.Path(SOURCE) / target).exists(), f"{document}: {target}")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
