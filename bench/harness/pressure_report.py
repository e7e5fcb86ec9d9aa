"""The pressure test as table, Markdown, JSON and plots."""
import json

from . import pressure, report
from .plot import TERMINAL, gnuplot

WAYS = {way.key: way for way in (pressure.KEPT, pressure.ONCE, pressure.ONCE_FIRST, pressure.WEIR)}
COLORS = {"kept": "#3a9a4f", "once": "#c23b3b", "once-first": "#d1801f", "weir": "#1f6fb2"}
REUSE_COLORS = {"0": "#c23b3b", "1": "#3a9a4f", "2": "#1f6fb2"}
REUSE_TITLES = {"0": "off (0)", "1": "on (1)", "2": "loopback only (2)"}
PLACES = {"server_port": ("the server's port", "#c23b3b"),
          "server_side": ("weir's side", "#d1801f"), "front_port": ("the front port", "#1f6fb2")}
HEAD = ["server", "clients", "tcp_tw_reuse", "requests/s", "in the last third", "failed",
        "no port free", "TIME_WAIT, server's port", "other end of it", "front port"]


def late_rate(run):
    """Requests a second in the last third, when ports have run out, if they do."""
    series = run["series"]
    tail = [line for line in series if line[0] > series[-1][0] * 2 / 3]
    before = max((line[0] for line in series if line[0] <= series[-1][0] * 2 / 3), default=0)
    return sum(line[1] for line in tail) / (series[-1][0] - before)


def cells(run):
    start = [run["server"], WAYS[run["way"]].title, run["reuse"]]
    if "missing" in run:
        return start + [run["missing"]] + [""] * (len(HEAD) - 4)
    most = {place: max(point[place] for point in run["points"])
            for place in ("server_port", "server_side", "front_port")}
    return start + [report.number(value) for value in (
        run["requests"] / run["seconds"], late_rate(run), run["failed"], run["no_port"],
        most["server_port"], most["server_side"])] + [
            report.number(most["front_port"]) if WAYS[run["way"]].through_weir else "-"]


def _markdown(result, plots):
    parts = ["# ./dev bench time-wait\n",
             "Written by `./dev bench time-wait`; docs/benchmarks.md says how to read it.\n",
             report.machine_markdown(result),
             f"{result['seconds']:g} s a run, {pressure.CLIENTS} clients of "
             f"{pressure.ADDRESSES} addresses where nothing else is said (local ports "
             f"{result['ports']}), answers of 1,000 bytes, at most {result['tw_max']} TIME_WAIT "
             "(tcp_max_tw_buckets), each run in a network of its own that "
             "begins without a TIME_WAIT. TIME_WAIT is the most that was seen; \"other end\" "
             "is the client's, or weir's where it goes through weir.\n",
             report.table(HEAD, [cells(run) for run in result["runs"]])]
    parts += [f"![{name.removesuffix('.svg')}]({name})\n" for name in plots]
    return "\n".join(parts)


def write(result, out, plots):
    (out / "time-wait.md").write_text(_markdown(result, plots))
    (out / "time-wait.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")


