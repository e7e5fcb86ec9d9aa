"""Plots by gnuplot: the data in the script, SVG out."""
import subprocess

from . import machine
from .contender import TITLES

COLORS = {"weir": "#1f6fb2", "nginx": "#3a9a4f", "haproxy": "#d1801f", "floor": "#8a8a8a",
          "direct": "#b04a9a"}
TERMINAL = "set terminal svg noenhanced size {},{} dynamic " \
           "background '#ffffff' font 'sans-serif,13'"


def gnuplot(script, path):
    """Whether there is a plot now."""
    if not machine.program("gnuplot"):
        return False
    subprocess.run(["gnuplot"], input=f"set output '{path}'\n{script}", text=True, check=True)
    return True


def _value(result, key):
    value = result.get(key)
    if key == "calls":
        value = value and value["total"]
    return value[0] if isinstance(value, list) else value


def _bars(result, names, key, label, log, reference):
    """A group of bars a row, one bar a contender. Rows that none of them could run are left out."""
    rows = [row for row in result["rows"]
            if any(_value(row["results"][name], key) is not None for name in names)]
    names = [name for name in names
             if any(_value(row["results"][name], key) is not None for row in rows)]
    lines = [TERMINAL.format(1100, 440), f"set ylabel '{label}'", "set style data histogram",
             "set style histogram clustered gap 1", "set style fill solid 0.9", "set boxwidth 0.9",
             "set xtics rotate by -35 nomirror scale 0", "set ytics nomirror",
             "set grid ytics lc rgb '#dddddd'", "set border 3", "set key outside top center "
             "horizontal", f"set xrange [-0.7:{len(rows) - 0.3}]", "$data << END"]
    for row in rows:
        values = [_value(row["results"][name], key) for name in names]
        lines.append(" ".join([f'"{row["key"]}"'] + ["?" if v is None else f"{v:.6g}"
                                                    for v in values]))
    lines += ["END", "set datafile missing '?'", "set logscale y" if log else "set yrange [0:*]"]
    bars = [f"$data using {i + 2}{':xtic(1)' if i == 0 else ''} title '{TITLES[name]}' "
            f"lc rgb '{COLORS[name]}'" for i, name in enumerate(names)]
    if reference:
        bars.append("1 notitle with lines lc rgb '#333333' dt 2")
    return "\n".join(lines + ["plot " + ", ".join(bars)]) + "\n"


def bench(result, out):
    """The plots of ./dev bench; the names of those that were made."""
    proxies, all_of_them = ["weir", "nginx", "haproxy", "floor"], list(TITLES)
    wanted = {
        "cpu.svg": (proxies, "cpu_us_to_weir", "CPU a request, weir = 1", False, True),
        "rate.svg": (all_of_them, "per_second_to_weir", "requests a second, weir = 1", False, True),
        "p50.svg": (all_of_them, "p50_us", "p50, us", True, False),
        "p99.svg": (all_of_them, "p99_us", "p99, us", True, False),
        "calls.svg": (proxies, "calls", "system calls a request", True, False),
    }
    return [name for name, how in wanted.items()
            if result["rows"] and gnuplot(_bars(result, *how), out / name)]
