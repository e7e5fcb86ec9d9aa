"""The kernel's own account of sockets: inet_diag over netlink."""
import socket
import struct

NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY = 4, 20
NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLMSG_ERROR, NLMSG_DONE = 2, 3
TIME_WAIT = 6

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port


def count(state, local=0, remote=0):
    """How many of this network's IPv4 TCP sockets are in that state, with that port of their own
    and of their peer; 0 is any. The kernel picks them, and here they are only counted, so that a
    hundred thousand cost milliseconds."""
    body = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 0, 1 << state)
    body += struct.pack(">HH", local, remote) + bytes(44)
    header = _HEADER.pack(_HEADER.size + len(body), SOCK_DIAG_BY_FAMILY,
                          NLM_F_REQUEST | NLM_F_DUMP, 1, 0)
    found = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as link:
        link.send(header + body)
        while True:
            more, done = _messages(link.recv(1 << 18))
            found += more
            if done:
                return found


def _messages(data):
    """How many sockets a datagram tells of, and whether it is the last."""
    length, kind, _, _, _ = _HEADER.unpack_from(data)
    if kind == NLMSG_ERROR:
        raise OSError("inet_diag refuses")
    if kind == NLMSG_DONE:
        return 0, True
    # All are of one length, but for the end mark.
    whole, rest = divmod(len(data), (length + 3) & ~3)
    return whole, rest != 0 and _HEADER.unpack_from(data, len(data) - rest)[1] == NLMSG_DONE
