#!/usr/bin/env python3
"""Takes out the SIMT executor's checks one after the other; a test must fail each time.

    tests/simt/mutate.py            all mutations: about ten minutes on 2 cores
    tests/simt/mutate.py WORD...    those whose name contains one of the words

Works on a copy in a temporary folder. Prints a table: mutation, build, first test that fails.
Exits with 1 when a mutation passes all tests, or no longer applies to the source.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]

# build: sanitizers, test files
BUILDS = {
    "plain": ("", "grid launch misuse schedule shared_memory warp words"),
    "asan": ("address,undefined", "asan"),
    "tsan": ("thread", "tsan words"),
}

# name, build, file in kernels/simt, [(code, what it becomes), ...]
MUTATIONS = [
    ("static shared memory keeps its bytes", "plain", "engine/shared_memory.cpp",
     [("std::memset(at, kNanByte, variable.bytes);", "")]),
    ("dynamic shared memory keeps its bytes", "plain", "engine/shared_memory.cpp",
     [("std::memset(memory_.get(), kNanByte, bytes);", "")]),
    ("thread_locals of others are filled, too", "plain", "engine/shared_memory.cpp",
     [('return name.starts_with("_ZZ") && name.find("8gradepth4simt") != std::string_view::npos;',
       "return !name.empty();")]),
    ("divergent barrier is not seen", "plain", "engine/meet.cpp",
     [('if (!same(thread.site, first->site)) {', "if (false) {")]),
    ("divergent grid barrier is not seen", "plain", "engine/meet.cpp",
     [("if (!same(thread.site, threads_.front().site)) {", "if (false) {")]),
    ("absent lanes are not waited for", "plain", "engine/meet.cpp",
     [("if (awaited < lanes && is_missing(awaited)) return;", ""), ("    awaited = lane;\n    return;", "")]),
    ("lanes in other operations are accepted", "plain", "engine/meet.cpp",
     [("other.op != arrived.op ||", ""), ("!same(other.site, arrived.site)", "false")]),
    ("lane outside its own mask is accepted", "plain", "engine/meet.cpp",
     [("if ((mask >> lane() & 1U) == 0) {", "if (false) {")]),
    ("absent source lane gives the own value", "plain", "engine/meet.cpp",
     [("values[other.source] : kNanBits", "values[other.source] : other.value")]),
    ("deadlock ends the block without a word", "plain", "engine/block.cpp",
     [("fail(describe_deadlock());", "exited_ = threads();")]),
    ("threads start in their order", "plain", "engine/block.cpp",
     [("if (seeded()) random_.shuffle(order_);", "")]),
    ("threads resume in their order", "plain", "engine/block.cpp",
     [("if (seeded()) std::swap(ready(random_.below(ready_count_)), ready(0));", "")]),
    ("blocks start in their order", "plain", "engine/executor.cpp",
     [("if (work.seed != 0) Random(work.seed).shuffle(order_);", "")]),
    ("grid.sync outside a cooperative launch", "plain", "engine/meet.cpp",
     [("if (!cooperative()) {", "if (!cooperative()) {\n    return;")]),
    ("grid.sync after a block has left", "plain", "engine/grid_barrier.cpp",
     [('if (generation_ == mine) throw Abandoned("grid.sync: another block has left the kernel");',
       "")]),
    ("grid.sync after a thread has left", "plain", "engine/block.cpp",
     [("at_grid_barrier_ == threads()", "at_grid_barrier_ + exited_ == threads()")]),
    ("grid.sync does not wait", "plain", "engine/meet.cpp", [("work_->grid_barrier->wait();", "")]),
    ("a thread that left is waited for", "plain", "engine/block.cpp",
     [("if (at_block_barrier_ > 0 && at_block_barrier_ + exited_ == threads()) "
       "complete_block_barrier();", "")]),
    ("block size is not checked", "plain", "engine/executor.cpp", [("if (!block_ok)", "if (false)")]),
    ("no guard page below a stack", "plain", "engine/fiber.cpp",
     [("mprotect(memory, guard, PROT_NONE) != 0", "false")]),
    ("no poison behind dynamic shared memory", "asan", "engine/shared_memory.cpp",
     [("asan::poison(memory_.get() + bytes, capacity_ - bytes);", "")]),
    ("every switch orders threads", "tsan", "sanitizers.h",
     [("__tsan_switch_to_fiber(context, __tsan_switch_to_fiber_no_sync);",
       "__tsan_switch_to_fiber(context, 0);")]),
    ("a block barrier orders nothing", "tsan", "engine/meet.cpp",
     [("  suspend();\n  tsan::acquire(order);", "  suspend();")]),
    ("a grid barrier orders nothing", "tsan", "engine/meet.cpp",
     [("  suspend();\n  tsan::acquire(&grid_order_);", "  suspend();")]),
    ("a shuffle orders memory", "tsan", "engine/meet.cpp",
     [("if (op == WarpOp::kSync) tsan::release(order);", "tsan::release(order);"),
      ("if (op == WarpOp::kSync) tsan::acquire(order);", "tsan::acquire(order);")]),
    ("an atomic publishes without a fence", "tsan", "atomics.h",
     [("if (tsan::kEnabled && !has_fenced()) {", "if (false) {")]),
    ("threads share a stack", "tsan", "engine/block.cpp",
     [("another = !tsan::kEnabled && ", "another = ")]),
    ("blocks are ordered by their slot", "tsan", "engine/executor.cpp",
     [("if (contexts_.size() == order_.size()) break;", ""),
      ("tsan::switch_to(contexts_[slot]);", "tsan::switch_to(contexts_[0]);")]),
]

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(gradepth LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_FLAGS_DEBUG -O1)
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_SOURCE_DIR}/cmake)
include(options)
include(warnings)
find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_library(BOOST_CONTEXT_LIBRARY boost_context REQUIRED)
add_subdirectory(kernels/simt)
separate_arguments(tests UNIX_COMMAND "${TESTS}")
list(TRANSFORM tests PREPEND tests/simt/)
list(TRANSFORM tests APPEND _test.cpp)
add_executable(simt_tests ${tests})
target_link_libraries(simt_tests PRIVATE gradepth::simt GTest::gtest_main GTest::gmock)
"""


