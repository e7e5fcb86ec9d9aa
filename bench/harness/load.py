"""Runs the load of a row against a contender: weir-load, wrk or ab, on the load's core."""
import json
import os
import re
import subprocess

from . import machine

FIGURES = ("requests", "failed", "seconds", "p50_us", "p99_us", "p999_us")


def fields_of(row, contender):
    """The floor reads no head: it would pass on that the client wants the end. A field as long
    takes that one's place, and the floor ends connections by its command line."""
    fields = list(row.fields)
    if row.once and row.tool != "ab":
        fields.append("X-One-Shot: close" if contender.name == "floor" else "Connection: close")
    if row.tool == "ab" and contender.name == "floor":
        fields.append("Connection: keep-alive")
    return fields


def run(row, contender, seconds=None, requests=None, ready=lambda: None):
    """For so long, or so many requests. READY is called when its connections stand, where the tool
    can tell, and before the first request that counts. Returns FIGURES."""
    tool = {"weir-load": _weir_load, "wrk": _wrk, "ab": _ab}[row.tool]
    if row.tool == "wrk" and requests:  # wrk can't count
        tool = _weir_load
    figures = tool(row, contender, seconds, requests, ready)
    if figures["requests"] == 0:
        raise RuntimeError(f"{row.key}: no request came through {contender.name}")
    return figures


def _run(command, ready, warms=False):
    with subprocess.Popen([str(word) for word in command], text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          preexec_fn=lambda: os.sched_setaffinity(0, {machine.LOAD_CORE})) as popen:
        if not warms:
            ready()
        else:
            said = popen.stdout.readline()
            if said != "warm\n":
                raise RuntimeError(f"{' '.join(map(str, command))}: {said}")
            ready()
        out, _ = popen.communicate("\n" if warms else None, timeout=300)
    if popen.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: {out}")
    return out


def _weir_load(row, contender, seconds, requests, ready):
    command = [machine.BUILD / "bench" / "weir-load", "--warm", "--connections", row.connections,
               "--to", f"127.0.0.1:{contender.port}", "--target", row.path]
    command += ["--requests", requests] if requests else ["--seconds", seconds]
    for field in fields_of(row, contender):
        command += ["--header", field]
    if row.body:
        command += ["--body", row.body]
    if row.once:
        command += ["--once"]
    # Directly, upstream TLS is the client's.
    if row.front_tls or (row.server_tls and contender.name == "direct"):
        command += ["--tls"]
    if row.resume:
        command += ["--resume"]
    return json.loads(_run(command, ready, warms=True))


def _wrk(row, contender, seconds, _, ready):
    command = ["wrk", "-t", 1, "-c", row.connections, "-d", f"{max(1, round(seconds))}s",
               "-s", machine.ROOT / "bench" / "harness" / "percentiles.lua"]
    for field in fields_of(row, contender):
        command += ["-H", field]
    out = _run(command + [f"http://127.0.0.1:{contender.port}{row.path}"], ready)
    found = re.search(r"^weir-bench (.*)$", out, re.M).group(1).split()
    values = list(map(int, found))
    return dict(zip(FIGURES, (values[0], values[2], values[1] / 1e6, *values[3:])))


def _ab(row, contender, seconds, requests, ready):
    command = ["ab", "-q", "-c", row.connections]
    command += ["-n", requests] if requests else ["-t", max(1, round(seconds)), "-n", 10_000_000]
    for field in fields_of(row, contender):
        command += ["-H", field]
    out = _run(command + [f"http://127.0.0.1:{contender.port}{row.path}"], ready)

    def figure(pattern):
        found = re.search(pattern, out, re.M)
        return float(found.group(1)) if found else 0.0

    return {
        "requests": int(figure(r"^Complete requests: +(\d+)")),
        "failed": int(figure(r"^Failed requests: +(\d+)") + figure(r"^Non-2xx responses: +(\d+)")),
        "seconds": figure(r"^Time taken for tests: +([\d.]+)"),
        "p50_us": figure(r"^ +50% +(\d+)") * 1000,  # ab knows whole milliseconds
        "p99_us": figure(r"^ +99% +(\d+)") * 1000,
        "p999_us": None,
    }
