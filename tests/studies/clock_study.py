#!/usr/bin/env python3
"""Whether times can be believed on a busy machine: every row idle, and beside one busy process.

    tests/studies/clock_study.py build/cpu/gradepth_speed --out /tmp/study            # all of it, about 10 minutes
    tests/studies/clock_study.py build/cpu/gradepth_speed --out /tmp/study --do idle  # or in parts: idle, busy, table

Asks of the machine that nothing else runs. What it holds the rows to:
  idle, of all rows of all runs: at most 1 in 50 is marked as disturbed;
  busy, rows under 1 ms: unmarked, and at most 1.5 times the idle time;
  busy, all other rows: at most 1.5 times the idle time, or marked.
Exit status 1 when one does not hold. Not part of the tests: it needs an idle machine.
"""

import argparse
import collections
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import time

MOST_MARKED = 1 / 50
MOST_SLOWER = 1.5
SHORT_MS = 1.0


@contextlib.contextmanager
def busy_process():
    neighbour = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    try:
        time.sleep(1)
        yield
    finally:
        neighbour.kill()
        neighbour.wait()


def measure(options, name):
    rows = options.out / f"{name}.jsonl"
    command = [options.speed, f"--preset={options.preset}", f"--benchmark_filter={options.filter}", f"--rows={rows}"]
    begin = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1) or not rows.exists():
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    print(f"{rows}: {time.monotonic() - begin:.0f} s", file=sys.stderr)


def read(options, kind):
    """Rows with a time, by name, of all runs of this kind."""
    rows = collections.defaultdict(list)
    for file in sorted(options.out.glob(f"{kind}-*.jsonl")):
        for line in file.read_text().splitlines():
            row = json.loads(line)
            if row["status"] == "ok":
                rows[row["name"]].append(row)
    return rows


def print_table(options):
    idle, busy = read(options, "idle"), read(options, "busy")
    marked_idle = short_bad = long_bad = shorts = longs = 0
    print(f"{'row':<46} {'idle ms':>8} {'busy ms':>8} {'ratio':>6}  marked")
    for name, runs in idle.items():
        base = statistics.median(r["ms"] for r in runs)
        marked = sum(r["disturbed"] for r in runs)
        marked_idle += marked
        for row in busy.get(name, []):
            ratio = row["ms"] / base
            slow = ratio > MOST_SLOWER
            if base < SHORT_MS:
                shorts += 1
                bad = slow or row["disturbed"]
                short_bad += bad
            else:
                longs += 1
                bad = slow and not row["disturbed"]
                long_bad += bad
            label = name.replace("activation/", "").replace("recurrent/", "").replace("feedforward/", "")
            marks = f"{'busy ' if row['disturbed'] else ''}{f'idle {marked}x ' if marked else ''}"
            print(f"{label:<46} {base:8.3g} {row['ms']:8.3g} {ratio:6.2f}  {marks}{'<-' if bad else ''}".rstrip())
    measured = sum(len(runs) for runs in idle.values())
    share = marked_idle / max(measured, 1)
    print(f"\nidle: {marked_idle} of {measured} rows marked, {100 * share:.1f} % (at most {100 * MOST_MARKED:.0f} %)")
    print(f"busy, under {SHORT_MS:g} ms: {short_bad} of {shorts} marked or above {MOST_SLOWER} times idle (none)")
    print(f"busy, others: {long_bad} of {longs} unmarked and above {MOST_SLOWER} times idle (none)")
    return bool(measured and shorts + longs) and share <= MOST_MARKED and short_bad == 0 and long_bad == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speed", help="the program gradepth_speed")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder for the rows")
    parser.add_argument("--do", choices=["all", "idle", "busy", "table"], default="all")
    parser.add_argument("--runs", type=int, default=5, help="idle runs")
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--filter", default=".", help="rows, a regular expression")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.do in ("all", "idle"):
        begun = len(list(options.out.glob("idle-*.jsonl")))
        for run in range(begun, begun + options.runs):
            measure(options, f"idle-{run}")
    if options.do in ("all", "busy"):
        with busy_process():
            measure(options, f"busy-{len(list(options.out.glob('busy-*.jsonl')))}")
    if options.do in ("all", "table") and not print_table(options):
        sys.exit(1)


if __name__ == "__main__":
    main()
