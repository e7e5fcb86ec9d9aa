"""What was measured, as text, Markdown and JSON."""
import json

from .contender import NAMES, TITLES

HEAD = ("", "CPU us a request", "to weir", "to the floor", "requests/s", "p50 us", "p99 us",
        "p99.9 us", "system calls a request", "opened", "TIME_WAIT", "failed")


def number(value):
    """Three significant digits or more, thousands separated, never an exponent."""
    if value is None:
        return "-"
    if isinstance(value, int) or value == 0 or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(three):
    """The median of the rounds, and their spread."""
    return f"{three[0]:.2f} ({three[1]:.2f} to {three[2]:.2f})" if three else "-"


def _cells(name, result):
    title = TITLES[name]
    if "missing" in result:
        return [title, result["missing"]] + [""] * (len(HEAD) - 2)
    calls = result.get("calls")
    return [title, number(result["cpu_us"]),
            ratio(result.get("cpu_us_to_weir")) if name != "weir" else "1",
            ratio(result.get("cpu_us_to_floor")) if name != "floor" else "1",
            number(result["per_second"]), number(result["p50_us"]), number(result["p99_us"]),
            number(result["p999_us"]), number(calls["total"]) if calls else "-",
            number(result["opened"]), number(result["time_wait"]), number(result["failed"])]


def table(head, rows):
    lines = ["| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines) + "\n"


def row_markdown(results):
    return table(HEAD, [_cells(name, results[name]) for name in NAMES])


def row_text(title, results):
    """For the terminal: columns of a fixed width."""
    lines = [title]
    for cells in [HEAD] + [_cells(name, results[name]) for name in NAMES]:
        if len(cells[1]) > 17:
            lines.append(f"  {cells[0]:9} {cells[1]}")
            continue
        widths = (9, 16, 20, 20, 10, 8, 8, 9, 22, 8, 9, 6)
        lines.append("  " + " ".join(f"{cell:>{width}}" if i else f"{cell:{width}}"
                                     for i, (cell, width) in enumerate(zip(cells, widths))))
    return "\n".join(lines) + "\n"


def _idle_rows(idle):
    return [[TITLES[name], number(one["before"] / 1e6), number(one["after"] / 1e6),
             number(one["per_client"])] for name, one in idle.items()]


IDLE_HEAD = ["", "before, MB", "with them, MB", "bytes a client"]


def idle_text(idle):
    lines = ["memory with idle clients"]
    for cells in [IDLE_HEAD] + _idle_rows(idle):
        lines.append("  " + " ".join(f"{cell:>16}" if i else f"{cell:9}"
                                     for i, cell in enumerate(cells)))
    return "\n".join(lines) + "\n"


def machine_markdown(result):
    of = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in of["versions"].items())
    lines = [f"- {of['date']}, commit {of['commit']}",
             f"- {of['cpu']}, {of['kernel']}, load average when it began: {of['load_average']}",
             f"- {versions}"]
    if result.get("note"):
        lines.append(f"- {result['note']}")
    if not result["own_network"]:
        lines.append("- without a network namespace: TIME_WAIT may be of others")
    return "\n".join(lines) + "\n"


def _summary(result):
    """One line a row: who costs how much, relative to weir, and where weir is behind."""
    rows = []
    for row in result["rows"]:
        results = row["results"]
        weir = results["weir"]
        if "missing" in weir:
            rows.append([row["title"], weir["missing"], "", "", "", ""])
            continue
        ratios = {name: results[name].get("cpu_us_to_weir") for name in ("nginx", "haproxy")}
        behind = [TITLES[name] for name, three in ratios.items() if three and three[0] < 1]
        rows.append([row["title"], number(weir["cpu_us"]),
                     ratio(weir.get("cpu_us_to_floor")), ratio(ratios["nginx"]),
                     ratio(ratios["haproxy"]), ", ".join(behind) or "nobody"])
    head = ["", "weir, CPU us a request", "weir to the floor", "nginx to weir", "HAProxy to weir",
            "weir is behind"]
    return table(head, rows)


def _rounds(result):
    """How many there were: --quick does not always come to all."""
    done = {len(one["rounds"]) for row in result["rows"] for one in row["results"].values()
            if "rounds" in one}
    least, most = min(done, default=0), max(done, default=0)
    return f"{most} rounds" if least == most else f"{least} to {most} rounds"


def _markdown(result, plots):
    parts = ["# ./dev bench\n",
             "Written by `./dev bench`; docs/benchmarks.md says how to read it.\n",
             machine_markdown(result),
             f"{_rounds(result)}, {result['seconds']:g} s a turn, medians; in brackets the "
             "least and the most of the rounds' ratios. CPU is the proxy's alone. Figures of "
             "different runs do not compare; ratios within one do.\n",
             "## CPU a request, in short\n", _summary(result)]
    parts += [f"![{name.removesuffix('.svg')}]({name})\n" for name in plots]
    for row in result["rows"]:
        parts += [f"## {row['title'][0].upper()}{row['title'][1:]}\n", row_markdown(row["results"])]
    if "idle" in result:
        clients = next(iter(result["idle"].values()))["clients"]
        parts += [f"## Memory with {clients:,} idle clients\n",
                  "Each has had one answer. Its own memory (Pss), without the kernel's.\n",
                  table(IDLE_HEAD, _idle_rows(result["idle"]))]
    if result.get("budget"):
        parts += ["## Instructions\n", f"bench/budget: {result['budget']}.\n"]
    return "\n".join(parts)


def write(result, out, plots):
    (out / "bench.md").write_text(_markdown(result, plots))
    (out / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
