/* May a request be sent again? INTERFACE.md, "When a request is sent again". Pure. */
#ifndef WEIR_PROXY_RETRY_H
#define WEIR_PROXY_RETRY_H

#include <stdbool.h>
#include <stdint.h>

struct weir_retry_facts {
    bool is_connection_failure; /* not a time-out and not a bad answer */
    bool answer_started;        /* a byte of the answer has arrived */
    bool is_replayable;         /* all that was sent of the body is still here */
    bool is_repeatable;         /* idempotent by method, or an Idempotency-Key says so */
    bool is_reused;             /* the connection had been kept before: weir_upconn_was_kept */
    bool evidence_allowed;      /* retry.non_idempotent is `evidence` */
    bool ended_by_fin;          /* the stream ended, it was not reset */
    bool acked_known;
    /* Bytes as they travel, with the records of TLS: */
    uint64_t acked;          /* acknowledged by the server's kernel, all requests together */
    uint64_t written_before; /* written on the connection before this request */
    uint64_t written;        /* since then */
    uint64_t attempts, attempts_max; /* retries so far; how many there may be */
};

/* Why it may: the words of the log. */
enum weir_retry {
    WEIR_RETRY_NEVER,
    WEIR_RETRY_UNWRITTEN,  /* not one byte of it was written */
    WEIR_RETRY_REPEATABLE, /* doing it twice is as good as once */
    WEIR_RETRY_EVIDENCE    /* the server had closed before the request reached it */
};

enum weir_retry weir_retry_decide(const struct weir_retry_facts *facts);

/* Is a retry one more request for the server, to be paid for from the budget? Not where nothing of
 * this one reached it before it closed a reused connection: many may end at one moment. The next
 * attempt goes out on a fresh connection, so a request has one such retry at the most. */
bool weir_retry_is_charged(const struct weir_retry_facts *facts);

#endif
