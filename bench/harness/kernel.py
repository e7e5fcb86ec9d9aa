"""The kernel's own account of sockets: inet_diag over netlink."""
import collections
import socket
import struct

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
ESTABLISHED, TIME_WAIT = 1, 6

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_PORTS = struct.Struct(">HH")      # at the beginning of an inet_diag_sockid
_MESSAGE_TO_SOCKID = 4             # family, state, timer, retrans


def sockets(state):
    """How many of this network's IPv4 TCP sockets are in that state, by (local port, remote port)
    where one end is a port below 32768, which is where servers are: the other end counts as 0."""
    counts = collections.Counter()
    body = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, 1 << state) + bytes(48)
    header = _HEADER.pack(_HEADER.size + len(body), SOCK_DIAG_BY_FAMILY,
                          NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as link:
        link.send(header + body)
        while True:
            if _take(link.recv(1 << 16), counts):
                return counts


def _take(data, counts):
    """True at the end."""
    at = 0
    while at < len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if kind == NLMSG_DONE:
            return True
        if kind == NLMSG_ERROR:
            raise OSError("inet_diag refuses")
        local, remote = _PORTS.unpack_from(data, at + _HEADER.size + _MESSAGE_TO_SOCKID)
        counts[(local if local < 32768 else 0, remote if remote < 32768 else 0)] += 1
        at += (length + 3) & ~3
    return False


def at_port(counts, port):
    """Of the sockets counted, those whose own port this is."""
    return sum(n for (local, _), n in counts.items() if local == port)


def towards_port(counts, port):
    """Of the sockets counted, those whose peer has this port."""
    return sum(n for (_, remote), n in counts.items() if remote == port)
