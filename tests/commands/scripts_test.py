"""What bench/run, tests/run, tests/fresh and .ci/run say and do, with stand-ins for the programs that they call.

tests/fresh itself shows that the real ones work. Run by ctest as: python3 scripts_test.py SOURCE_DIR GRADEPTH
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = pathlib.Path(sys.argv[1])
GRADEPTH = sys.argv[2]
TOOLS = "bash cat chmod cp cut df dirname env grep head mkdir mktemp nproc rm sed setpriv sha256sum sleep sort tail tee timeout touch tr true".split()
PACKAGES = [line for line in (SOURCE / "cmake/packages.txt").read_text().split("\n")[1:] if line]

# What is installed is $INSTALLED, "all" or a list; who asks is $WHO. cmake makes programs that print how they were called.
STAND_INS = {
    "dpkg-query": """shift 3; for p; do case " $INSTALLED " in *" all "*|*" $p "*) echo "$p install ok installed";; esac; done""",
    "id": "echo $WHO",
    "apt-get": """echo "$0 $*" | sed 's/.*apt-get/apt-get/' >>calls; [[ "$FAILS" != *"apt-get $1"* ]] || { echo "E: no $1"; exit 100; }""",
    "cmake": """
echo "cmake $*" >>calls
if [ "$1" = --build ]; then
  sleep ${SLOW:-0}
  [[ "$FAILS" != *one_of_each* || "$*" != *one_of_each* ]] || exit 1
  [[ "$FAILS" != *build* ]] || { echo "x.cpp:1: error: broken"; exit 1; }
  for p in gradepth gradepth_speed gradepth_meter; do
    printf '#!/usr/bin/env bash\\necho "%s $*"\\n' $p >"$2/$p"; chmod +x "$2/$p"
  done
else mkdir -p "$2/build/$4"; touch "$2/build/$4/build.ninja"; fi""",
    "ctest": """
echo "ctest $*" >>calls; echo 'OMP_WAIT_POLICY' "$OMP_WAIT_POLICY"
echo " 1/3 Test  #7: Quick.Case ....................   Passed    0.10 sec"
echo " 2/3 Test #70: ${2##*/}.slow_test .............***Failed   12.34 sec"
echo " 3/3 Test  #8: Slower.Case ...................   Passed  112.50 sec"
[[ "$FAILS" != *"ctest ${2##*/}"* ]] || exit 8""",
}


class Scripts(unittest.TestCase):
    """A copy of the scripts in a folder of its own, and a PATH with nothing but TOOLS and stand-ins."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = pathlib.Path(folder.name) / "tree"
        self.bin = pathlib.Path(folder.name) / "bin"
        self.bin.mkdir()
        for file in ("bench/run", "bench/report/requirements.txt", "cmake/setup.sh", "cmake/packages.txt", "tests/run", "tests/fresh",
                     ".ci/run"):
            (self.tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / file, self.tree / file)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        for name, script in STAND_INS.items():
            self.stand_in(name, script)
        # Python with plotly is there: no test asks a package index.
        stamp = hashlib.sha256((SOURCE / "bench/report/requirements.txt").read_bytes()).hexdigest()[:16]
        (self.tree / "build/venv").mkdir(parents=True)
        (self.tree / "build/venv" / stamp).touch()
        self.environment = {"PATH": str(self.bin), "HOME": folder.name, "TMPDIR": folder.name, "INSTALLED": "all", "WHO": "1000",
                            "FAILS": "", "CUDACXX": "/nowhere/nvcc", "LC_ALL": "C.UTF-8"}

    def stand_in(self, name, script, path=None):
        file = path or self.bin / name
        file.write_text(f"#!{shutil.which('bash')}\n{script}\n")
        file.chmod(0o755)

    def start(self, *command, **environment):
        return subprocess.Popen(command, cwd=self.tree, env=self.environment | environment, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)

    def run_script(self, *command, status=0, **environment):
        """Its lines on stdout and on stderr."""
        process = self.start(*command, **environment)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, status, out + err)
        return out.splitlines(), err.splitlines()

    def calls(self):
        file = self.tree / "calls"
        return file.read_text().splitlines() if file.exists() else []


