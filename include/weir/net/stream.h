/* A stream: a connected socket that bytes are read from and written to without blocking. It enters
 * the loop only when somebody has to wait for it, so a connection whose bytes are all there at once
 * never costs an epoll_ctl.
 *
 * Thread: its loop's. Owns: embedded in a client or an upstream connection; the descriptor is the
 * stream's until it is closed or detached. */
#ifndef WEIR_NET_STREAM_H
#define WEIR_NET_STREAM_H

#include "weir/base/gather.h"
#include "weir/net/address.h"
#include "weir/net/loop.h"

/* What a read or write came to when it was not a number of bytes. Others: -errno. */
enum { WEIR_STREAM_END = 0, WEIR_STREAM_PAUSED = -4095 };

enum { WEIR_WANT_NONE = 0, WEIR_WANT_READ = 1, WEIR_WANT_WRITE = 2, WEIR_WANT_HANGUP = 4 };

struct weir_stream {
    struct weir_loop *loop;
    int fd;
    uint8_t wants;
    bool is_polled; /* the handle is initialised */
    bool is_closed;
    uv_poll_t poll;
    struct weir_task reap; /* stands in for the close callback of a handle that never was */
    /* READY says what may be done; both may be set. Errors show in the next read or write. */
    void (*on_ready)(struct weir_stream *stream, unsigned ready);
    /* The last that is heard of a stream; its memory may go now. */
    void (*on_closed)(struct weir_stream *stream);
};

/* Takes over a connected, non-blocking descriptor. */
void weir_stream_init(struct weir_stream *stream, struct weir_loop *loop, int fd);

/* What went wrong with a connection that could not be started. */
enum weir_connect_fault {
    WEIR_CONNECT_FAULT_OTHER,
    WEIR_CONNECT_FAULT_SOURCE, /* the source could not be bound */
    WEIR_CONNECT_FAULT_PORTS,  /* no local port was left towards the address */
    WEIR_CONNECT_FAULT_FULL,   /* a Unix socket whose queue is full; of TCP the kernel tries again */
    WEIR_CONNECT_FAULT_SOCKETS /* this host has no descriptor or memory left for it */
};

/* Starts a connection, from SOURCE (with port 0; the port is chosen as for one without, so that it
 * need only differ from others towards the same address) or, when NULL, from where the kernel
 * likes: wait for WEIR_WANT_WRITE, then weir_stream_connected.
 * Fails: -errno and *fault, and there is no stream. Source: ip(7), IP_BIND_ADDRESS_NO_PORT. */
int weir_stream_connect(struct weir_stream *stream, struct weir_loop *loop,
                        const struct weir_address *address, const struct weir_address *source,
                        enum weir_connect_fault *fault);
/* How the connecting ended: 0 or -errno. */
int weir_stream_connected(struct weir_stream *stream);

/* From now on on_ready is called for these, level-triggered; WANTS is the whole set.
 * Fails: -errno, when the stream could not enter the loop. */
int weir_stream_want(struct weir_stream *stream, unsigned wants);

/* Returns bytes read, WEIR_STREAM_END, WEIR_STREAM_PAUSED or -errno. */
ssize_t weir_stream_read(struct weir_stream *stream, char *data, size_t len);

/* As weir_stream_read, and what there is stays there: a number above zero is not how much. */
ssize_t weir_stream_peek(struct weir_stream *stream);

/* Writes what GATHER holds, and advances it. Returns the bytes written, WEIR_STREAM_PAUSED when
 * nothing could be, or -errno. */
ssize_t weir_stream_write(struct weir_stream *stream, struct weir_gather *gather);

/* Has what was read acknowledged now, where the kernel has put that off. A hint: errors mean
 * nothing. Source: tcp(7), TCP_QUICKACK. */
void weir_stream_ack(struct weir_stream *stream);

/* Sends the FIN; the other direction stays open. */
void weir_stream_shut(struct weir_stream *stream);

/* Closes with FIN, or with a reset that leaves no TIME_WAIT on either side and ends the connection
 * also where another thread still holds a copy of the descriptor (connect(2) with AF_UNSPEC). Over a
 * Unix socket the peer sees the same either way: an end of stream, and EPIPE when it writes.
 * Idempotent; on_closed follows. */
void weir_stream_close(struct weir_stream *stream);
void weir_stream_reset(struct weir_stream *stream);

/* The connection leaves this loop: returns a descriptor for the taker; the stream closes (on_closed
 * follows) and the connection lives on. Fails: -errno, and nothing has changed. */
int weir_stream_detach(struct weir_stream *stream);

#endif
