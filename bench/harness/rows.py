"""The rows of ./dev bench: what is asked, over which connections, with which load."""
import dataclasses

# What a browser sends with a page's address, about 1.1 KB.
BROWSER_TARGET = "/shop/articles/4711?size=100&n=utm_source-newsletter-page-3"
BROWSER_FIELDS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language: de-DE,de;q=0.8,en-US;q=0.5,en;q=0.3",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Referer: https://www.example.com/shop/articles?sort=price&page=2",
    "DNT: 1",
    "Cookie: session=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08; "
    "consent=eyJhbmFseXRpY3MiOnRydWUsIm1hcmtldGluZyI6ZmFsc2V9; _ga=GA1.2.1234567890.1700000000; "
    "cart=3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d; theme=dark",
    "Upgrade-Insecure-Requests: 1",
    "Sec-Fetch-Dest: document",
    "Sec-Fetch-Mode: navigate",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-User: ?1",
    "If-Modified-Since: Tue, 05 Nov 2024 10:00:00 GMT",
    'If-None-Match: "5f2b-61a2b3c4d5e6f"',
    "Priority: u=0, i",
)


@dataclasses.dataclass(frozen=True)
class Row:
    key: str
    title: str
    connections: int = 64
    once: bool = False          # a connection per request
    answer: int = 100           # bytes of body
    body: int = 0               # bytes of the request's
    target: str = ""
    fields: tuple = ()
    front_tls: bool = False
    resume: bool = False
    server_tls: bool = False
    tool: str = "weir-load"
    traced: int = 3000          # requests under strace

    @property
    def path(self):
        return self.target or f"/?size={self.answer}"

    @property
    def has_floor(self):
        """The floor moves bytes as they are: it has no TLS."""
        return not (self.front_tls or self.server_tls)


ROWS = (
    Row("once", "a connection per request", once=True),
    Row("once-browser", "a connection per request, a browser's head", once=True,
        target=BROWSER_TARGET, fields=BROWSER_FIELDS),
    Row("once-10k", "a connection per request, an answer of 10 KB", once=True, answer=10_000),
    Row("once-post", "a connection per request, a POST of 4 KB", once=True, body=4096),
    Row("once-512", "a connection per request, 512 clients", once=True, connections=512),
    Row("once-ab", "a connection per request, by ab (HTTP/1.0)", once=True, tool="ab"),
    Row("kept-1", "kept connections, 1 client", connections=1),
    Row("kept", "kept connections, 64 clients"),
    Row("kept-512", "kept connections, 512 clients", connections=512),
    Row("kept-wrk", "kept connections, 64 clients, by wrk", tool="wrk"),
    Row("body-1m", "bodies of 1 MB, 16 clients", connections=16, answer=1_000_000, traced=200),
    Row("body-100m", "bodies of 100 MB, 2 clients", connections=2, answer=100_000_000, traced=4),
    Row("tls-full", "TLS, a full handshake per request", once=True, front_tls=True, traced=300),
    Row("tls-resumed", "TLS, a resumed handshake per request", once=True, front_tls=True,
        resume=True, traced=300),
    Row("tls-kept", "TLS, kept connections", front_tls=True),
    Row("tls-server", "TLS to the server, kept connections", server_tls=True),
)
