"""Registers, shared memory and access widths of every CUDA kernel stay within tests/budgets.json; nothing spills.

Run by ctest as: python3 budget_test.py BUILD_FOLDER   (of the cuda preset; compiled, not run: no GPU is needed)
After a change that is meant: python3 tests/budget_test.py build/cuda --update, and read the difference.

A kernel's budget is the most that any instantiation of its template takes. Registers are rounded up to 8,
in which they are given out; so another version of nvcc has some room. The widths, in bytes, of its global loads
and stores in the PTX must be exactly those listed: a lost vector access would halve the bandwidth unseen.
"""

import collections
import json
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "cmake"))
import ptxas_report  # noqa: E402

BUDGETS = ROOT / "tests" / "budgets.json"
BUILD = sys.argv[1]


def round_up(registers):
    return (registers + 7) // 8 * 8


def summary(rows):
    """By kernel: the most that an instantiation takes, registers by architecture, and all widths."""
    found = {}
    for row in rows:
        kernel = found.setdefault(
            row["base"],
            {"registers": collections.defaultdict(int), "shared": 0, "loads": set(), "stores": set()},
        )
        arch = str(row["arch"])
        kernel["registers"][arch] = max(kernel["registers"][arch], round_up(row["registers"]))
        kernel["shared"] = max(kernel["shared"], row["shared"])
        kernel["loads"] |= set(row["loads"])
        kernel["stores"] |= set(row["stores"])
    return {
        name: {
            "registers": dict(sorted(kernel["registers"].items(), key=lambda item: int(item[0]))),
            "shared": kernel["shared"],
            "loads": sorted(kernel["loads"]),
            "stores": sorted(kernel["stores"]),
        }
        for name, kernel in sorted(found.items())
    }


class Budget(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rows = ptxas_report.read(BUILD)
        cls.budgets = json.loads(BUDGETS.read_text())

    def test_there_are_kernels(self):
        self.assertGreater(len(self.rows), 100)

    def test_nothing_spills(self):
        for row in self.rows:
            with self.subTest(kernel=row["kernel"], arch=row["arch"]):
                self.assertEqual((row["stack"], row["spill_stores"], row["spill_loads"]), (0, 0, 0))

    def test_every_kernel_has_a_budget_and_every_budget_a_kernel(self):
        self.assertEqual({row["base"] for row in self.rows}, set(self.budgets))

    def test_registers_and_shared_memory(self):
        known = {arch for budget in self.budgets.values() for arch in budget["registers"]}
        for name, kernel in summary(self.rows).items():
            budget = self.budgets[name]
            for arch, registers in kernel["registers"].items():
                with self.subTest(kernel=name, arch=arch):
                    if arch not in known:  # a user's own; architectures_test.py holds that all of ours are
                        self.skipTest("no budget for this architecture")
                    self.assertIn(arch, budget["registers"])
                    self.assertLessEqual(registers, budget["registers"][arch])
            with self.subTest(kernel=name):
                self.assertLessEqual(kernel["shared"], budget["shared"])

    def test_widths_of_global_accesses(self):
        for name, kernel in summary(self.rows).items():
            with self.subTest(kernel=name):
                self.assertEqual(kernel["loads"], self.budgets[name]["loads"])
                self.assertEqual(kernel["stores"], self.budgets[name]["stores"])


def update():
    lines = (f"  {json.dumps(name)}: {json.dumps(kernel)}" for name, kernel in summary(ptxas_report.read(BUILD)).items())
    BUDGETS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        unittest.main(argv=sys.argv[:1])