class Packages(Scripts):
    INSTALL = "apt-get install -y --no-install-recommends " + " ".join(PACKAGES)

    def test_a_user_without_root_is_told_the_command(self):
        for script in ("./bench/run", "./tests/run"):
            out, err = self.run_script(script, status=1, INSTALLED="")
            self.assertEqual(out, [])
            self.assertEqual(err[-2:], ["Missing Debian packages. As root, please run:", "  apt-get update && " + self.INSTALL])
        self.assertEqual(self.calls(), [])

    def test_with_sudo_where_there_is_one(self):
        self.stand_in("sudo", "exit 1")
        _, err = self.run_script("./bench/run", status=1, INSTALLED="")
        self.assertEqual(err[-1], "  sudo apt-get update && sudo " + self.INSTALL)

    def test_only_what_is_missing(self):
        there = " ".join(set(PACKAGES) - {"cmake", "python3"})
        _, err = self.run_script("./bench/run", status=1, INSTALLED=there)
        self.assertTrue(err[-1].endswith("--no-install-recommends cmake python3"), err)

    def test_root_installs_them_and_goes_on(self):
        out, err = self.run_script("./bench/run", "growth", INSTALLED="", WHO="0")
        self.assertEqual(self.calls()[:2], ["apt-get update", self.INSTALL])
        self.assertIn(f"Installing {len(PACKAGES)} packages", "\n".join(err))
        self.assertEqual(out, ["gradepth growth"])

    def test_a_broken_list_does_not_stop_an_install_that_works(self):
        out, _ = self.run_script("./bench/run", "growth", INSTALLED="", WHO="0", FAILS="apt-get update")
        self.assertEqual(out, ["gradepth growth"])

    def test_a_failed_install_says_apts_own_words(self):
        _, err = self.run_script("./bench/run", "growth", status=1, INSTALLED="", WHO="0", FAILS="apt-get install")
        self.assertEqual(err[-2:], ["E: no install", "apt-get failed; the whole log is build/apt.log"])


class Building(Scripts):
    def first_line(self, *command):
        begin = time.monotonic()
        process = self.start(*command, SLOW="5")
        line = process.stderr.readline()
        seconds = time.monotonic() - begin
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=20)
        self.assertLess(seconds, 2, command)  # a second, on a machine that runs other tests too
        return line

    def test_the_first_line_comes_at_once(self):
        self.run_script("./bench/run", "info")
        self.stand_in("clang++-16", "")
        for command in ([], ["suite", "--preset", "brief"], ["growth"], ["meter"], ["meter"]):
            self.assertRegex(self.first_line("./bench/run", *command), "Looking for|Building", command)
        self.assertRegex(self.first_line("./tests/run"), "Looking for")

    def test_what_is_built_stays_silent(self):
        self.run_script("./bench/run", "info")
        self.assertEqual(self.run_script("./bench/run", "info"), (["gradepth info"], []))

    def test_the_meter_says_that_it_is_built(self):
        self.stand_in("clang++-16", "")
        out, err = self.run_script("./bench/run", "meter", "x", SLOW="1.5")
        self.assertEqual(err, ["Building gradepth_meter (preset meter), the first time: a few minutes; log: build/meter.log"])
        self.assertEqual(out, ["gradepth_meter x"])

    def test_a_failed_build_shows_its_errors(self):
        out, err = self.run_script("./bench/run", "info", status=1, FAILS="build")
        self.assertEqual(out, [])
        self.assertIn("x.cpp:1: error: broken", err)
        self.assertIn("the whole log is", err[-1])

    def test_an_interrupted_build_ends_at_once(self):
        process = self.start("./bench/run", "info", SLOW="30")
        time.sleep(1.5)
        begin = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=20)  # until nothing holds the pipe
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual(process.returncode, 130, err)


