"""Processes: started on one core and bound to our life, what they cost, and their end."""
import contextlib
import ctypes
import os
import pathlib
import resource
import signal
import socket
import struct
import subprocess
import time

from . import machine

PR_SET_PDEATHSIG = 1


def raise_files():
    """As many descriptors as may be had, for us and for what we start."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def end_with_reset(connection):
    """So that its end leaves no TIME_WAIT."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class Process:
    """A program on one core, or with None on any. Ends with the `with` that holds it."""

    def __init__(self, command, core, log):
        self.log = pathlib.Path(log)

        def prepare():
            os.sched_setaffinity(0, {core} if core is not None else machine.cores)
            machine.libc.prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGTERM))

        with open(self.log, "wb") as out:
            self.popen = subprocess.Popen([str(word) for word in command], stdout=out,
                                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                          preexec_fn=prepare)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.popen.poll() is not None:
            return
        self.popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.popen.wait(0.5)
        if self.popen.poll() is None:  # weir and HAProxy wait for their clients
            for pid in reversed(self.pids()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.popen.wait()

    def await_port(self, port):
        """Until somebody answers there; fails with the log if the process ends first."""
        end = time.monotonic() + 10
        while time.monotonic() < end and self.popen.poll() is None:
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                    end_with_reset(connection)
                return self
            time.sleep(0.01)
        raise RuntimeError(f"nothing listens on port {port}:\n{self.log.read_text()}")

    def pids(self):
        """It and its children."""
        found, left = [], [self.popen.pid]
        while left:
            pid = left.pop()
            found.append(pid)
            for path in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    left += map(int, path.read_text().split())
        return found

    def cpu_s(self):
        """User and system time of all its threads so far. From schedstat, in nanoseconds; where
        the kernel has none, from the clock ticks of stat."""
        total = 0.0
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                with contextlib.suppress(OSError):
                    total += _task_cpu_s(task)
        return total

    def memory_bytes(self):
        """Its share of memory (Pss), all processes together."""
        total = 0
        for pid in self.pids():
            for line in open(f"/proc/{pid}/smaps_rollup", encoding="ascii"):
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total


def _task_cpu_s(task):
    with contextlib.suppress(FileNotFoundError):
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
