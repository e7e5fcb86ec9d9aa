/* An exchange: one request and its response.
 *
 *      READING ──▶ ACQUIRING ──▶ RELAYING ──▶ TUNNELLING ──▶ FINISHED
 *         │            │ ▲           │
 *         │            │ └── retry ──┤
 *         └────────────┴──▶ REPLYING ┴──▶ FINISHED
 *
 * It has two sides, each HEAD → BODY → ENDED, or BROKEN. While the response side is in HEAD weir
 * may still retry or answer by itself; after it, never. TUNNELLING: the server has switched
 * protocols, and both sides begin anew with whatever comes (tunnel.h).
 *
 * Thread: its client's worker. Owned by its client; memory goes at the end of the turn in which it
 * finished. */
#ifndef WEIR_PROXY_EXCHANGE_H
#define WEIR_PROXY_EXCHANGE_H

#include "weir/proxy/access.h"
#include "weir/proxy/client.h"
#include "weir/proxy/flow.h"
#include "weir/proxy/forward.h"

#define WEIR_EXCHANGE_STATES(X)                                                                    \
    X(READING) X(ACQUIRING) X(RELAYING) X(TUNNELLING) X(REPLYING) X(FINISHED)

enum weir_exchange_state {
#define WEIR_EXCHANGE_ROW(name) WEIR_EXCHANGE_##name,
    WEIR_EXCHANGE_STATES(WEIR_EXCHANGE_ROW)
#undef WEIR_EXCHANGE_ROW
        WEIR_EXCHANGE_STATE_COUNT
};

struct weir_exchange {
    enum weir_exchange_state state;
    struct weir_client *client;
    struct weir_traffic *traffic; /* the client's, which may go before the exchange's memory */
    struct weir_generation *generation; /* by whose word it began, */
    const struct weir_listener_plan *plan;
    struct weir_generation *pool_generation; /* and by whose it asks for a connection */
    const struct weir_pool_plan *pool;       /* once routed */
    struct weir_upconn *upconn;              /* while RELAYING and TUNNELLING */
    struct weir_deadline deadline;
    enum weir_error deadline_error; /* what it means when the deadline expires */
    bool is_replayable;             /* all of the body that was sent is still in the buffer */
    bool answer_started;            /* a byte of the response is here */
    bool head_sent;                 /* the response's head is on its way: no other answer now */
    bool keeps_client;              /* by version, Connection and limits */
    bool is_understood;             /* the request's head is complete and its framing clear */
    bool was_continued;             /* the client was told 100 */
    bool was_reset;                 /* a write learned that the server's end was a reset */
    bool may_hold_more;             /* the server's socket, than was read last */
    bool writes_soon;               /* `write` is to run */
    bool is_poisoned;               /* the server spoke before the request had been sent */
    uint32_t attempts;              /* retries so far */
    uint32_t head_at, body_at;      /* in client->in: where the head and the body begin */
    uint64_t written_before; /* on the connection, until this request: weir_upconn_wire_out */
    uint64_t relayed_us;     /* when it got its connection */
    uint64_t announced_ms;   /* how long the server said that it keeps an idle connection */
    struct weir_delack_answer parts; /* the answer's */
    struct weir_buffer in;           /* the response's bytes */
    struct weir_task reap, write;
    struct weir_request request;
    struct weir_response response;
    struct weir_access access;
    struct weir_ticket ticket;
    /* What stands above begins as zero, up to the ticket's lists of servers. */
    struct weir_flow up, down;
    struct weir_head request_head;
    struct weir_head response_head;
    char request_id[WEIR_REQUEST_ID_MAX + 1]; /* once understood, where the listener needs it */
};

/* The client's buffer holds the first bytes of a request. Fails: NULL, out of memory. */
struct weir_exchange *weir_exchange_begin(struct weir_client *client);

/* The client's stream can be read or written, or has gone. */
void weir_exchange_on_client(struct weir_exchange *x, unsigned ready);

/* The client's deadline expired. */
void weir_exchange_on_client_late(struct weir_exchange *x);