def run(command, timeout=900):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=timeout)


def compile_tests(folder):
    result = run(["ninja", "-C", folder, "simt_tests"])
    return None if result.returncode == 0 else result.stdout[-2000:]


def first_failure(folder):
    """The first test that fails, crashes or hangs; None when all pass."""
    try:
        result = run([folder / "simt_tests", "--gtest_brief=0"], timeout=120)
    except subprocess.TimeoutExpired:
        return "no end after 120 s"
    failed = re.search(r"\[  FAILED  \] (\S+)", result.stdout)
    if failed:
        return failed.group(1).rstrip(",")
    if result.returncode == 0:
        return None
    # A crash, or a sanitizer's report in a test that passes: the test that ran then.
    before = result.stdout.split("WARNING: ThreadSanitizer")[0]
    started = re.findall(r"\[ RUN      \] (\S+)", before)
    where = started[-1] if started else "the start"
    return f"{where} (exit status {result.returncode})"


def main():
    words = sys.argv[1:] or [""]
    wanted = [m for m in MUTATIONS if any(word in m[0] for word in words)]
    with tempfile.TemporaryDirectory(prefix="simt-mutate-") as temporary:
        tree = pathlib.Path(temporary) / "tree"
        for folder in ("cmake", "kernels/simt", "tests/simt"):
            shutil.copytree(ROOT / folder, tree / folder)
        shutil.copy(ROOT / "kernels/platform.h", tree / "kernels")
        (tree / "CMakeLists.txt").write_text(PROJECT)
        folders = {}
        for build in sorted({mutation[1] for mutation in wanted}):
            sanitizers, tests = BUILDS[build]
            folders[build] = pathlib.Path(temporary) / build
            configured = run(["cmake", "-S", tree, "-B", folders[build], "-G", "Ninja",
                              "-DCMAKE_BUILD_TYPE=Debug", f"-DGRADEPTH_SANITIZE={sanitizers}",
                              f"-DTESTS={tests}"])
            broken = configured.stdout if configured.returncode else compile_tests(folders[build])
            broken = broken or first_failure(folders[build])
            if broken:
                sys.exit(f"{build}: fails before any mutation: {broken}")
        survivors = 0
        print(f"{'taken out':42} {'build':6} fails in", flush=True)
        for name, build, file, edits in wanted:
            path = tree / "kernels/simt" / file
            original = path.read_text()
            text = original
            verdict = None
            for code, replacement in edits:
                if code not in text:
                    verdict = f"NOT APPLIED: {file} has no: {code}"
                    break
                text = text.replace(code, replacement)
            found = False
            if verdict is None:
                path.write_text(text)
                verdict = compile_tests(folders[build])
                if verdict is None:
                    failure = first_failure(folders[build])
                    found = failure is not None
                    verdict = failure or "NOTHING: all tests pass"
                else:
                    verdict = "DOES NOT COMPILE: " + verdict
                path.write_text(original)
            survivors += not found
            print(f"{name:42} {build:6} {verdict}", flush=True)
    print(f"{len(wanted) - survivors} of {len(wanted)} found")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
