/* One TCP connection of a scripted client or a scripted origin: exact bytes out, exact bytes in.
 *
 * The socket is non-blocking with TCP_NODELAY; every wait ends the test when `t_timeout_ms()` is
 * over. Bytes that were read and not yet asked for stay in the connection, so the calls below can
 * be mixed. Connections live until the test ends; `t_close` ends one earlier. Thread: the test's
 * own. */
#ifndef WEIR_E2E_T_CONN_H
#define WEIR_E2E_T_CONN_H

#include "t_base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct t_conn;

/* How bytes travel otherwise than plainly: as recv(2) and send(2), with their errors, and what is
 * said before the end of what is sent. */
struct t_way {
    ssize_t (*receive)(struct t_conn *conn, void *data, size_t len);
    ssize_t (*send)(struct t_conn *conn, const void *data, size_t len);
    void (*conclude)(struct t_conn *conn);
};

struct t_conn {
    const struct t_way *way; /* null: plainly */
    void *way_data;
    int fd;           /* -1 once closed */
    const char *name; /* "client 1", "origin 2": for messages */
    char *in;         /* read from the socket, not yet consumed */
    size_t in_len;
    size_t in_size;
    uint64_t sent; /* bytes, in all */
    bool at_end;   /* the end of stream was read */
    int error;     /* the errno that reading ended with, or 0 */
};

/* Connects to 127.0.0.1:PORT, or to HOST (an IPv4 or IPv6 address). */
struct t_conn *t_connect(int port);
struct t_conn *t_connect_to(const char *host, int port);
#define t_connect(...) T_AT((t_connect)(__VA_ARGS__))
#define t_connect_to(...) T_AT((t_connect_to)(__VA_ARGS__))

/* The same with a receive buffer of about BYTES (SO_RCVBUF, set before connecting): a client that
 * does not read then stops its sender soon. */
struct t_conn *t_connect_small(int port, int receive_bytes);
#define t_connect_small(...) T_AT((t_connect_small)(__VA_ARGS__))

/* Takes over a connected socket. */
struct t_conn *t_conn_adopt(int fd, const char *name);
#define t_conn_adopt(...) T_AT((t_conn_adopt)(__VA_ARGS__))

/* Sends all of it. Fails: the test, when the peer is gone or does not read in time. */
void t_send(struct t_conn *conn, const char *text);
void t_send_bytes(struct t_conn *conn, const void *data, size_t len);
void t_sendf(struct t_conn *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define t_send(...) T_AT((t_send)(__VA_ARGS__))
#define t_send_bytes(...) T_AT((t_send_bytes)(__VA_ARGS__))
#define t_sendf(...) T_AT((t_sendf)(__VA_ARGS__))

/* The same for a peer that may be gone already. Returns false when it is. */
bool t_try_send(struct t_conn *conn, const void *data, size_t len);
#define t_try_send(...) T_AT((t_try_send)(__VA_ARGS__))

/* Sends it PIECE bytes at a time, each after the peer's process has read the one before (as the
 * kernel's socket table shows), so that the peer does see it in pieces: 1 is byte by byte. Ends
 * early, without failing, when the peer closes. The peer must be on this host. */
void t_send_in_pieces(struct t_conn *conn, const void *data, size_t len, size_t piece);
#define t_send_in_pieces(...) T_AT((t_send_in_pieces)(__VA_ARGS__))

/* Sends LEN bytes of the pattern (t_base.h) from OFFSET on, never holding them all. */
void t_send_pattern(struct t_conn *conn, uint64_t len, uint64_t offset);
#define t_send_pattern(...) T_AT((t_send_pattern)(__VA_ARGS__))

/* Sends as much as the kernel takes at once: SIZE bytes of DATA, over and over, from byte *AT of
 * all that was sent so on, up to MAX in all. Returns whether it takes no more for now; false: all
 * was sent, or the peer is gone. */
bool t_send_until_full(struct t_conn *conn, const void *data, size_t size, uint64_t *at,
                       uint64_t max);
#define t_send_until_full(...) T_AT((t_send_until_full)(__VA_ARGS__))

/* Does what the kernel holds wait for nothing but the peer's reading? All that the peer's window
 * let pass has been acknowledged, and there is more. */
bool t_is_held_back(const struct t_conn *conn);

/* Waits until the peer's process has read everything that was sent. The peer must be on this host.
 */
void t_await_read_by_peer(struct t_conn *conn);
#define t_await_read_by_peer(...) T_AT((t_await_read_by_peer)(__VA_ARGS__))

/* Fails unless exactly these bytes come next. */
void t_expect(struct t_conn *conn, const char *text);
void t_expect_bytes(struct t_conn *conn, const void *data, size_t len);
void t_expectf(struct t_conn *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
void t_expect_pattern(struct t_conn *conn, uint64_t len, uint64_t offset);
#define t_expect(...) T_AT((t_expect)(__VA_ARGS__))
#define t_expect_bytes(...) T_AT((t_expect_bytes)(__VA_ARGS__))
#define t_expectf(...) T_AT((t_expectf)(__VA_ARGS__))
#define t_expect_pattern(...) T_AT((t_expect_pattern)(__VA_ARGS__))

/* Reads up to and including MARK; returns what was read, terminated by NUL. */
char *t_read_until(struct t_conn *conn, const char *mark);
#define t_read_until(...) T_AT((t_read_until)(__VA_ARGS__))

/* Reads exactly LEN bytes. */
char *t_read_exactly(struct t_conn *conn, size_t len);
#define t_read_exactly(...) T_AT((t_read_exactly)(__VA_ARGS__))

/* Reads until the end of stream, which must be an orderly one; *LEN (may be null) gets the count.
 */
char *t_read_to_end(struct t_conn *conn, size_t *len);
#define t_read_to_end(...) T_AT((t_read_to_end)(__VA_ARGS__))

/* Reads whatever comes until the connection ends, orderly or by a reset: for answers that are cut
 * short. */
char *t_read_to_any_end(struct t_conn *conn, size_t *len);
#define t_read_to_any_end(...) T_AT((t_read_to_any_end)(__VA_ARGS__))

/* Fail unless the next thing that happens is: the end of stream (a FIN), a reset, either. */
void t_expect_end(struct t_conn *conn);
void t_expect_reset(struct t_conn *conn);
void t_expect_any_end(struct t_conn *conn);
#define t_expect_end(...) T_AT((t_expect_end)(__VA_ARGS__))
#define t_expect_reset(...) T_AT((t_expect_reset)(__VA_ARGS__))
#define t_expect_any_end(...) T_AT((t_expect_any_end)(__VA_ARGS__))

/* Fails if a byte or an end arrives within MS. The last resort, since it can only wait: better make
 * the peer do a later thing that can be seen, then show that the earlier one did not happen. */
void t_expect_quiet(struct t_conn *conn, int ms);
#define t_expect_quiet(...) T_AT((t_expect_quiet)(__VA_ARGS__))

/* Shuts down the sending side only. */
void t_half_close(struct t_conn *conn);
#define t_half_close(...) T_AT((t_half_close)(__VA_ARGS__))

/* Closes: `t_close` with a FIN (the kernel resets if bytes were left unread in the socket),
 * `t_reset` with a reset. Closing twice is allowed. */
void t_close(struct t_conn *conn);
void t_reset(struct t_conn *conn);

/* Reads what is there now, without waiting. Returns false when there was nothing. */
bool t_conn_poll(struct t_conn *conn);

/* The connection's own port, and its peer's. */
int t_conn_port(const struct t_conn *conn);
int t_conn_peer_port(const struct t_conn *conn);

#endif
