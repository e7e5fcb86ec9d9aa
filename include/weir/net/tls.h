/* What a stream has beside its socket when its bytes travel as TLS. Streams alone call what stands
 * here, and `weir probe`, which has no loop; everybody else sees a stream (stream.h), and makes its
 * SSL from a context.
 *
 * Thread: its stream's. Owned by its stream, and moves with the connection from loop to loop. */
#ifndef WEIR_NET_TLS_H
#define WEIR_NET_TLS_H

#include "weir/net/loop.h"

#include <sys/types.h>

struct ssl_st;
struct ssl_ctx_st;
struct weir_gather;
struct weir_stream;

struct weir_tls {
    struct ssl_st *ssl;
    struct weir_stream *stream;
    int fd;
    bool holds_back;       /* what is written may wait for the FIN */
    bool socket_ended;     /* by the last read: a FIN */
    bool is_dry;           /* the socket had no more: what is buffered is no record yet */
    bool reads_by_writing; /* a read goes on once the socket can be written to */
    bool has_failed;       /* nothing may be said any more, not even goodbye */
    ssize_t write_error;   /* what ended writing, below zero; 0: nothing */
    bool owes_goodbye;     /* the socket had no room for it */
    const char *fault;     /* why, for people: static; NULL where an errno says it */
    struct weir_turn wake; /* for bytes that are here already, of which the kernel does not know */
};

/* Owns: SSL in any case. Fails: NULL, out of memory. */
struct weir_tls *weir_tls_create(struct ssl_st *ssl);
/* For the side that accepts. Fails: NULL, out of memory. */
struct weir_tls *weir_tls_create_accepting(struct ssl_ctx_st *context);
/* Says goodbye (close_notify) if it may and FINAL is not a reset. Nothing happens for NULL. */
void weir_tls_destroy(struct weir_tls *tls, bool with_goodbye);

/* The socket is FD from now on. Fails: false, out of memory. */
bool weir_tls_bind(struct weir_tls *tls, int fd);

/* What is written from now on may wait for the FIN, which is to follow (weir_stream_write_last). */
void weir_tls_hold_back(struct weir_tls *tls);

/* Bytes that the kernel has taken so far, as they travel: the measure of what it may acknowledge.
 */
uint64_t weir_tls_wire_out(const struct weir_tls *tls);

/* Was the peer to show a certificate, and is the one that it showed not accepted? */
bool weir_tls_is_untrusted(const struct weir_tls *tls);

/* Goes on with the handshake: 0 when it is complete, WEIR_STREAM_PAUSED with *wants (of WEIR_WANT_)
 * to wait for, or -errno: -EPROTO with `fault`, -EPROTOTYPE where what came was not even meant to
 * be TLS, -ECONNRESET where the peer has gone. */
int weir_tls_handshake(struct weir_tls *tls, unsigned *wants);

/* As the stream's. An end that the peer did not announce is WEIR_STREAM_CUT. */
ssize_t weir_tls_read(struct weir_tls *tls, char *data, size_t len, bool peek);
ssize_t weir_tls_write(struct weir_tls *tls, struct weir_gather *gather, struct weir_slab *blocks);

/* No more is written: close_notify. 0, or WEIR_STREAM_PAUSED: again when there is room for it. */
int weir_tls_shut(struct weir_tls *tls);

/* As the stream's. */
const char *weir_tls_version(const struct weir_tls *tls);
bool weir_tls_is_resumed(const struct weir_tls *tls);
bool weir_tls_subject(const struct weir_tls *tls, char *text, size_t size);

/* What this thread has done to OpenSSL's objects comes before what any thread does that passes here
 * later: to be passed before a reference is given up, and before the last one's memory is. OpenSSL
 * sees to that itself, by counts that ThreadSanitizer can't see; elsewhere this is nothing. */
void weir_tls_pass_order(void);

/* Are bytes here that the kernel does not tell of? */
bool weir_tls_has_pending(const struct weir_tls *tls);

#endif