class _Panels:
    """A grid of plots over time, filled row by row."""

    def __init__(self, columns, rows, seconds):
        self.columns, self.rows, self.seconds = columns, rows, seconds
        self.data, self.plots = [], []

    def add(self, title, label, curves, log=False):
        """A curve is (title, color, [(t, value)])."""
        lines = []
        most = max((value for _, _, points in curves for _, value in points), default=0)
        for name, color, points in curves:
            block = f"$d{len(self.plots)}_{len(lines)}"
            self.data += [f"{block} << END", *(f"{t} {v}" for t, v in points), "END"]
            lines.append(f"{block} using 1:2 with lines lw 2 lc rgb '{color}' title '{name}'")
        self.plots.append((title, label, lines, "*:*" if log else f"0:{max(most * 1.1, 10)}", log))

    def script(self):
        parts = [TERMINAL.format(500 * self.columns, 300 * self.rows), *self.data,
                 f"set multiplot layout {self.rows},{self.columns}", "set border 3",
                 "set xtics nomirror", "set ytics nomirror", "set grid ytics lc rgb '#dddddd'",
                 f"set xrange [0:{self.seconds}]", "set format y \"%.0s%c\"", "set key top left"]
        for i, (title, label, lines, span, log) in enumerate(self.plots):
            parts += [f"set title '{title}'", f"set ylabel '{label}'",
                      "set xlabel 'seconds'" if i >= len(self.plots) - self.columns
                      else "unset xlabel",
                      f"{'' if log else 'un'}set logscale y; set yrange [{span}]",
                      "set key outside bottom center horizontal" if i >= len(self.plots)
                      - self.columns else "set nokey",
                      "plot " + (", ".join(lines) or "NaN notitle")]
        return "\n".join(parts + ["unset multiplot"]) + "\n"


def _rate(run):
    """Requests a second, interval by interval."""
    points, before = [], 0.0
    for line in run["series"]:
        if line[0] - before > 0.1:
            points.append((line[0], line[1] / (line[0] - before)))
        before = line[0]
    return points


def _places(run, *places):
    return [(point["t"], sum(point[place] for place in places)) for point in run["points"]]


def plots(result, out):
    """The names of the plots made."""
    runs = {(run["server"], run["way"], run["reuse"]): run
            for run in result["runs"] if "missing" not in run}
    usual = "2" if any(reuse == "2" for _, _, reuse in runs) else result["reuse"]
    seconds = result["seconds"]
    wanted = {"time-wait.svg": _main(runs, usual, seconds),
              "time-wait-tuning.svg": _tuning(runs, seconds),
              "time-wait-where.svg": _where(runs, usual, seconds)}
    return [name for name, panels in wanted.items()
            if runs and gnuplot(panels.script(), out / name)]


def _main(runs, usual, seconds):
    """The service with and without weir, as the kernel comes."""
    panels = _Panels(2, 2, seconds)
    for kind, label in (("wait", "TIME_WAIT, the server''s port"), ("rate", "requests a second")):
        for server, (does, _, _) in pressure.SERVERS.items():
            curves = []
            for way in ("kept", "once", "weir"):
                run = runs.get((server, way, usual))
                if run:
                    title = WAYS[way].title.replace(", the server closes", "")
                    points = _places(run, "server_port") if kind == "wait" else _rate(run)
                    curves.append((title, COLORS[way], points))
            panels.add(f"a server that {does}", label, curves, log=kind == "rate")
    return panels


def _tuning(runs, seconds):
    """What tcp_tw_reuse does, and does not do: without weir, and with it."""
    panels = _Panels(3, 2, seconds)
    titles = {"once": "the server closes", "once-first": "the client closes",
              "weir": "through weir"}
    for kind, label in (("wait", "TIME_WAIT, both ends of it"), ("rate", "requests a second")):
        for way, title in titles.items():
            curves = []
            for reuse, color in REUSE_COLORS.items():
                run = runs.get(("keep-alive", way, reuse))
                if run:
                    points = _places(run, "server_port", "server_side") if kind == "wait" \
                        else _rate(run)
                    curves.append((f"tcp_tw_reuse {REUSE_TITLES[reuse]}", color, points))
            panels.add(title, label, curves)
    return panels


def _where(runs, usual, seconds):
    """Through weir: on which of its sides TIME_WAIT stands."""
    panels = _Panels(2, 1, seconds)
    for server, (does, _, _) in pressure.SERVERS.items():
        run = runs.get((server, "weir", usual))
        curves = [(title, color, _places(run, place))
                  for place, (title, color) in PLACES.items()] if run else []
        panels.add(f"through weir, a server that {does}", "TIME_WAIT",
                   [(title.replace("'", "''"), color, points) for title, color, points in curves])
    return panels
