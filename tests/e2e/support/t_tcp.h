/* The kernel's own view of TCP sockets on this host, through sock_diag. */
#ifndef WEIR_E2E_T_TCP_H
#define WEIR_E2E_T_TCP_H

#include "t_base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* States by the kernel's numbers (include/net/tcp_states.h). */
enum t_tcp_state {
    T_TCP_ANY = 0,
    T_TCP_ESTABLISHED = 1,
    T_TCP_SYN_SENT,
    T_TCP_SYN_RECV,
    T_TCP_FIN_WAIT1,
    T_TCP_FIN_WAIT2,
    T_TCP_TIME_WAIT,
    T_TCP_CLOSE,
    T_TCP_CLOSE_WAIT,
    T_TCP_LAST_ACK,
    T_TCP_LISTEN,
    T_TCP_CLOSING,
};

/* Which end of the sockets has the port: a server's own sockets have its port as local one, those
 * of its clients (also weir's upstream connections) have it as remote one. */
enum t_tcp_side { T_TCP_LOCAL, T_TCP_REMOTE };

/* How many sockets, IPv4 and IPv6, are in that state; T_TCP_ANY counts all. */
int t_tcp_count(enum t_tcp_side side, int port, enum t_tcp_state state);
#define t_tcp_count(...) T_AT((t_tcp_count)(__VA_ARGS__))

/* Waits until it is COUNT. */
void t_tcp_await(enum t_tcp_side side, int port, enum t_tcp_state state, int count);
#define t_tcp_await(...) T_AT((t_tcp_await)(__VA_ARGS__))

/* Marks in USED (65536 flags) every port that is local or remote port of any socket. */
void t_tcp_ports_used(bool *used);

/* What the peer's kernel has received on the connection FD so far, and how much of it the peer's
 * process has not read yet; the peer is on this host. Fails: false when there is no such socket
 * (yet, or any more). */
bool t_tcp_peer(int fd, uint64_t *received, uint64_t *unread);

#endif
