"""What nvcc made of each kernel, as JSON lines: python3 ptxas_report.py BUILD_FOLDER

Reads what cmake/nvcc_report.py left beside the objects. One line per kernel and architecture:
kernel (its demangled name), base (without template arguments), arch, registers, stack, spill_stores,
spill_loads, shared (static, bytes), loads and stores (the widths of the global accesses in its PTX, in
bytes, with their numbers).
"""

import collections
import json
import pathlib
import re
import subprocess
import sys

ENTRY = re.compile(r"Compiling entry function '(\w+)' for 'sm_(\d+)\w*'")
STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")
PTX_ENTRY = re.compile(r"\.entry (\w+)\(")
# Such as ld.global.nc.v4.f32, st.global.u32, ld.relaxed.gpu.global.f64; or ld.v4.f32, through a pointer
# that was itself loaded, of which nvcc knows no more than that it is one.
ACCESS = re.compile(
    r"^\s*(?:@!?%p\d+\s+)?(ld|st)\.(?!param|shared|local|const)(?:[a-z_]\w*(?:::\w+)?\.)*?"
    r"(?:v(\d)\.)?[bfsu](\d+)\s"
)


def demangle(names):
    done = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def base(kernel):
    """`void gradepth::cuda::f<gradepth::Tanh, 4>(long, float*)` gives `f`."""
    depth, plain = 0, ""
    for letter in kernel.replace("(anonymous namespace)", "anonymous"):
        depth -= letter in ">)"
        if depth == 0 and letter not in ">)":
            plain += letter if letter not in "<(" else " "
        depth += letter in "<("
    words = [word for word in plain.split() if "::" in word]
    return words[0].split("::")[-1]


def resources(report):
    """By (mangled name, architecture): what `ptxas -v` says."""
    found, current = {}, None
    for line in report.splitlines():
        if match := ENTRY.search(line):
            current = found[match[1], int(match[2])] = {}
        elif current is None:
            continue
        elif match := STACK.search(line):
            # After an entry's own come those of functions that were not inlined.
            if "stack" not in current:
                current.update(zip(("stack", "spill_stores", "spill_loads"), map(int, match.groups())))
        elif match := USED.search(line):
            shared = SHARED.search(line)
            current.update(registers=int(match[1]), shared=int(shared[1]) if shared else 0)
    return found


def accesses(ptx):
    """By mangled name: how many loads and stores of each width."""
    found, current = {}, None
    for line in ptx.splitlines():
        if match := PTX_ENTRY.search(line):
            current = found[match[1]] = {"ld": collections.Counter(), "st": collections.Counter()}
        elif current is not None:
            if match := ACCESS.match(line):
                kind, count, bits = match.groups()
                current[kind][int(count or 1) * int(bits) // 8] += 1
    return found


def read(build):
    """The rows of all objects below a build folder."""
    rows = []
    for report in sorted(pathlib.Path(build).rglob("*.ptxas")):
        widths = {}
        for file in report.with_suffix(".ptx").glob("*.ptx"):
            # Several architectures: f.compute_80.ptx; one: f.ptx, which serves for it.
            arch = re.search(r"compute_(\d+)", file.name)
            widths[int(arch[1]) if arch else None] = accesses(file.read_text())
        for (name, arch), used in resources(report.read_text()).items():
            of_arch = widths.get(arch, widths.get(None, {}))
            if name not in of_arch:
                raise ValueError(f"{report}: no PTX of {name} for sm_{arch}")
            rows.append({"kernel": name, "arch": arch, **used,
                         "loads": dict(sorted(of_arch[name]["ld"].items())),
                         "stores": dict(sorted(of_arch[name]["st"].items()))})  # fmt: skip
    for row, name in zip(rows, demangle([row["kernel"] for row in rows])):
        row["kernel"] = name
        row["base"] = base(name)
    return rows


if __name__ == "__main__":
    for row in read(sys.argv[1]):
        print(json.dumps(row))
