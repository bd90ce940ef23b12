"""Runs nvcc (a compiler launcher for CMake) and keeps what ptxas says of each kernel beside the object.

    python3 nvcc_report.py [ccache] nvcc … -o OBJECT …

OBJECT.ptxas gets ptxas' report (registers, spills, shared memory), which would else fill the screen;
OBJECT.ptx/ gets the PTX of each architecture. tests/budget_test.py reads both. Everything else that nvcc
says, and its exit status, is passed on.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

# Lines of `ptxas -v` that are no warnings.
REPORT = re.compile(r"^ptxas info\s*:|^\s+\d+ bytes (stack frame|spill)|^\s*$")


def main(command):
    if "-o" not in command or "-c" not in command:
        return subprocess.call(command)
    obj = pathlib.Path(command[command.index("-o") + 1])
    folder = obj.with_suffix(obj.suffix + ".ptx")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # ccache would hand out an object without what was kept beside it.
    done = subprocess.run(
        [*command, "-Xptxas=-v", "--keep", f"--keep-dir={folder}"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "CCACHE_DISABLE": "1"},
    )
    for file in folder.iterdir():
        if file.suffix != ".ptx":
            file.unlink()
    lines = done.stderr.splitlines(keepends=True)
    obj.with_suffix(obj.suffix + ".ptxas").write_text("".join(filter(REPORT.match, lines)))
    sys.stderr.writelines(line for line in lines if not REPORT.match(line))
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
