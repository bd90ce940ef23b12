"""The rows of a run: read, and values taken out of them without trust."""

import html
import json
import math
import os


def sources(folder):
    """The files of rows in a folder: what a run wrote, or, where no run did, every .jsonl."""
    written = os.path.join(folder, "results.jsonl")
    if os.path.exists(written) or not os.path.isdir(folder):
        return [written]
    others = sorted(name for name in os.listdir(folder) if name.endswith(".jsonl"))
    return [os.path.join(folder, name) for name in others] or [written]


def read_rows(path):
    """The rows of a results file, and a message for each line that is none."""
    rows, problems = [], []
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                problems.append(f"line {number}: not JSON ({str(error)[:80]})")
                continue
            if isinstance(row, dict) and isinstance(row.get("kind"), str):
                rows.append(row)
            else:
                problems.append(f"line {number}: no row, which is an object with a text `kind`")
    return latest(rows), problems


def latest(rows):
    """Without rows that a later one of the same identity (and repetition) has taken the place of."""
    keys = [(text(row.get("identity")), number(row.get("repetition"))) for row in rows]
    last = {key: i for i, key in enumerate(keys)}
    return [row for i, row in enumerate(rows) if not keys[i][0] or last[keys[i]] == i]


def get(row, *keys):
    """row[key][key]…, or None where there is no such thing."""
    for key in keys:
        row = row.get(key) if isinstance(row, dict) else None
    return row


def number(value):
    """A finite number, or None."""
    ok = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300
    return float(value) if ok else None


def numbers(value):
    """A list of numbers and None; [] for anything else."""
    return [number(v) for v in value] if isinstance(value, list) else []


def text(value):
    return value if isinstance(value, str) else ""


def esc(value):
    return html.escape(str(value))


def show(value, digits=3, rounding=1e-12):
    """A number with significant digits, without an exponent where that reads well; what is below
    `rounding` is meant to be 0."""
    x = number(value)
    if x is None:
        return "–"
    if abs(x) < rounding:
        return "0"
    if x == round(x) and abs(x) < 1e6:
        return f"{x:.0f}".replace("-", "−")
    if not 1e-3 <= abs(x) < 1e5:
        return f"{x:.{digits - 1}e}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(x))))
    return f"{x:,.{decimals}f}".replace(",", "\u202f").replace("-", "−")


def of_kind(rows, kind):
    return [r for r in rows if r["kind"] == kind]


def is_ok(row):
    return row.get("status") == "ok"


def best_of_each(rows):
    """Of each name the row that counts: an ok one, an undisturbed one, the fastest; else the last. And of names
    with several times, how far these lie apart, as a fraction of the least."""
    groups = {}
    for row in rows:
        groups.setdefault(text(row.get("name")) or id(row), []).append(row)

    def rank(row):
        time = number(row.get("ms")) if is_ok(row) else None
        return (time is None, row.get("disturbed") is True, time or 0)
    best = [min(reversed(group), key=rank) for group in groups.values()]
    times = [[t for t in (number(r.get("ms")) for r in group if is_ok(r)) if t] for group in groups.values()]
    return best, [max(t) / min(t) - 1 for t in times if len(t) > 1]
