"""Writes the tables of the README's part "On a GPU" from the rows beside this file: no figure in them is
typed by hand.

    python3 bench/results/readme_table.py

tests/commands/results_test.py fails where the README says anything else.
"""

import csv
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "bench" / "report"))
from report_rows import best_of_each, is_ok, of_kind, read_rows, sources  # noqa: E402

README = ROOT / "README.md"
FOLDER = ROOT / "bench" / "results" / "h200-2026-11-27"
BEGIN = "<!-- The tables are written by bench/results/readme_table.py. -->\n"
END = "<!-- End of the tables. -->\n"

STEPS = [f"recurrent/{net}/f32/{sizes}" for net, of_net in {
    "elman/tanh": ("T64_B32_H128", "T256_B32_H128", "T256_B64_H256", "T512_B32_H512", "T1000_B1_H256"),
    "lstm/tanh": ("T64_B32_H128", "T256_B64_H256", "T512_B32_H512", "T1000_B1_H256"),
    "gru/tanh": ("T64_B32_H128", "T256_B64_H256", "T1000_B1_H256"),
}.items() for sizes in of_net] + [
    "feedforward/mlp/tanh/f32/L8_B64_N256", "feedforward/mlp/tanh/f32/L64_B64_N256",
    "feedforward/cnn/relu/f32/L8_B16_N16",
    "clip/norm/f32/N10000000_K50_at1", "clip/norm/f32/N10000000_K50_at1e+06", "clip/value/f32/N10000000_K50_at1"]
PASSES = [f"activation/{name}" for name in (
    "tanh/forward/f32/R2048_C1024", "tanh/backward/f32/R2048_C1024", "relu/forward/f32/R2048_C1024",
    "relu/backward/f32/R2048_C1024", "gelu/forward/f32/R2048_C1024", "gelu/backward/f32/R2048_C1024",
    "tanh/backward/f32/R2048_C1024_bias", "tanh/backward/bf16/R2048_C1024_bias_saturated")] + [
    "clip/norm/f32/N10000000_K50_at1", "clip/agc/f32/N10000000_K50_U10000_at1", "clip/norm/bf16/N10000000_K50_at1"]


def rows_of(folder):
    """The ok speed rows of a folder by name: of one that was measured twice, the faster."""
    rows = [row for source in sources(folder) for row in read_rows(source)[0]]
    return {row["name"]: row for row in best_of_each(of_kind(rows, "speed"))[0] if is_ok(row)}


def torch_of(folder):
    """PyTorch's times by problem: the step as written, and in a CUDA graph."""
    with open(folder / "torch.csv", newline="", encoding="utf-8") as file:
        return {line["problem"]: {"PyTorch": float(line["ms"]),
                                  **({"PyTorch, CUDA graph": float(line["graph_ms"])} if line["graph_ms"] else {})}
                for line in csv.DictReader(file) if line["problem"]}


def who(row):
    """The provider, and of cuDNN's RNN the algorithm."""
    return "`cudnn`" + (f", {row['detail'].split(' ')[0]}" if row["name"].startswith("recurrent/") else "")


def steps(rows, torch):
    lines = ["| one training step | `cuda`, ms | best other, ms | which | times as fast |",
             "| --- | ---: | ---: | --- | ---: |"]
    for problem in STEPS:
        own = rows[problem + "/cuda"]["ms"]
        others = dict(torch.get(problem, {}))
        if problem + "/cudnn" in rows:
            others[who(rows[problem + "/cudnn"])] = rows[problem + "/cudnn"]["ms"]
        name, best = min(others.items(), key=lambda other: other[1])
        lines.append(f"| `{problem}` | {own:#.3g} | {best:#.3g} | {name} | {best / own:.2f} |")
    return lines


def passes(rows):
    def share(name):
        return f"{100 * rows[name]['of_limit']:.0f} %" if name in rows else "–"
    return ["| share of the data sheet's bandwidth | `cuda` | `cudnn` |", "| --- | ---: | ---: |"] + [
        f"| `{problem}` | {share(problem + '/cuda')} | {share(problem + '/cudnn')} |" for problem in PASSES]


def tables(folder=FOLDER):
    rows = rows_of(folder)
    return "\n".join(steps(rows, torch_of(folder)) + [""] + passes(rows)) + "\n"


def replaced(text, new):
    """The README's text with `new` between the two marks."""
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return head + BEGIN + "\n" + new + "\n" + END + tail


if __name__ == "__main__":
    README.write_text(replaced(README.read_text(encoding="utf-8"), tables()), encoding="utf-8")
