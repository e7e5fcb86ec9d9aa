/* Sockets counted by their states, for each end that somebody wants to know of. Ends are found by
 * their addresses alone, so a tally stays right when the configuration changes: what it does not
 * know, it does not tell. No I/O. */
#ifndef WEIR_CONTROL_TCP_TALLY_H
#define WEIR_CONTROL_TCP_TALLY_H

#include "weir/net/address.h"
#include "weir/net/sock_diag.h"

struct weir_tcp_counts {
    uint64_t in[WEIR_TCP_STATE_LIMIT]; /* by enum weir_tcp_state */
};

struct weir_tcp_tally;

/* Fails: NULL, out of memory. */
struct weir_tcp_tally *weir_tcp_tally_create(void);
void weir_tcp_tally_destroy(struct weir_tcp_tally *tally);

/* An address as an end. Fails: false for what is no IP address. */
bool weir_sock_end_from(struct weir_sock_end *end, const struct weir_address *address);

/* From now on counts the sockets whose local end is this one. The wildcard of a family stands for
 * every address of that family for which nobody listens at the same port.
 * Fails: false, out of memory. The same for those below. */
bool weir_tcp_tally_watch_listener(struct weir_tcp_tally *tally, const struct weir_sock_end *local);
bool weir_tcp_tally_watch_local(struct weir_tcp_tally *tally, const struct weir_sock_end *local);
bool weir_tcp_tally_watch_remote(struct weir_tcp_tally *tally, const struct weir_sock_end *remote);
/* Those from a host (its port does not count) to a remote end, which is watched too. */
bool weir_tcp_tally_watch_pair(struct weir_tcp_tally *tally, const struct weir_sock_end *from,
                               const struct weir_sock_end *remote);

/* What lets all of these through. */
const struct weir_sock_filter *weir_tcp_tally_filter(const struct weir_tcp_tally *tally);

/* Counts one socket: a weir_sock_fn, whose owner is the tally. */
void weir_tcp_tally_count(void *owner, const struct weir_sock *sock);
/* All counts are 0 again. */
void weir_tcp_tally_clear(struct weir_tcp_tally *tally);

/* What was counted. NULL: not watched. */
const struct weir_tcp_counts *weir_tcp_tally_local(const struct weir_tcp_tally *tally,
                                                   const struct weir_sock_end *local);
const struct weir_tcp_counts *weir_tcp_tally_remote(const struct weir_tcp_tally *tally,
                                                    const struct weir_sock_end *remote);
const struct weir_tcp_counts *weir_tcp_tally_pair(const struct weir_tcp_tally *tally,
                                                  const struct weir_sock_end *from,
                                                  const struct weir_sock_end *remote);

#endif