class Preset(Scripts):
    def built(self):
        return [call.split("--preset ")[1].split()[0] for call in self.calls() if "--preset" in call]

    def test_a_gpu_without_nvcc_is_said_in_one_line(self):
        self.stand_in("nvidia-smi", "exit 0")
        _, err = self.run_script("./bench/run", "info")
        (line,) = [line for line in err if "GPU" in line]
        for word in ("nvcc", "CPU build", "CUDA 12 or 13", "cuBLAS", "cuDNN 9", "CUDACXX"):
            self.assertIn(word, line)
        self.assertEqual(self.built(), ["cpu"])
        _, err = self.run_script("./tests/run")
        self.assertEqual(sum("GPU" in line for line in err), 1)

    def test_chosen_by_hand_it_is_not_said(self):
        self.stand_in("nvidia-smi", "exit 0")
        _, err = self.run_script("./bench/run", "info", GRADEPTH_PRESET="cpu")
        self.assertFalse([line for line in err if "GPU" in line])

    def test_a_gpu_with_nvcc_gets_the_cuda_build(self):
        self.stand_in("nvidia-smi", "exit 0")
        self.stand_in("nvcc", "exit 0")
        self.run_script("./bench/run", "info", CUDACXX=str(self.bin / "nvcc"))
        self.assertEqual(self.built(), ["cuda"])

    def test_nvcc_without_a_gpu_is_for_tests(self):
        self.stand_in("nvidia-smi", "exit 6")
        self.stand_in("nvcc", "exit 0")
        self.run_script("./bench/run", "info", CUDACXX=str(self.bin / "nvcc"))
        self.run_script("./tests/run", CUDACXX=str(self.bin / "nvcc"))
        self.assertEqual(self.built(), ["cpu", "asan", "tsan", "meter", "cuda"])


class All(Scripts):
    """./tests/run all: the ordinary run, then whole presets."""

    def presets(self):
        return [call.split()[2].rsplit("/", 1)[1] for call in self.calls() if call.startswith("ctest")]

    def test_each_is_built_whole_and_tested_and_its_slow_cases_are_named(self):
        out, err = self.run_script("./tests/run", "all")
        self.assertEqual(self.presets(), ["cpu", "asan", "tsan", "clang"])
        whole = [call.split("/build/")[1] for call in self.calls() if "--build" in call]
        self.assertEqual([call.split()[0] for call in whole if call.endswith("--target all")], ["meter", "cpu", "asan", "tsan", "clang"])
        slow = err.index("Slowest of preset asan:")
        self.assertEqual(err[slow + 1:slow + 4], ["  112.50 s  Slower.Case", "  12.34 s  asan.slow_test", "  0.10 s  Quick.Case"])
        self.assertTrue(self.calls()[-1].endswith("/build/cpu --target one_of_each"), self.calls()[-1])
        self.assertEqual(err[-1], "All tests passed: cpu, asan, tsan, clang, one_of_each")

    def test_the_subsets_are_not_compiled_a_second_time(self):
        self.run_script("./tests/run", "all")
        asan = [call for call in self.calls() if "--preset asan" in call]
        self.assertEqual(len(asan), 2)
        self.assertEqual(*asan)

    def test_what_fails_is_said_in_the_end_and_the_rest_is_tested(self):
        _, err = self.run_script("./tests/run", "all", status=1, FAILS="ctest cpu ctest asan one_of_each")
        self.assertEqual(self.presets(), ["cpu", "asan", "tsan", "clang"])
        self.assertEqual(err[-1], "Tests failed in: cpu asan one_of_each")

    def test_the_ordinary_run_has_ctests_status(self):
        self.run_script("./tests/run", status=8, FAILS="ctest cpu")
        self.run_script("./tests/run", "asan", status=8, FAILS="ctest asan")


class Commands(Scripts):
    def overview(self):
        out, err = self.run_script("./bench/run", "--help", INSTALLED="")
        self.assertEqual((err, self.calls()), ([], []))
        self.assertLessEqual(max(map(len, out)), 80)
        return re.findall(r"^  ([a-z]+) ", "\n".join(out), re.M)

    def test_help_lists_every_command(self):
        table = re.search(r"\| command \| does \|\n(.*?)\n\n", (SOURCE / "README.md").read_text(), re.S).group(1)
        self.assertEqual(self.overview(), re.findall(r"^\| `(\w+)` \|", table, re.M))
        own = subprocess.run([GRADEPTH, "--help"], capture_output=True, text=True, check=True).stdout
        own = re.findall(r"^  ([a-z]+) ", own.split("Subcommands:")[1], re.M)
        self.assertEqual(set(self.overview()), {*own, "speed", "meter", "report"})

    def test_an_unknown_command_builds_nothing(self):
        for wrong in ("grwoth", "", "suite growth", "."):
            out, err = self.run_script("./bench/run", wrong, status=2, INSTALLED="")
            self.assertEqual((out, len(err), self.calls()), ([], 1, []))
            self.assertIn(f"command {wrong}: one of suite, growth,", err[0])

    def test_flags_alone_are_the_suites(self):
        self.assertEqual(self.run_script("./bench/run", "--preset", "brief")[0], ["gradepth suite --preset brief"])
        self.assertEqual(self.run_script("./bench/run")[0], ["gradepth suite"])
        self.assertEqual(self.run_script("./bench/run", "speed", "--preset=full")[0], ["gradepth_speed --preset=full"])
        self.assertEqual(self.run_script("./bench/run", "--version")[0], ["gradepth --version"])


