#!/usr/bin/env python3
"""./dev bench: weir beside nginx, HAProxy, the floor and no proxy. See docs/benchmarks.md."""
import argparse
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from harness import contender, machine, measure, memory, plot, report
from harness.process import raise_files
from harness.rows import ROWS

IDLE_CLIENTS = 5000
QUICK_S = 130  # for all rows; a slow machine gets fewer rounds
BUDGET = machine.ROOT / "bench" / "budget"


def options():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--quick", action="store_true",
                        help="all rows in 3 minutes, and bench/budget; to build/bench")
    parser.add_argument("--rounds", type=int, help="21, --quick 3")
    parser.add_argument("--seconds", type=float, help="of a contender's turn: 0.7, --quick 0.3")
    parser.add_argument("--rows", metavar="REGEX", default="", help="only some, and to build/bench")
    parser.add_argument("--out", type=pathlib.Path, help="where results go instead")
    parser.add_argument("--note", default="", help="a sentence about the conditions")
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (3 if chosen.quick else 21)
    chosen.seconds = chosen.seconds or (0.3 if chosen.quick else 0.7)
    if not chosen.out:
        partial = chosen.quick or chosen.rows
        chosen.out = machine.ROOT / "build" / "bench" if partial else machine.RESULTS
    return chosen


def run_budget():
    """The guard of instructions, where there is one. Its outcome in words, and whether fine."""
    if not os.access(BUDGET, os.X_OK):
        return None, True
    done = subprocess.run([BUDGET], check=False)
    fine = done.returncode == 0
    return "within the budget" if fine else f"failed with status {done.returncode}", fine


def main():
    chosen, fine = options(), True
    end = time.monotonic() + QUICK_S if chosen.quick else math.inf
    raise_files()
    result = {"machine": machine.describe(), "note": chosen.note, "rounds": chosen.rounds,
              "seconds": chosen.seconds, "own_network": machine.enter_network(), "rows": []}
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as folder:
        certificate = contender.make_certificate(pathlib.Path(folder))
        rows = [row for row in ROWS if re.search(chosen.rows, row.key)]
        for i, row in enumerate(rows):
            began = time.monotonic()
            until = began + (end - began) / (len(rows) - i)
            results = measure.measure_row(row, chosen, certificate, until)
            result["rows"].append({"key": row.key, "title": row.title, "results": results})
            print(report.row_text(row.title, results), flush=True)
            print(f"  {time.monotonic() - began:.1f} s", file=sys.stderr)
        if not chosen.rows:
            result["idle"] = memory.measure_idle(IDLE_CLIENTS, certificate)
            print(report.idle_text(result["idle"]), flush=True)
    if chosen.quick:
        result["budget"], fine = run_budget()
        print("instructions: " + (result["budget"] or "no bench/budget here"))
    chosen.out.mkdir(parents=True, exist_ok=True)
    plots = plot.bench(result, chosen.out)
    report.write(result, chosen.out, plots)
    print(f"written: {chosen.out}/bench.md, bench.json, {', '.join(plots) or 'no plots'}")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
