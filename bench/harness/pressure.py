"""One run of the pressure test: a service, load on it for some seconds, and where TIME_WAIT stands
meanwhile. Each run has a network of its own, which begins with none."""
import contextlib
import dataclasses
import json
import pathlib
import subprocess
import tempfile
import time

from . import kernel, machine
from .process import Process

SERVER_PORT, WEIR_PORT = 9001, 8080
REUSE = "net.ipv4.tcp_tw_reuse"
CLIENTS, ADDRESSES = 64, 16
TARGET = "/?size=1000"
SAMPLE_S = 1.0


@dataclasses.dataclass(frozen=True)
class Way:
    """How clients come to the service."""
    key: str
    title: str
    load: tuple = ()
    addresses: int = ADDRESSES
    through_weir: bool = False


KEPT = Way("kept", "kept connections")
ONCE = Way("once", "a connection per request, the server closes",
           ("--once", "--header", "Connection: close"))
ONCE_FIRST = Way("once-first", "a connection per request, one address, the client closes",
                 ("--once", "--close-first"), addresses=1)
WEIR = Way("weir", "a connection per request, through weir",
           ("--once", "--header", "Connection: close"), through_weir=True)

# What the server does after an answer, and the ways that make sense there: behind a server that
# closes, the client that would close first never does.
SERVERS = {
    "keep-alive": ("keeps the connection", "size=1000", (KEPT, ONCE, ONCE_FIRST, WEIR)),
    "closing": ("closes after every answer", "connection=close", (KEPT, ONCE, WEIR)),
}


def run(server, way, reuse, seconds):
    """Returns what came of it, or {"missing": why} where the machine does not allow it."""
    result = {"server": server, "way": way.key, "reuse": reuse}
    if not machine.enter_network():
        return result | {"missing": "no network namespace may be made here"}
    if not machine.set_sysctl(REUSE, reuse):
        return result | {"missing": f"{REUSE} may not be set here"}
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-bench-"))
        folder = pathlib.Path(folder)
        port = _start_service(server, way, folder, stack)
        series = folder / "series"
        command = [machine.BUILD / "bench" / "weir-load", "--to", f"127.0.0.1:{port}", "--target",
                   TARGET, "--connections", CLIENTS, "--seconds", seconds, "--series", series,
                   "--sources", way.addresses, *way.load]
        began = time.monotonic()
        with subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                              text=True) as load:
            points = _watch(load, began)
            result |= json.loads(load.stdout.read())
        result["points"] = points
        result["series"] = [list(map(float, line.split()))
                            for line in series.read_text().split("\n") if line]
    return result


def _start_service(server, way, folder, stack):
    """Returns the port that clients go to."""
    origin = Process([machine.BUILD / "bench" / "weir-origin", "--quiet", "--listen",
                      f"127.0.0.1:{SERVER_PORT}", "--default", SERVERS[server][1]],
                     None, folder / "origin.log")
    stack.enter_context(origin).await_port(SERVER_PORT)
    if not way.through_weir:
        return SERVER_PORT
    weir = Process([machine.BUILD / "weir", "run", "--listen", f"127.0.0.1:{WEIR_PORT}", "--to",
                    f"127.0.0.1:{SERVER_PORT}"], None, folder / "weir.log")
    stack.enter_context(weir).await_port(WEIR_PORT)
    return WEIR_PORT


def _watch(load, began):
    points = []
    while True:
        points.append({
            "t": round(time.monotonic() - began, 2),
            "server_port": kernel.count(kernel.TIME_WAIT, local=SERVER_PORT),
            "server_side": kernel.count(kernel.TIME_WAIT, remote=SERVER_PORT),
            "front_port": kernel.count(kernel.TIME_WAIT, local=WEIR_PORT),
            "client_side": kernel.count(kernel.TIME_WAIT, remote=WEIR_PORT),
        })
        with contextlib.suppress(subprocess.TimeoutExpired):
            load.wait(SAMPLE_S)
            return points
