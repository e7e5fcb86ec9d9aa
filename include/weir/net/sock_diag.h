/* The kernel's own list of TCP sockets, by sock_diag over netlink.
 *
 * A dump is no picture of one moment: sockets come and go while it is read, and one that does may
 * be missing or, rarely, be told of twice. Listening sockets and closed ones are left out.
 * Source: sock_diag(7), netlink(7), linux/inet_diag.h. */
#ifndef WEIR_NET_SOCK_DIAG_H
#define WEIR_NET_SOCK_DIAG_H

#include "weir/net/sock_filter.h"

/*   name, number in the kernel (include/net/tcp_states.h) */
#define WEIR_TCP_STATES(X)                                                                         \
    X(established, 1)                                                                              \
    X(syn_sent, 2)                                                                                 \
    X(syn_recv, 3)                                                                                 \
    X(fin_wait1, 4)                                                                                \
    X(fin_wait2, 5)                                                                                \
    X(time_wait, 6)                                                                                \
    X(close_wait, 8)                                                                               \
    X(last_ack, 9)                                                                                 \
    X(closing, 11)

enum weir_tcp_state {
#define WEIR_TCP_STATE_ROW(name, number) WEIR_TCP_##name = (number),
    WEIR_TCP_STATES(WEIR_TCP_STATE_ROW)
#undef WEIR_TCP_STATE_ROW
        WEIR_TCP_STATE_LIMIT /* above all of them */
};

struct weir_sock {
    enum weir_tcp_state state;
    bool is_ipv6; /* as a socket; its addresses may be IPv4's, mapped */
    struct weir_sock_end local, remote;
};

typedef void weir_sock_fn(void *owner, const struct weir_sock *sock);

/* What became of a dump, for people and for who decides what to advise. */
struct weir_dump {
    const char *step;  /* what failed, in a few static words */
    bool is_disturbed; /* the kernel says that it changed underneath (NLM_F_DUMP_INTR) */
};

/* Calls EACH for every socket that the filter lets through, of both families. A kernel without IPv6
 * has no sockets of it. Blocks: for MS_MAX at most, give or take one datagram of 32 KiB.
 * Fails: -errno, and dump->step is set; EACH may have been called. */
int weir_sock_diag_dump(const struct weir_sock_filter *filter, uint64_t ms_max, weir_sock_fn *each,
                        void *owner, struct weir_dump *dump);

/* ---- Its parts, pure. ---- */

enum { WEIR_DIAG_REQUEST_MAX = 96 + WEIR_FILTER_BYTES_MAX };

/* Writes the message that asks for a dump of FAMILY, with a program of LEN bytes. Returns its
 * length. */
size_t weir_sock_diag_request(uint8_t message[WEIR_DIAG_REQUEST_MAX], int family, uint32_t sequence,
                              const uint8_t *program, size_t len);

/* Reads one datagram of answers to the request of that sequence number; others are passed over.
 * BYTES is aligned as a struct nlmsghdr is. Returns 1 after the last one, 0 when more will come,
 * -errno as the kernel said, or -EBADMSG. */
int weir_sock_diag_parse(const void *bytes, size_t len, uint32_t sequence, weir_sock_fn *each,
                         void *owner, struct weir_dump *dump);

#endif
