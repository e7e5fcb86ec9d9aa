/* A client connection.
 *
 *      GREETING ──▶ IDLE ◀──▶ ACTIVE        each ──▶ CLOSING
 *
 * GREETING: what comes before the first request is under way (greet.h); a plain listener's client
 * has nothing of the kind, and is IDLE at once. IDLE: no byte of a request is here. ACTIVE: an
 * exchange is. CLOSING: answered for the last time; what still comes is read and dropped for a
 * while, lest unread bytes turn the close into a reset that kills the answer (RFC 9112
 * section 9.6).
 *
 * Thread: its worker's. Owned by the traffic; memory goes in the stream's on_closed. */
#ifndef WEIR_PROXY_CLIENT_H
#define WEIR_PROXY_CLIENT_H

#include "weir/net/stream.h"
#include "weir/proxy/traffic.h"

#include <netinet/in.h>

#define WEIR_CLIENT_STATES(X) X(GREETING) X(IDLE) X(ACTIVE) X(CLOSING)

enum weir_client_state {
#define WEIR_CLIENT_ROW(name) WEIR_CLIENT_##name,
    WEIR_CLIENT_STATES(WEIR_CLIENT_ROW)
#undef WEIR_CLIENT_ROW
        WEIR_CLIENT_STATE_COUNT
};

/* A buffer: the bytes in [at, end) have not been understood yet. */
struct weir_buffer {
    struct weir_block *block; /* NULL while there are none */
    uint32_t at, end;
};

/* How the connection goes on after the exchange. */
enum weir_client_end {
    WEIR_END_KEEP,   /* the next request may come */
    WEIR_END_CLOSE,  /* the client said so: nothing of it should be on its way */
    WEIR_END_LOOK,   /* the same, but something may be, which is worth a look */
    WEIR_END_LINGER, /* the client may still be sending */
    WEIR_END_BREAK,  /* the answer is not whole, and that must show */
    WEIR_END_RESET   /* nobody is there to read on */
};

struct weir_client {
    enum weir_client_state state;
    bool is_counted; /* in the listener's table of peers */
    bool is_refused; /* not admitted by the listener */
    bool is_running; /* weir_client_run is on the stack */
    bool has_ended;  /* the client's FIN is here */
    bool lingers;    /* more of it may come: its time to close first is no end without lingering */
    bool is_untold;  /* it is behind PEER, which could not tell who it is */
    bool owes_end;   /* CLOSING, and the client's socket has no room yet to say so */
    uint8_t greeted; /* steps of the greeting that are behind it */
    uint32_t requests;
    uint64_t bytes_out;
    struct weir_traffic *traffic;
    struct weir_listener *listener;
    struct weir_exchange *exchange; /* while ACTIVE */
    struct weir_buffer in;
    struct weir_deadline deadline;
    struct weir_deadline idle;       /* when to look for how long it has been IDLE, if it is, */
    uint64_t idle_since_ms;          /* since its last answer */
    struct weir_client *prev, *next; /* traffic->all */
    struct weir_client *line_prev, *line_next; /* traffic->line; NULL: not in it */
    /* Its address, by its PROXY header where there was one: a sockaddr_in6, a sockaddr_in, or only
     * a family. */
    struct sockaddr_in6 peer;
    struct sockaddr_in6 destination;  /* by that header; no family: the socket knows */
    struct weir_principal *principal; /* NULL: no server was told of it */
    struct weir_stream stream;
};

/* Reads what is there, as far as it goes: called when the client is new, readable, or free again.
 */
void weir_client_run(struct weir_client *client);

/* The greeting is complete: IDLE, and the first request may be here already. */
void weir_client_greeted(struct weir_client *client);

/* How long it has to close first, if its exchange is the last; 0: no time at all. */
uint64_t weir_client_grace_ms(const struct weir_client *client);

/* The exchange is over; the client has let go of it. */
void weir_client_exchange_done(struct weir_client *client, enum weir_client_end end);

/* Its traffic drains: it closes if it is idle. One whose greeting was TLS's has a moment for the
 * request that it was greeted for. */
void weir_client_drain(struct weir_client *client);

/* Ends the connection at once, with a reset if BROKEN. Idempotent. */
void weir_client_close(struct weir_client *client, bool broken);

/* An answer where there is no exchange to give it, and the end. */
void weir_client_refuse(struct weir_client *client, enum weir_error error);

/* Ends it so that what was written last arrives: reads and drops what still comes, for a while. */
void weir_client_linger(struct weir_client *client);

/* Is what it says of those before it believed? */
bool weir_client_is_trusted(const struct weir_client *client,
                            const struct weir_listener_plan *plan);

/* What servers with `send_proxy` are told of it. Fails: NULL, out of memory. */
struct weir_principal *weir_client_principal(struct weir_client *client);

void weir_client_address(const struct weir_client *client, struct weir_address *address);

/* The plan of its listener in the current generation, or NULL when that has left. */
static inline const struct weir_listener_plan *weir_client_plan(const struct weir_client *client)
{
    return client->listener->slots[client->traffic->worker].plan;
}

static inline struct weir_listener_counters *weir_client_counters(struct weir_client *client)
{
    return &client->listener->slots[client->traffic->worker].counters;
}

/* As weir_stream_read, weir_stream_write and weir_stream_write_last, counted. */
ssize_t weir_client_read(struct weir_client *client, char *data, size_t len);
ssize_t weir_client_write(struct weir_client *client, struct weir_gather *gather);
ssize_t weir_client_write_last(struct weir_client *client, struct weir_gather *gather);
/* As weir_pipe_fill and weir_pipe_drain, counted. */
ssize_t weir_client_splice_in(struct weir_client *client, struct weir_pipe *pipe, uint64_t max);
ssize_t weir_client_splice_out(struct weir_client *client, struct weir_pipe *pipe);

#endif