class Warnings(Scripts):
    """Errors for us and for CI, whose compiler and flags are known; not in what the README builds."""

    @staticmethod
    def of_preset(name):
        presets = json.loads((SOURCE / "CMakePresets.json").read_text())["configurePresets"]
        base, own = ({**next(p for p in presets if p["name"] == n)["cacheVariables"]} if n == "base" else
                     next(p for p in presets if p["name"] == n).get("cacheVariables", {}) for n in ("base", name))
        return (base | own)["GRADEPTH_WERROR"]

    def test_presets(self):
        self.assertEqual({name: self.of_preset(name) for name in ("cpu", "cuda", "meter", "asan", "tsan", "clang", "debug")},
                         {"cpu": "OFF", "cuda": "OFF", "meter": "OFF", "asan": "ON", "tsan": "ON", "clang": "ON", "debug": "ON"})

    def configured(self):
        return [call for call in self.calls() if "--preset" in call]

    def test_a_user_runs_all_tests_without(self):
        self.run_script("./tests/run")
        self.assertEqual(len(self.configured()), 4)
        for call in self.configured():
            self.assertIn(" -DGRADEPTH_WERROR=OFF", call)

    def test_ci_runs_them_with(self):
        self.stand_in("", "exit 0", self.tree / "tests/fresh")
        self.run_script("./.ci/run")
        self.assertEqual(len(self.configured()), 4)
        for call in self.configured():
            self.assertIn(" -DGRADEPTH_WERROR=ON", call)

    def test_a_preset_by_name_keeps_its_own(self):
        self.run_script("./tests/run", "asan")
        self.assertNotIn("WERROR", self.configured()[0])

    def test_a_users_flags_hold_at_once(self):
        self.run_script("./bench/run", "info")
        self.run_script("./bench/run", "info", CXXFLAGS="-O1 -march=icelake-server")
        self.assertNotIn("CMAKE_CXX_FLAGS", self.configured()[0])
        self.assertIn(" -DCMAKE_CXX_FLAGS=-O1 -march=icelake-server", self.configured()[1])

    def test_a_users_architectures_hold_at_once(self):
        self.run_script("./bench/run", "info")
        self.run_script("./bench/run", "info", CUDAARCHS="90-real;90-virtual")
        self.assertNotIn("ARCHITECTURES", self.configured()[0])
        self.assertIn(" -DCMAKE_CUDA_ARCHITECTURES=90-real;90-virtual", self.configured()[1])

    def test_a_warning_stops_a_build_only_where_it_is_an_error(self):
        project = self.tree / "warned"
        project.mkdir()
        (project / "warned.cpp").write_text("int f() { int unused; return 0; }\n")
        (project / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(warned LANGUAGES CXX)\n" +
            "".join(f"include({SOURCE}/cmake/{name}.cmake)\n" for name in ("options", "warnings")) +
            "add_library(warned warned.cpp)\ntarget_link_libraries(warned PRIVATE gradepth::warnings)\n")
        for preset, stops in (("cpu", False), ("asan", True)):
            flags = [f"-DGRADEPTH_WERROR={self.of_preset(preset)}", "-G", "Ninja"]
            subprocess.run(["cmake", "-S", project, "-B", project / preset, *flags], check=True, capture_output=True)
            done = subprocess.run(["cmake", "--build", project / preset], capture_output=True, text=True)
            self.assertIn("unused", done.stdout)
            self.assertEqual(done.returncode != 0, stops, done.stdout)