/* Reads on in the request's head: from bytes in the client's buffer, then from its stream. */
void weir_exchange_read_head(struct weir_exchange *x);
/* The same, from its stream; and the first bytes of the body, which the exchange waits for. */
void weir_exchange_read_on(struct weir_exchange *x);
/* Those first bytes have not come in time. */
void weir_exchange_on_body_late(struct weir_exchange *x);

/* The request or the way to a server has failed: a retry, weir's own answer, or a visible break,
 * whichever is right. The exchange may be FINISHED afterwards. */
void weir_exchange_fail(struct weir_exchange *x, enum weir_error error);

/* Its traffic has a new generation. If it waits for a connection, it waits for one of that
 * generation's, in the same pool; all else stays as it began. The exchange may be FINISHED
 * afterwards. */
void weir_exchange_follow(struct weir_exchange *x);
/* Ends it and its client's connection as they are. */
void weir_exchange_abort(struct weir_exchange *x, enum weir_close_reason reason);

/* ---- Between the parts of the exchange (exchange.c, intake.c, request.c, response.c, tunnel.c,
 * failure.c). ---- */

void weir_exchange_become(struct weir_exchange *x, enum weir_exchange_state state);
void weir_exchange_acquire(struct weir_exchange *x);
void weir_exchange_count_answer(struct weir_exchange *x, unsigned status);
/* Parts with the connection, or with the wish for one: back to the pool (WEIR_CLOSED_NOT), or
 * closed. */
void weir_exchange_let_go(struct weir_exchange *x, enum weir_close_reason reason);
/* FINISHED; the client goes on as CLIENT_END says. No connection may be held any more. */
void weir_exchange_end(struct weir_exchange *x, enum weir_client_end client_end);
/* The server's part is done: its connection goes back to the pool, or ends. Idempotent. */
void weir_exchange_part(struct weir_exchange *x);
/* How the client's connection goes on once the answer, which is all here, is written. */
enum weir_client_end weir_exchange_client_end(struct weir_exchange *x);
/* Both sides have come to their end as far as they will. */
void weir_exchange_finish(struct weir_exchange *x);
/* Sets what the wait for the server means; OK waits for nothing. */
void weir_exchange_wait(struct weir_exchange *x, enum weir_error meaning);

/* What a request begins with, and an answer that is all here, is written at the end of the turn,
 * when all that has happened has been heard: docs/decisions/0014. */
void weir_exchange_write_soon(struct weir_exchange *x);

/* Moves the request on: to the upstream connection, from the client's buffer, from its stream. */
void weir_request_start(struct weir_exchange *x);
void weir_request_rewind(struct weir_exchange *x);
void weir_request_pump(struct weir_exchange *x);

/* The same for the response. */
void weir_response_pump(struct weir_exchange *x);
/* Writes the answer, which is all here, and finishes. */
void weir_response_write(struct weir_exchange *x);
void weir_response_clear(struct weir_exchange *x);

static inline struct weir_head_limits weir_exchange_limits(const struct weir_exchange *exchange)
{
    return (struct weir_head_limits){
        .bytes_max = (uint32_t)exchange->plan->config->header_bytes_max,
        .fields_max = (uint32_t)exchange->plan->config->headers_max};
}

/* "": it has none. */
static inline const char *weir_exchange_request_id(const struct weir_exchange *exchange)
{
    return exchange->is_understood && exchange->plan->config->needs_request_id
               ? exchange->request_id
               : "";
}

/* Has its generation an access log? */
static inline bool weir_exchange_is_logged(const struct weir_exchange *exchange)
{
    return exchange->generation->access_log != NULL;
}

/* Why it does not go as it should, for its line in the access log: what is found first. */
static inline void weir_exchange_blame(struct weir_exchange *exchange, enum weir_error reason)
{
    if (!exchange->access.reason)
        exchange->access.reason = reason;
}

static inline bool weir_exchange_is_over(const struct weir_exchange *exchange)
{
    return exchange->state == WEIR_EXCHANGE_FINISHED;
}

/* Is nothing of the request left with the client? */
static inline bool weir_exchange_request_is_read(const struct weir_exchange *exchange)
{
    return exchange->is_understood && weir_body_is_complete(&exchange->up.body);
}

static inline const char *weir_exchange_base(const struct weir_exchange *exchange)
{
    return exchange->client->in.block->data + exchange->head_at;
}

#endif
