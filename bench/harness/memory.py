"""What idle clients cost: the proxy's memory before and after so many have come to stay."""
import contextlib
import pathlib
import socket
import tempfile
import time

from . import contender as contenders
from . import machine
from .rows import Row

REQUEST = b"GET /?size=100 HTTP/1.1\r\nHost: localhost\r\n\r\n"
BATCH = 50  # at once: the pool stays small


def measure_idle(clients, certificate):
    """Returns {proxy: {"before": bytes, "after": bytes, "per_client": bytes}}. Each client has had
    one answer and keeps its connection."""
    row, results = Row("idle", "idle clients"), {}
    for name in contenders.NAMES:
        if name == "direct" or (name in ("nginx", "haproxy") and not machine.program(name)):
            continue
        machine.enter_network()
        with contextlib.ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-bench-"))
            contender = contenders.Contender(name, row, pathlib.Path(folder), certificate, stack)
            results[name] = _measure(contender, clients, stack)
    return results


def _measure(contender, clients, stack):
    _come(contender.port, BATCH, stack)  # what the first ones bring with them is not counted
    before = contender.proxy.memory_bytes()
    for _ in range(0, clients, BATCH):
        _come(contender.port, BATCH, stack)
    time.sleep(0.2)
    after = contender.proxy.memory_bytes()
    return {"before": before, "after": after, "clients": clients,
            "per_client": (after - before) / clients}


def _come(port, n, stack):
    batch = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
             for _ in range(n)]
    for connection in batch:
        connection.sendall(REQUEST)
    for connection in batch:
        answer = b""
        while not answer.endswith(b"weir") or b"\r\n\r\n" not in answer:
            got = connection.recv(4096)
            if not got:
                raise RuntimeError("an idle client lost its connection")
            answer += got