class Ci(Scripts):
    def ci(self, fresh, status, **environment):
        self.stand_in("", "echo tests", self.tree / "tests/run")
        self.stand_in("", fresh, self.tree / "tests/fresh")
        return self.run_script("bash", ".ci/run", status=status, **environment)[0]

    def test_tests_then_a_fresh_start(self):
        self.assertEqual(self.ci("echo fresh", 0), ["tests", "fresh"])

    def test_a_failed_fresh_start_fails(self):
        self.assertEqual(self.ci("echo fresh; exit 1", 1), ["tests", "fresh"])
        self.assertEqual(self.ci("exit 1", 1, GRADEPTH_FRESH="optional"), ["tests"])

    def test_one_that_cannot_be_made_fails_with_its_reason(self):
        fresh = "echo fresh; echo no mirror; exit 77"
        said = ["tests", "fresh", "no mirror", "FRESH NOT RUN: no mirror"]
        self.assertEqual(self.ci(fresh, 1), said)
        self.assertEqual(self.ci(fresh, 0, GRADEPTH_FRESH="optional"), said)

    def test_failed_tests_end_it(self):
        self.stand_in("", "exit 3", self.tree / "tests/run")
        self.assertEqual(self.run_script("bash", ".ci/run", status=3), ([], []))


class Fresh(Scripts):
    """Where a bare Debian cannot be made: exit 77, the reason in the last line, and nothing left."""

    LISTS = 'case "$1" in indextargets) echo "Packages Debian main bookworm http://mirror/debian/";; esac'

    def setUp(self):
        super().setUp()
        self.stand_in("apt-get", self.LISTS)
        self.stand_in("apt-config", "")
        self.stand_in("git", "")
        self.stand_in("mount", "")
        self.stand_in("unshare", 'while [[ "$1" == --* ]]; do shift; done; exec "$@"')
        self.stand_in("debootstrap", "echo \"$*\" >>$HOME/debootstrap; echo 'E: cannot reach it'; exit 1")

    def reason(self, **environment):
        out, err = self.run_script("./tests/fresh", status=77, **({"WHO": "0"} | environment))
        self.assertEqual(err, [])
        self.assertEqual(list(pathlib.Path(self.environment["TMPDIR"]).glob("gradepth-fresh*")), [])
        return out[-1]

    def test_no_root(self):
        self.assertRegex(self.reason(WHO="1000"), "needs root$")

    def test_no_apt(self):
        (self.bin / "apt-get").unlink()
        self.assertRegex(self.reason(), "needs apt")

    def test_no_debootstrap_to_be_had(self):
        (self.bin / "debootstrap").unlink()
        self.stand_in("apt-get", "[ $1 = update ] || { echo 'E: no such package'; exit 100; }")
        self.assertRegex(self.reason(), "cannot install debootstrap: E: no such package$")

    def test_no_right_to_mount(self):
        self.stand_in("unshare", "exit 1")
        self.assertRegex(self.reason(), "no right to")

    def test_no_mirror(self):
        self.stand_in("apt-get", 'case "$1" in indextargets) echo "Packages Ubuntu main jammy http://mirror/ubuntu/";; esac')
        self.assertRegex(self.reason(), "apt knows no mirror of Debian here$")

    def test_a_mirror_that_does_not_answer(self):
        self.assertRegex(self.reason(), "debootstrap failed: E: cannot reach it$")
        asked = pathlib.Path(self.environment["HOME"], "debootstrap").read_text()
        self.assertRegex(asked, r"^--variant=minbase bookworm \S+/root http://mirror/debian\n$")

    def test_another_releases_mirror_will_do(self):
        self.stand_in("apt-get", self.LISTS.replace("bookworm", "trixie"))
        self.reason()
        self.assertIn("/root http://mirror/debian\n", pathlib.Path(self.environment["HOME"], "debootstrap").read_text())

    def test_an_interrupt_leaves_nothing(self):
        self.stand_in("debootstrap", "touch $HOME/begun; exec sleep 5")
        process = self.start("./tests/fresh", WHO="0")
        begun = pathlib.Path(self.environment["HOME"], "begun")
        for _ in range(200):
            if begun.exists():
                break
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(list(pathlib.Path(self.environment["TMPDIR"]).glob("gradepth-fresh*")), [])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
