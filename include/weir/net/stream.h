/* A stream: a connected socket that bytes are read from and written to without blocking. It enters
 * the loop only when somebody has to wait for it, so a connection whose bytes are all there at once
 * never costs an epoll_ctl. Its bytes are plain or, once started, TLS; nobody else sees the
 * difference.
 *
 * Thread: its loop's. Owns: embedded in a client or an upstream connection; the descriptor is the
 * stream's until it is closed or detached. */
#ifndef WEIR_NET_STREAM_H
#define WEIR_NET_STREAM_H

#include "weir/base/gather.h"
#include "weir/net/address.h"
#include "weir/net/loop.h"
#include "weir/net/tls.h"

/* What a read or write came to when it was not a number of bytes. Others: -errno. CUT: the peer of
 * a TLS stream has ended the connection without saying that this is all. */
enum { WEIR_STREAM_END = 0, WEIR_STREAM_PAUSED = -4095, WEIR_STREAM_CUT = -4094 };

enum { WEIR_WANT_NONE = 0, WEIR_WANT_READ = 1, WEIR_WANT_WRITE = 2, WEIR_WANT_HANGUP = 4 };

struct weir_stream {
    struct weir_loop *loop;
    int fd;
    uint8_t wants;
    bool is_closed;
    bool has_copy;        /* of its descriptor, in a parcel */
    struct weir_tls *tls; /* NULL: plain */
    struct weir_watch watch;
    struct weir_task reap;
    /* READY says what may be done; both may be set. Errors show in the next read or write. */
    void (*on_ready)(struct weir_stream *stream, unsigned ready);
    /* The last that is heard of a stream; its memory may go now. */
    void (*on_closed)(struct weir_stream *stream);
};

/* Takes over a connected, non-blocking descriptor. */
void weir_stream_init(struct weir_stream *stream, struct weir_loop *loop, int fd);

/* A connection on its way from one loop to another. */
struct weir_parcel {
    int fd;
    struct weir_tls *tls;
};

/* As weir_stream_init, for a connection that comes from another loop; empties *parcel. */
void weir_stream_adopt(struct weir_stream *stream, struct weir_loop *loop,
                       struct weir_parcel *parcel);
/* Nobody takes it: it ends. */
void weir_parcel_drop(struct weir_parcel *parcel);

/* From now on the bytes are TLS, as SSL has been told: accepting or connecting. The handshake is to
 * follow. Owns: SSL in any case. Fails: -ENOMEM, and the stream stays as it was. */
int weir_stream_start_tls(struct weir_stream *stream, struct ssl_st *ssl);
/* As above, for one that came in, as CONTEXT says. Fails: -ENOMEM, as above. */
int weir_stream_accept_tls(struct weir_stream *stream, struct ssl_ctx_st *context);
/* Goes on with the handshake: 0 when it is complete, WEIR_STREAM_PAUSED with *wants to wait for
 * (weir_stream_want), or -errno; weir_stream_fault may say more. */
int weir_stream_handshake(struct weir_stream *stream, unsigned *wants);
/* The version of TLS ("TLSv1.3"), for people and servers; NULL: plain. */
const char *weir_stream_tls_version(const struct weir_stream *stream);
/* Was this connection's session begun by an earlier one? */
bool weir_stream_is_resumed(const struct weir_stream *stream);
/* The subject of the certificate that the peer showed and that was verified, as RFC 2253 writes it,
 * in printable ASCII alone: all else is escaped. TEXT holds SIZE bytes. Fails: false, and TEXT is
 * empty: there is none, or it would not fit as a whole. */
bool weir_stream_tls_subject(const struct weir_stream *stream, char *text, size_t size);
/* What TLS had to say of the last error, for people; NULL: nothing. */
static inline const char *weir_stream_fault(const struct weir_stream *stream)
{
    return stream->tls ? stream->tls->fault : NULL;
}
/* Has the handshake failed because the peer's certificate was not accepted? Then the fault says why
 * not. */
static inline bool weir_stream_is_untrusted(const struct weir_stream *stream)
{
    return stream->tls && weir_tls_is_untrusted(stream->tls);
}
/* Bytes of TLS that the kernel has taken so far, records and all; the stream is not plain. */
static inline uint64_t weir_stream_wire_out(const struct weir_stream *stream)
{
    return weir_tls_wire_out(stream->tls);
}
/* Are the bytes on the socket those that are read and written? */
static inline bool weir_stream_is_plain(const struct weir_stream *stream)
{
    return !stream->tls;
}

