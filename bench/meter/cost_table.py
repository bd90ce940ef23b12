"""Writes the table in kernels/COSTS.md: what the meter counts, and the registers of
tests/budgets.json.

    python3 bench/meter/cost_table.py build/meter/gradepth_meter
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "kernels" / "COSTS.md"
BEGIN = "<!-- The table is written by bench/meter/cost_table.py. -->\n"
END = "<!-- End of the table. -->\n"
GPU = "H100"


def registers(row, budgets):
    """Of the row's kernels, on sm_90, rounded up as they are given out."""
    bases = dict.fromkeys(kernel["kernel"].split("<")[0] for kernel in row["kernels"])
    return ", ".join(str(budgets[base]["registers"]["90"]) if base in budgets else "?" for base in bases)


def table(rows):
    """The rows of the meter as a table."""
    budgets = json.loads((ROOT / "tests" / "budgets.json").read_text())
    lines = [
        f"| case | floor, B per unit | counted | sectors % | conflicts | grid barriers | launches | registers | model, us per M units, {GPU} |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        cells = [
            f"`{row['problem']}`",
            f"{row['floor_bytes_per_unit']:.4g} ({row['floor']}), per {row['unit']}",
            f"{row['bytes_per_unit']:.5g}",
            f"{100 * row['sector_efficiency']:.1f}",
            row["bank_conflicts"],
            row["grid_barriers"],
            row["launches"],
            registers(row, budgets),
            f"{row['model_us_per_million_units'][GPU]:.3g}",
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def replaced(text, new):
    """The document's text with `new` between the two marks."""
    head, rest = text.split(BEGIN)
    _, tail = rest.split(END)
    return head + BEGIN + "\n" + new + "\n" + END + tail


if __name__ == "__main__":
    metered = subprocess.run([sys.argv[1], "--format", "json"], capture_output=True, text=True, check=True)
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(), table(map(json.loads, metered.stdout.splitlines()))))
