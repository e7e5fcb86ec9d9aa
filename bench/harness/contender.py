"""What is measured beside each other: weir, nginx, HAProxy, the floor, and no proxy at all. Each
has a server of its own, so that connections opened and TIME_WAIT are those of one."""
import json
import pathlib
import re
import socket
import string
import subprocess

from . import machine
from .process import Process, end_with_reset

NAMES = ("weir", "nginx", "haproxy", "floor", "direct")
TITLES = {"weir": "weir", "nginx": "nginx", "haproxy": "HAProxy", "floor": "the floor",
          "direct": "direct"}
PROXIES = machine.ROOT / "bench" / "proxies"
FIRST_PORT = 9000
ANSWER = 100  # bytes of the TLS server's answer
LARGE_ANSWER = 1_000_000


class NotSupported(Exception):
    """This build of it can't do what the row asks."""


class _Template(string.Template):
    delimiter = "@"


def render(name, values, to):
    to.write_text(_Template((PROXIES / name).read_text()).substitute(values))
    return to


def make_certificate(folder):
    """A self-signed one for localhost, ECDSA P-256, in the ways the proxies want it."""
    certificate, key, both = folder / "cert.pem", folder / "key.pem", folder / "both.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
         "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True)
    both.write_bytes(certificate.read_bytes() + key.read_bytes())
    return {"certificate": certificate, "key": key, "both": both}


def _ask(port, path):
    """The body of an answer. Ends with a reset: a question leaves no TIME_WAIT."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        end_with_reset(connection)
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        answer = b""
        while True:
            answer += connection.recv(65536)
            head, end, body = answer.partition(b"\r\n\r\n")
            if end and len(body) == _content_length(head):
                return body.decode()


def _content_length(head):
    return int(re.search(rb"(?i)content-length: *(\d+)", head).group(1))


def answer_bytes(port, row):
    """How long the server's answer to the row's request is, head and body."""
    head = b""
    version, keep = ("1.0", "Connection: keep-alive\r\n") if row.tool == "ab" else ("1.1", "")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(f"GET {row.path} HTTP/{version}\r\nHost: bench\r\n{keep}\r\n".encode())
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
    head = head.split(b"\r\n\r\n")[0]
    return len(head) + len(b"\r\n\r\n") + _content_length(head)


class Contender:
    """One of NAMES, ready for a row. What it starts ends with STACK."""

    def __init__(self, name, row, folder, certificate, stack):
        self.name, self.row, self.folder, self.stack = name, row, folder, stack
        self.certificate = certificate
        self.proxy = None
        self.questions = 0
        base = FIRST_PORT + 10 * NAMES.index(name)
        self.server_port, self.status_port, self.port = base + 1, base + 2, base + 3
        # Directly there is no TLS but the TLS server's.
        self.has_tls_server = row.server_tls or (name == "direct" and row.front_tls)
        self._start_server()
        if name == "direct":
            self.port = self.server_port
        else:
            self._start_proxy()

    def _values(self):
        row, pem = self.row, self.certificate
        large = row.answer >= LARGE_ANSWER
        return {
            "port": self.port, "server_port": self.server_port, "status_port": self.status_port,
            "dir": self.folder, "certificate": pem["certificate"], "key": pem["key"],
            "body": "x" * ANSWER,
            "front_tls": f"tls: {{certificates: [{{certificate: {pem['certificate']}, "
                         f"key: {pem['key']}}}]}}" if row.front_tls else "",
            "server_tls": f"tls: {{ca_file: {pem['certificate']}, server_name: localhost}}"
                          if row.server_tls else "",
            "nginx_buffer": "256k" if large else "16k", "nginx_busy": "512k" if large else "32k",
            "nginx_buffering": "off" if large else "on",
            "nginx_listen": "ssl" if row.front_tls else "",
            "nginx_scheme": "https" if row.server_tls else "http",
            "nginx_tls": self._nginx_tls(),
            "haproxy_splice": "option splice-response" if large else "",
            "haproxy_bind": f"ssl crt {pem['both']}" if row.front_tls else "",
            "haproxy_server": f"ssl ca-file {pem['certificate']} verifyhost localhost "
                              "sni str(localhost)" if row.server_tls else "",
        }

    def _nginx_tls(self):
        pem, lines = self.certificate, []
        if self.row.front_tls:
            lines += [f"ssl_certificate {pem['certificate']};",
                      f"ssl_certificate_key {pem['key']};",
                      "ssl_protocols TLSv1.2 TLSv1.3;", "ssl_session_cache shared:tls:50m;"]
        if self.row.server_tls:
            lines += [f"proxy_ssl_trusted_certificate {pem['certificate']};",
                      "proxy_ssl_verify on;", "proxy_ssl_name localhost;",
                      "proxy_ssl_server_name on;", "proxy_ssl_protocols TLSv1.2 TLSv1.3;"]
        return "\n    ".join(lines)

    def _start(self, command, core, port):
        name = pathlib.Path(command[0]).name
        process = Process(command, core, self.folder / f"{self.name}-{name}-{port}.log")
        self.stack.enter_context(process)
        return process.await_port(port)

    def _start_server(self):
        if self.has_tls_server:
            config = self.folder / f"{self.name}-tls.conf"
            render("tls_server.conf", self._values(), config)
            command = [machine.program("nginx"), "-e", "stderr", "-c", config]
        else:
            command = [machine.BUILD / "bench" / "weir-origin", "--quiet", "--listen",
                       f"127.0.0.1:{self.server_port}"]
        self._start(command, machine.LOAD_CORE, self.server_port)

    def _start_proxy(self):
        if self.name == "weir":
            self._check_weir()
        self.proxy = self._start(self._command(), machine.PROXY_CORE, self.port)

    def _config(self, template):
        return render(template, self._values(), self.folder / template)

    def _check_weir(self):
        said = subprocess.run([machine.BUILD / "weir", "check", "-c", self._config("weir.yaml")],
                              capture_output=True, text=True, check=False)
        if said.returncode == 0:
            return
        if not self.row.front_tls and not self.row.server_tls:
            raise RuntimeError(said.stderr)
        raise NotSupported(said.stderr.strip().split("\n")[0].rsplit("/", 1)[-1])

    def _command(self):
        if self.name == "weir":
            return [machine.BUILD / "weir", "run", "-c", self._config("weir.yaml")]
        if self.name == "nginx":
            return [machine.program("nginx"), "-e", "stderr", "-c", self._config("nginx.conf")]
        if self.name == "haproxy":
            return [machine.program("haproxy"), "-db", "-f", self._config("haproxy.cfg")]
        return [machine.BUILD / "bench" / "weir-floor", self.port, self.server_port,
                answer_bytes(self.server_port, self.row)] + (["--once"] if self.row.once else [])

    def server_connections(self):
        """How many the server has accepted so far, these questions aside."""
        if not self.has_tls_server:
            return json.loads(_ask(self.server_port, "/_counts"))["connections"]["accepted"]
        self.questions += 1
        return int(_ask(self.status_port, "/").split("requests")[1].split()[0]) - self.questions
