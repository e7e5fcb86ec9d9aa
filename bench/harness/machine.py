"""The machine: its cores, a network of our own, and what a result must say about it."""
import ctypes
import datetime
import fcntl
import os
import pathlib
import re
import socket
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "release"
TOOLS = ROOT / "build" / "tools"
RESULTS = ROOT / "bench" / "results"

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40

cores = sorted(os.sched_getaffinity(0))
LOAD_CORE, PROXY_CORE = cores[0], cores[-1]

libc = ctypes.CDLL(None, use_errno=True)


def enter_network():
    """A network namespace of this process's own, with loopback up and nothing else in it: no
    TIME_WAIT of others, and settings that are ours. Without root a user namespace comes first.
    False where neither is allowed; then the host's is used as it is."""
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNET) != 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            return False
        pathlib.Path("/proc/self/setgroups").write_text("deny")
        pathlib.Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        pathlib.Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", IFF_UP | IFF_RUNNING)
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, request)
    return True


def _sysctl_path(name):
    return pathlib.Path("/proc/sys") / name.replace(".", "/")


def sysctl(name):
    try:
        return _sysctl_path(name).read_text().strip().replace("\t", " ")
    except OSError:
        return None


def set_sysctl(name, value):
    """Whether it now has that value."""
    try:
        _sysctl_path(name).write_text(str(value))
    except OSError:
        return False
    return sysctl(name) == str(value)


def program(name):
    """The path of a program: of Debian's packages fetched to build/tools, or installed."""
    fetched = TOOLS / name
    if fetched.exists():
        return str(fetched)
    for folder in os.environ.get("PATH", "").split(":") + ["/usr/sbin", "/sbin"]:
        if folder and os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    return None


def _says(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout + done.stderr).strip()


def _version(name, *arguments):
    path = program(name)
    said = _says(path, *arguments).split("\n")[0] if path else ""
    found = re.search(r"\d+\.\d+[\w.+~-]*", said)
    return found.group(0) if found else "not installed"


def _package(name):
    """Debian's version of it: fetched, else installed."""
    fetched = TOOLS / (name + ".version")
    if fetched.exists():
        return fetched.read_text().strip()
    return _says("dpkg-query", "-W", "-f", "${Version}", name).split("\n")[0]


def _cpu_model():
    for line in open("/proc/cpuinfo", encoding="ascii", errors="replace"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return os.uname().machine


def describe():
    """What the figures were taken on and of."""
    git = ["git", "-C", str(ROOT)]
    changed = _says(*git, "status", "--porcelain", "--untracked-files=no", "--", "src", "include",
                    "CMakeLists.txt", "CMakePresets.json")
    uname = os.uname()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _says(*git, "rev-parse", "--short", "HEAD") +
                  (" with changes" if changed else ""),
        "kernel": f"{uname.sysname} {uname.release} {uname.machine}",
        "cpu": f"{len(cores)} x {_cpu_model()}",
        "load_average": "%.2f %.2f %.2f" % os.getloadavg(),
        "versions": {
            "weir": _version(str(BUILD / "weir"), "--version"),
            "nginx": f"{_version('nginx', '-v')} (Debian {_package('nginx')})",
            "haproxy": f"{_version('haproxy', '-v')} (Debian {_package('haproxy')})",
            "wrk": _package("wrk"),
            "ab": _package("apache2-utils"),
            "openssl": _package("libssl3"),
            "libuv": _package("libuv1"),
            "gcc": _version("gcc", "--version"),
        },
    }
