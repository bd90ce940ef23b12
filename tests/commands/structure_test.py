"""The structure that CONTRIBUTING.md promises, read from the sources: who includes whom, how much a folder and a
file hold, where each folder's README begins; that the files that documents and comments name exist, and that
the mutations of the executor (tests/simt/mutate.py) still apply.

Run by ctest as: python3 structure_test.py [SOURCE_DIR]
"""

import collections
import graphlib
import pathlib
import re
import runpy
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else __file__).resolve()
ROOT = ROOT if ROOT.is_dir() else ROOT.parents[2]
FLOORS = ["kernels", "host", "bench", "tests"]  # each may use those before it
SOURCES = {".h", ".cuh", ".cpp", ".cu"}
MOST_FILES = 20  # in a folder, beside its README
MOST_LINES = 500
DATA = {"tests/golden", "tests/golden/weights"}


def files():
    found = (path for floor in FLOORS for path in (ROOT / floor).rglob("*"))
    return [pathlib.PurePosixPath(path.relative_to(ROOT)) for path in found
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")]  # fmt: skip


def includes(path):
    text = (ROOT / path).read_text()
    return [pathlib.PurePosixPath(name) for name in re.findall(r'^\s*#\s*include "([^"]+)"', text, re.MULTILINE)]


def documents():
    """What is written about all this, but for what was true once."""
    found = [*ROOT.glob("*.md"), *(ROOT / path for path in files() if path.suffix == ".md")]
    return [path for path in found if path.name != "CHANGELOG.md" and "results" not in path.parts]


def named_files(text):
    """Sources, scripts and documents that a text names, with folders or without; NAME stands for any."""
    found = re.findall(r"(?<![\w/.<*-])(?:[\w-]+/)*[\w-]+\.(?:h|cuh|cu|cpp|py|md|cmake)(?![\w*])(?!\.\w)", text)
    return {name for name in found if "NAME." not in name}


def component(path):
    """x.h, x.cuh, x.cpp and x.cu are one."""
    return str(path.with_suffix(""))


class Structure(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = files()
        cls.sources = [path for path in cls.files if path.suffix in SOURCES]

    def test_there_are_sources(self):
        self.assertGreater(len(self.sources), 300)

    def test_includes_are_whole_paths_that_exist(self):
        known = set(self.files)
        for path in self.sources:
            for included in includes(path):
                with self.subTest(file=str(path)):
                    self.assertIn(included, known)

    def test_nothing_points_up(self):
        for path in self.sources:
            for included in includes(path):
                with self.subTest(file=str(path), includes=str(included)):
                    self.assertLessEqual(FLOORS.index(included.parts[0]), FLOORS.index(path.parts[0]))

    def test_no_circle_of_components(self):
        graph = collections.defaultdict(set)
        for path in self.sources:
            graph[component(path)] |= {component(included) for included in includes(path)} - {component(path)}
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            self.fail(" -> ".join(error.args[1]))

    def test_providers_do_not_know_each_other(self):
        providers = pathlib.PurePosixPath("host/providers")
        for path in self.sources:
            if not path.is_relative_to(providers) or path.parent == providers:
                continue
            own = path.relative_to(providers).parts[0]
            for included in includes(path):
                if included.is_relative_to(providers) and included.parent != providers:
                    with self.subTest(file=str(path), includes=str(included)):
                        self.assertIn(included.relative_to(providers).parts[0], {"shared", own})

    def test_growth_training_and_bench_know_providers_by_their_interface(self):
        # The reference also rounds as other formats do, which is no provider's business.
        known = {"host/providers/provider.h", "host/providers/reference/reference.h"}
        for path in self.sources:
            if path.parts[:2] not in [("host", "growth"), ("host", "train")] and path.parts[0] != "bench":
                continue
            for included in includes(path):
                if included.parts[:2] == ("host", "providers"):
                    with self.subTest(file=str(path), includes=str(included)):
                        self.assertIn(str(included), known)

    def test_only_rows_and_knobs_of_growth_are_json(self):
        """The mathematics gives structs; host/growth/study/row.cpp is the only writer of growth rows."""
        for path in self.sources:
            if path.parts[:2] != ("host", "growth") or path.parts[2] == "knobs" or component(path).endswith("study/row"):
                continue
            with self.subTest(file=str(path)):
                self.assertNotRegex((ROOT / path).read_text(), r"nlohmann|host/text/json\.h|json::")

    def test_the_mathematics_of_growth_knows_no_flags(self):
        for path in self.sources:
            if path.parts[:2] == ("host", "growth") and path.parts[2] in ("jacobians", "precision", "states", "theory"):
                with self.subTest(file=str(path)):
                    self.assertNotRegex((ROOT / path).read_text(), r'"[^"\n]*--[a-z]')

    def test_the_report_knows_every_provider(self):
        registry = (ROOT / "host/providers/registry.cpp").read_text()
        page = (ROOT / "bench/report/report_page.py").read_text()
        listed = re.search(r"^PROVIDERS = \[(.*)\]$", page, re.MULTILINE)[1]
        self.assertEqual(re.findall(r'"(\w+)"', listed), re.findall(r'ProviderInfo\{"(\w+)"', registry))

    def test_every_folder_says_what_it_is_and_where_to_begin(self):
        programs = [path for path in self.files if path.suffix in SOURCES | {".py"}]
        for folder in {path.parent for path in programs}:
            with self.subTest(folder=str(folder)):
                readme = folder / "README.md"
                self.assertIn(readme, self.files)
                text = (ROOT / readme).read_text()
                self.assertRegex(text, rf"\A# {re.escape(str(folder))}(: .+)?\n")
                here = {path.name for path in programs if path.parent == folder}
                self.assertTrue(here & set(re.findall(r"`([\w.]+)`", text)), f"{readme} names none of {sorted(here)}")

    def test_files_that_are_named_exist(self):
        """In documents what stands in backticks, in sources what a comment names. A folder's README names
        what lies in the folder, or all of a path; others may leave folders out."""
        known = [f"/{path.relative_to(ROOT)}" for folder in ("cmake", "findings") for path in (ROOT / folder).iterdir()]
        known += [f"/{path}" for path in self.files] + [f"/{path.name}" for path in ROOT.glob("*.md")]
        texts = {path: r"`[^`\n]+`" for path in documents()}
        texts |= {ROOT / path: r"//.*" for path in self.sources}
        for path, said in texts.items():
            here = f"/{path.parent.relative_to(ROOT)}/" if path.name == "README.md" and path.parent != ROOT else "/"
            for name in named_files("\n".join(re.findall(said, path.read_text()))):
                with self.subTest(file=str(path.relative_to(ROOT))):
                    found = [file for file in known if file.endswith(f"/{name}")]
                    self.assertTrue(any(file.startswith(here) or file == f"/{name}" for file in found), name)

    def test_links_lead_somewhere(self):
        for path in documents():
            for target in re.findall(r"\]\(([^)#\s]+)\)", path.read_text()):
                if "://" not in target:
                    with self.subTest(file=str(path.relative_to(ROOT))):
                        self.assertTrue((path.parent / target).exists(), target)

    def test_folders_and_files_are_small(self):
        counts = collections.Counter(str(path.parent) for path in self.files if path.name != "README.md")
        for folder, count in counts.items():
            with self.subTest(folder=folder):
                self.assertLessEqual(count, MOST_FILES if folder not in DATA else 100)
        for path in self.sources:
            with self.subTest(file=str(path)):
                self.assertLessEqual(len((ROOT / path).read_text().splitlines()), MOST_LINES)

    def test_mutations_of_the_executor_still_apply(self):
        for name, _, file, changes in runpy.run_path(str(ROOT / "tests/simt/mutate.py"))["MUTATIONS"]:
            source = (ROOT / "kernels/simt" / file).read_text()
            for code, _ in changes:
                with self.subTest(mutation=name):
                    self.assertIn(code, source)


if __name__ == "__main__":
    unittest.main()
