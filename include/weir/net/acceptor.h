/* A listening socket on one loop. Every worker has its own for each address, bound with
 * SO_REUSEPORT, so that the kernel spreads the connections and no two threads wake for one.
 *
 * Thread: its loop's; weir_acceptor_bind may be called anywhere. */
#ifndef WEIR_NET_ACCEPTOR_H
#define WEIR_NET_ACCEPTOR_H

#include "weir/net/address.h"
#include "weir/net/loop.h"

/* What listen(2) is asked for; the kernel caps it to net.core.somaxconn without a word. */
enum { WEIR_ACCEPTOR_BACKLOG = 4096 };

struct weir_acceptor {
    struct weir_watch watch;
    struct weir_loop *loop;
    struct weir_task reap;
    int fd;
    bool is_closed;
    struct weir_deadline retry; /* a pause while descriptors have run out */
    /* A new connection, non-blocking; the callee owns FD. */
    void (*on_accept)(struct weir_acceptor *acceptor, int fd, const struct weir_address *peer);
    void (*on_closed)(struct weir_acceptor *acceptor);
};

/* A bound, listening descriptor. With DEFER the kernel holds a connection back until its first
 * bytes are here or about a second has passed (TCP_DEFER_ACCEPT, tcp(7)).
 * Fails: -errno. */
int weir_acceptor_bind(const struct weir_address *address, bool defer);

/* Takes over a descriptor of weir_acceptor_bind. Fails: -errno, and the descriptor is closed. */
int weir_acceptor_start(struct weir_acceptor *acceptor, struct weir_loop *loop, int fd);

/* Closes. With ACCEPT, what is waiting already is accepted first; a connection that the kernel
 * completes in between is lost to a reset. Idempotent. */
void weir_acceptor_close(struct weir_acceptor *acceptor, bool accept);

#endif
