"""Measures a row: every contender in turn, round after round, then system calls apart from that."""
import contextlib
import pathlib
import re
import signal
import statistics
import subprocess
import tempfile
import time

from . import contender as contenders
from . import kernel, load, machine

LOAD_FIGURES = load.FIGURES[3:]


def median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def measure_row(row, chosen, certificate, until):
    """Returns {contender: figures}, or {contender: {"missing": why}}. In a fresh network, so that
    each TIME_WAIT there is one of this row's. After UNTIL no further round begins."""
    machine.enter_network()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-bench-"))
        folder = pathlib.Path(folder)
        results, racing = {}, []
        for name in contenders.NAMES:
            missing, contender = _start(name, row, folder, certificate, stack)
            results[name] = {"missing": missing} if missing else {}
            if contender:
                racing.append(contender)
        samples = {contender.name: [] for contender in racing}
        for contender in racing:
            load.run(row, contender, requests=_warm_up(row))
        for turn in range(chosen.rounds):
            if turn > 0 and time.monotonic() > until:
                break
            first = turn % len(racing)
            for contender in racing[first:] + racing[:first]:
                samples[contender.name].append(_sample(row, contender, chosen.seconds))
        for contender in racing:
            results[contender.name] = _summary(samples[contender.name], contender.proxy)
            if contender.proxy:
                results[contender.name]["calls"] = system_calls(row, contender)
    _add_ratios(results)
    return results


def _warm_up(row):
    """As many requests as make the pool warm."""
    return max(row.connections, min(row.traced, 1000))


def _start(name, row, folder, certificate, stack):
    """Why there is none, and the contender."""
    if name == "floor" and not row.has_floor:
        return "has no TLS", None
    if name in ("nginx", "haproxy") and not machine.program(name):
        return "not installed", None
    if row.tool != "weir-load" and not machine.program(row.tool):
        return f"{row.tool} is not installed", None
    try:
        return None, contenders.Contender(name, row, folder, certificate, stack)
    except contenders.NotSupported as why:
        return f"not supported by this build ({why})", None


def _state(contender):
    """What grows while it is measured."""
    return {
        "opened": contender.server_connections(),
        "time_wait": kernel.count(kernel.TIME_WAIT, local=contender.server_port),
        "cpu_us": contender.proxy.cpu_s() * 1e6 if contender.proxy else None,
    }


def _sample(row, contender, seconds):
    before = {}
    figures = load.run(row, contender, seconds=seconds,
                       ready=lambda: before.update(_state(contender)))
    time.sleep(0.01)  # once a proxy sleeps, its time is in the books
    after = _state(contender)
    sample = {key: figures[key] for key in LOAD_FIGURES + ("requests", "failed")}
    if row.resume:
        sample["resumed"] = figures["resumed_handshakes"]
    sample["per_second"] = figures["requests"] / figures["seconds"]
    sample["opened"] = after["opened"] - before["opened"]
    sample["time_wait"] = max(0, after["time_wait"] - before["time_wait"])
    if contender.proxy:
        sample["cpu_us"] = (after["cpu_us"] - before["cpu_us"]) / figures["requests"]
    return sample


def _summary(samples, proxy):
    result = {key: median([sample[key] for sample in samples])
              for key in LOAD_FIGURES + ("per_second",)}
    for key in ("requests", "failed", "opened", "time_wait"):
        result[key] = sum(sample[key] for sample in samples)
    result["cpu_us"] = median([sample["cpu_us"] for sample in samples]) if proxy else None
    result["rounds"] = samples
    return result


def _add_ratios(results):
    """CPU and requests a second, each round against weir's and the floor's of the same round."""
    for base in ("weir", "floor"):
        reference = results[base].get("rounds")
        for name, result in results.items():
            for key in ("cpu_us", "per_second"):
                if not reference or "rounds" not in result or key not in result["rounds"][0] \
                        or key not in reference[0]:
                    continue
                ratios = [mine[key] / theirs[key]
                          for mine, theirs in zip(result["rounds"], reference)]
                result[f"{key}_to_{base}"] = [median(ratios), min(ratios), max(ratios)]


def system_calls(row, contender):
    """Per request and by name, with strace, which slows the proxy: never while time is taken."""
    if not machine.program("strace"):
        return None
    out, tracers = contender.folder / f"{contender.name}.strace", []
    try:
        figures = load.run(row, contender, requests=row.traced,
                           ready=lambda: tracers.append(_trace(contender, out)))
    finally:
        for tracer in tracers:
            tracer.send_signal(signal.SIGINT)
            tracer.wait()
    calls = {}
    for line in out.read_text().split("\n") if out.exists() else ():
        found = re.match(r" *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", line)
        if found and found.group(2) != "total":
            calls[found.group(2)] = int(found.group(1)) / figures["requests"]
    return {"total": sum(calls.values()), "by_name": calls} if calls else None


def _trace(contender, out):
    command = ["strace", "-c", "-f", "-qq", "-o", str(out)]
    for pid in contender.proxy.pids():
        command += ["-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    _await_tracer(contender, tracer)
    return tracer


def _await_tracer(contender, tracer):
    """Until it holds every thread."""
    end = time.monotonic() + 5
    while time.monotonic() < end and tracer.poll() is None:
        tasks = [task for pid in contender.proxy.pids()
                 for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
        if all("TracerPid:\t0\n" not in (task / "status").read_text() for task in tasks):
            return
        time.sleep(0.01)
