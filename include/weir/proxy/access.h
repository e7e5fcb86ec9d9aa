/* What an exchange remembers for its line in the access log, and the line itself. Everything here
 * but the two plain members is filled in only where its generation has an access log.
 *
 * Thread: the exchange's worker. */
#ifndef WEIR_PROXY_ACCESS_H
#define WEIR_PROXY_ACCESS_H

#include "weir/base/error.h"
#include "weir/net/loop.h"
#include "weir/proxy/record.h"

struct weir_client;
struct weir_exchange;
struct weir_upconn;

/* Embedded in an exchange. All zero at its beginning. Times are the loop's, in microseconds. */
struct weir_access {
    unsigned status;        /* of the final answer, whether it was sent or not; 0: none */
    enum weir_error reason; /* the first that was found; weir_exchange_blame */
    bool has_asked;         /* for a connection */
    bool is_reused;
    uint64_t begun_us, asked_us, first_byte_us;
    uint64_t queue_us, connect_us;
    uint64_t age_ms, requests; /* of the connection, when it was got */
    uint64_t out_before;       /* what the client was sent before */
    size_t own_content;        /* of weir's own answer */
};

/* One worker's: turns the loop's time into that of the calendar. All zero at first. */
struct weir_access_clock {
    struct weir_record_clock record;
    uint64_t offset_us;  /* the calendar's less the loop's */
    uint64_t checked_ms; /* when that was found; 0: never. Again after a second */
};

/* The exchange begins; asks for a connection; has it, and is the next request on it; has given the
 * wish up (IS_CONNECTING: while a connection was being made). */
void weir_access_begin(struct weir_exchange *x);
void weir_access_ask(struct weir_exchange *x);
void weir_access_get(struct weir_exchange *x, const struct weir_upconn *upconn);
void weir_access_give_up(struct weir_exchange *x, bool is_connecting);

/* Puts the line into the generation's spool. The request's head must still be in its block. */
void weir_access_end(struct weir_exchange *x);

/* The line of a client that was answered without an exchange. */
void weir_access_refuse(struct weir_client *client, enum weir_error error, size_t content);

#endif
