#!/usr/bin/env python3
"""Runs `check` on 40 draws of the workloads of `small` and `quick`. By hand, about 25 minutes on 2 cores:

    python3 tests/studies/judge_seeds.py build/cpu/gradepth [--seeds N] [--presets small,quick]

Right results must pass whatever the draw: fails where a provider's row is neither ok nor unsupported. Prints what it
found of each preset and provider: rows, rows that are wrong, and how much of the tolerance right results take up.
"""
import argparse
import collections
import json
import subprocess
import sys
import time


def rows_of(gradepth, preset, seed):
    run = subprocess.run([gradepth, "check", "--preset", preset, "--seed", str(seed), "--format", "json"],
                         capture_output=True, text=True, check=False)
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    if run.returncode not in (0, 1) or not rows:
        sys.exit(f"check --preset {preset} --seed {seed}: exit status {run.returncode}, {len(rows)} rows: {run.stderr}")
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("gradepth")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--presets", default="small,quick")
    arguments = parser.parse_args()
    wrong = 0
    for preset in arguments.presets.split(","):
        begin = time.monotonic()
        shares = collections.defaultdict(list)
        for seed in range(1, arguments.seeds + 1):
            for row in rows_of(arguments.gradepth, preset, seed):
                if row["status"] == "unsupported":
                    continue
                share = row["error"] / row["tolerance"] if row.get("tolerance") else float("inf")
                shares[row["provider"]].append((share, row["name"], seed))
                if row["status"] != "ok":
                    wrong += 1
                    print(f"{row['name']} seed {seed}: {row['status']} ({row['reason']})", flush=True)
        print(f"{preset}, {arguments.seeds} seeds, {time.monotonic() - begin:.0f} s")
        for provider, found in shares.items():
            found.sort()
            median = found[len(found) // 2][0]
            share, name, seed = found[-1]
            print(f"  {provider:10} {len(found):6} rows, error / tolerance: median {median:.3f}, largest {share:.2f} "
                  f"({name}, seed {seed})", flush=True)
    print(f"{wrong} rows wrong")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