/* What went wrong with a connection that could not be started. */
enum weir_connect_fault {
    WEIR_CONNECT_FAULT_OTHER,
    WEIR_CONNECT_FAULT_SOURCE, /* the source could not be bound */
    WEIR_CONNECT_FAULT_PORTS,  /* no local port was left towards the address */
    WEIR_CONNECT_FAULT_FULL, /* a Unix socket whose queue is full; of TCP the kernel tries again */
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

/* From now on on_ready is called for these as long as they last; WANTS is the whole set.
 * Fails: -errno, when the stream could not enter the loop. */
int weir_stream_want(struct weir_stream *stream, unsigned wants);

/* Returns bytes read, WEIR_STREAM_END, WEIR_STREAM_PAUSED, WEIR_STREAM_CUT or -errno. */
ssize_t weir_stream_read(struct weir_stream *stream, char *data, size_t len);

/* As weir_stream_read, and what there is stays there: a number above zero is not how much. */
ssize_t weir_stream_peek(struct weir_stream *stream);

/* As weir_stream_read, and what there is stays there. Plain streams only. */
ssize_t weir_stream_look(struct weir_stream *stream, char *data, size_t len);

/* What the peer connected to; of no family when that can't be told any more. */
void weir_stream_own_address(const struct weir_stream *stream, struct weir_address *address);

/* Writes what GATHER holds, and advances it. Returns the bytes written, WEIR_STREAM_PAUSED when
 * nothing could be, or -errno. */
ssize_t weir_stream_write(struct weir_stream *stream, struct weir_gather *gather);
/* The same, for the last that is written before the stream is shut or closed, which must follow at
 * once when all of GATHER is written: its end may wait for the FIN, and travel in one segment with
 * it. Closed while it holds bytes unread, such a stream is reset, and that end is lost: shut it
 * where there may be any. Source: send(2), MSG_MORE; tcp_close, RFC 1122 section 4.2.2.13. */
ssize_t weir_stream_write_last(struct weir_stream *stream, struct weir_gather *gather);

/* Has what was read acknowledged now, where the kernel has put that off. A hint: errors mean
 * nothing. Source: tcp(7), TCP_QUICKACK. */
void weir_stream_ack(struct weir_stream *stream);

/* May there be more to read than the N bytes of ROOM that the last read brought? Of TLS a read
 * brings one record. */
static inline bool weir_stream_may_hold_more(const struct weir_stream *stream, size_t n,
                                             size_t room)
{
    return n == room || stream->tls;
}

/* Does a wish to read wait for room to write? TLS has something to say first. */
static inline bool weir_stream_reads_by_writing(const struct weir_stream *stream)
{
    return stream->tls && stream->tls->reads_by_writing;
}

/* Has it bytes that the kernel does not tell of? Wanting to read tells of them all the same. */
static inline bool weir_stream_has_pending(const struct weir_stream *stream)
{
    return stream->tls && weir_tls_has_pending(stream->tls);
}

/* Says that no more is written, as far as that is said above the socket: the close_notify of TLS.
 * 0, or WEIR_STREAM_PAUSED: again when the stream can be written to. */
int weir_stream_conclude(struct weir_stream *stream);

/* Sends the FIN, behind that; the other direction stays open. Returns as weir_stream_conclude; then
 * no FIN was sent. */
int weir_stream_shut(struct weir_stream *stream);

/* Of what still comes nothing is wanted: it is read as it comes, without the work of TLS. */
void weir_stream_strip(struct weir_stream *stream);

/* Closes with FIN (and a close_notify before it), or with a reset that leaves no TIME_WAIT on
 * either side and ends the connection also where another thread still holds a copy of the
 * descriptor (connect(2) with AF_UNSPEC). Over a Unix socket the peer sees the same either way: an
 * end of stream, and EPIPE when it writes. Idempotent; on_closed follows. */
void weir_stream_close(struct weir_stream *stream);
void weir_stream_reset(struct weir_stream *stream);

/* The connection leaves this loop in *parcel, for the taker; the stream closes (on_closed follows)
 * and the connection lives on. Fails: -errno, and nothing has changed. */
int weir_stream_detach(struct weir_stream *stream, struct weir_parcel *parcel);

/* The first half of that, for a stream of another loop's whose owner does not touch it, but to
 * watch, until it closes it; what is left to it is not the connection. Fails: -errno, and nothing
 * has changed. Thread: any, with what keeps the owner away. */
int weir_stream_lift(struct weir_stream *stream, struct weir_parcel *parcel);

#endif
