/* Which sockets the kernel is to tell of, as the bytecode that inet_diag runs for each of them:
 * those with a local port in one set, or whose remote end is one of some ends.
 *
 * The filter lets through all that are wanted and few others: whoever counts looks again. Beyond
 * WEIR_FILTER_RANGES_MAX runs of ports, runs that are near each other are taken together; beyond
 * WEIR_FILTER_REMOTES_MAX remote ends only their ports are looked at. So the program has a bounded
 * length, and costs a socket a few comparisons (a search in a tree of the ports).
 * Pure. Source: inet_diag_bc_audit and inet_diag_bc_run in Linux's net/ipv4/inet_diag.c. */
#ifndef WEIR_NET_SOCK_FILTER_H
#define WEIR_NET_SOCK_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One end of a TCP socket. */
struct weir_sock_end {
    uint8_t host[16]; /* IPv4 in the form that is mapped to IPv6 */
    uint16_t port;
};

enum {
    WEIR_FILTER_RANGES_MAX = 128,
    WEIR_FILTER_REMOTES_MAX = 64,
    /* Two trees of 28 bytes a range, and 32 bytes for each remote end. */
    WEIR_FILTER_BYTES_MAX = 2 * 28 * WEIR_FILTER_RANGES_MAX + 32 * WEIR_FILTER_REMOTES_MAX
};

struct weir_port_set {
    uint64_t bits[1024];
};

/* Zeroed, it lets nothing through. */
struct weir_sock_filter {
    struct weir_port_set local, remote;
    size_t n_remotes; /* may be more than are kept */
    struct weir_sock_end remotes[WEIR_FILTER_REMOTES_MAX];
};

static inline bool weir_port_set_has(const struct weir_port_set *set, uint16_t port)
{
    return (set->bits[port / 64] >> (port % 64) & 1) != 0;
}

void weir_sock_filter_add_local(struct weir_sock_filter *filter, uint16_t port);
/* Each end once. */
void weir_sock_filter_add_remote(struct weir_sock_filter *filter, const struct weir_sock_end *end);

/* Writes the program; returns its length in bytes, a multiple of 4. */
size_t weir_sock_filter_write(const struct weir_sock_filter *filter,
                              uint8_t program[WEIR_FILTER_BYTES_MAX]);

#endif
