"""Which architectures cmake/cuda.cmake makes CUDA code for: ours, or the user's own. Configures, compiles nothing.

Run by ctest as: python3 architectures_test.py SOURCE_DIR NVCC
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv[1])
NVCC = sys.argv[2]
NEW = "-UCMAKE_CUDA_ARCHITECTURES"  # as if the build folder were new, without asking nvcc once more who it is
PROJECT = f"""
cmake_minimum_required(VERSION 3.25)
project(one LANGUAGES CXX)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
include({SOURCE}/cmake/cuda.cmake)
add_library(one one.cu)
"""


class Architectures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.project = pathlib.Path(folder.name)
        (cls.project / "CMakeLists.txt").write_text(PROJECT)
        (cls.project / "one.cu").write_text("__global__ void kernel() {}\n")

    def made_for(self, *flags, **environment):
        """Such as {"sm_90", "compute_90"}: machine code and PTX, as in nvcc's command."""
        environment = {name: value for name, value in os.environ.items() if name != "CUDAARCHS"} | environment
        command = ["cmake", "-G", "Ninja", "-S", self.project, "-B", self.project / "build", f"-DCMAKE_CUDA_COMPILER={NVCC}"]
        done = subprocess.run([*command, *flags], env=environment, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        (entry,) = json.loads((self.project / "build/compile_commands.json").read_text())
        return {code for codes in re.findall(r",code=\[?([\w,]+)", entry["command"]) for code in codes.split(",")}

    def test_ours_without_a_word_have_budgets(self):
        budgets = json.loads((SOURCE / "tests/budgets.json").read_text()).values()
        self.assertEqual(self.made_for(NEW), {f"sm_{arch}" for budget in budgets for arch in budget["registers"]})

    def test_the_users_flag_at_once_and_from_then_on(self):
        flag = "-DCMAKE_CUDA_ARCHITECTURES="
        self.assertEqual(self.made_for(NEW, flag + "90-real;100-virtual", CUDAARCHS="86"), {"sm_90", "compute_100"})
        self.assertEqual(self.made_for(), {"sm_90", "compute_100"})
        self.assertEqual(self.made_for(flag + "80-real"), {"sm_80"})

    def test_the_users_environment(self):
        self.assertEqual(self.made_for(NEW, CUDAARCHS="86;90-real"), {"sm_86", "compute_86", "sm_90"})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
