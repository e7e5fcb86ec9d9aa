#!/usr/bin/env python3
"""./dev bench time-wait: a service under load with kept connections, with a connection per request,
and with one per request through weir, and where TIME_WAIT stands. See docs/benchmarks.md."""
import argparse
import pathlib
import sys

from harness import machine, pressure, pressure_report
from harness.process import raise_files

REUSES = ("2", "1", "0")  # loopback only (the kernel's default), on, off


def options():
    parser = argparse.ArgumentParser(prog="./dev bench time-wait", description=__doc__)
    parser.add_argument("--seconds", type=float, help="of a run: 15, --quick 5")
    parser.add_argument("--quick", action="store_true", help="in 2 minutes; to build/bench")
    parser.add_argument("--out", type=pathlib.Path, help="where results go instead")
    parser.add_argument("--note", default="", help="a sentence about the conditions")
    chosen = parser.parse_args()
    chosen.seconds = chosen.seconds or (5 if chosen.quick else 15)
    if not chosen.out:
        chosen.out = machine.ROOT / "build" / "bench" if chosen.quick else machine.RESULTS
    return chosen


def main():
    chosen = options()
    raise_files()
    result = {"machine": machine.describe(), "note": chosen.note, "seconds": chosen.seconds,
              "reuse": machine.sysctl(pressure.REUSE), "own_network": True, "runs": [],
              "tw_max": machine.sysctl("net.ipv4.tcp_max_tw_buckets"),
              "ports": machine.sysctl("net.ipv4.ip_local_port_range").replace(" ", " to ")}
    text = "{:11} {:57} {:>5} {:>11} {:>11} {:>9} {:>9} {:>11} {:>10} {:>10}"
    print(text.format("server", "clients", "reuse", "requests/s", "last third", "failed", "no port",
                      "server port", "other end", "front port"))
    for reuse in REUSES:
        for server, (_, _, ways) in pressure.SERVERS.items():
            for way in ways:
                run = pressure.run(server, way, reuse, chosen.seconds)
                result["runs"].append(run)
                print(text.format(*pressure_report.cells(run)), flush=True)
    chosen.out.mkdir(parents=True, exist_ok=True)
    plots = pressure_report.plots(result, chosen.out)
    pressure_report.write(result, chosen.out, plots)
    print(f"written: {chosen.out}/time-wait.md, time-wait.json, {', '.join(plots) or 'no plots'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
