/* An answer while it is being made: from a mood and a request, piece by piece. Knows no sockets. */
#ifndef WEIR_BENCH_ORIGIN_ANSWER_H
#define WEIR_BENCH_ORIGIN_ANSWER_H

#include "origin_mood.h"
#include "origin_out.h"
#include "origin_request.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What to do once the bytes made so far are written. */
enum origin_next {
    ORIGIN_NEXT_MORE,  /* ask for the next piece */
    ORIGIN_NEXT_PAUSE, /* the same, after `pause_ms` */
    ORIGIN_NEXT_BODY,  /* the same, when more of the request's body is there */
    ORIGIN_NEXT_KEEP,  /* the answer is complete: on to the next request */
    ORIGIN_NEXT_CLOSE, /* close with a FIN */
    ORIGIN_NEXT_RESET, /* close with a reset, once the peer has what was written */
};

enum origin_answer_step {
    ORIGIN_STEP_INTERIM,
    ORIGIN_STEP_DELAY,
    ORIGIN_STEP_HEAD,
    ORIGIN_STEP_HEAD_REST,
    ORIGIN_STEP_BODY,
    ORIGIN_STEP_END,
    ORIGIN_STEP_TALK,
    ORIGIN_STEP_OVER,
};

/* Reads from the request's body, for echo. Returns the payload's length, 0 at the end, -1 when
 * there is nothing now, -2 when the body is broken. */
typedef long origin_pull_fn(void *user, const char **payload, size_t max);

struct origin_answer {
    const struct origin_mood *mood;
    bool is_head; /* answers a HEAD request */
    bool is_echo;
    bool keeps;           /* the connection, once complete */
    bool says_keep_alive; /* in a Connection field */
    int framing;          /* the one used, enum origin_framing */
    enum origin_answer_step step;
    const char *text;    /* the body, or null for the pattern */
    uint64_t length;     /* of the body */
    uint64_t done;       /* of it */
    uint64_t piece_left; /* of the chunk, or of the piece between two pauses */
    uint64_t cut;        /* where fail=…_in_body ends it */
    size_t head_sent;    /* with head_delay: the first part */
    uint64_t served;     /* requests on this connection, this one included */
    uint64_t pause_ms;
    origin_pull_fn *pull;
    void *user;
};

/* Begins the answer to REQUEST. TEXT: the body instead of the mood's own, or null. */
void origin_answer_begin(struct origin_answer *answer, const struct origin_mood *mood,
                         const struct origin_request *request, const char *text, size_t text_len,
                         uint64_t served);

/* Appends the next piece to OUT. */
enum origin_next origin_answer_make(struct origin_answer *answer, struct origin_out *out);

/* Appends a whole answer that is not the mood's: an error of the caller's. Closes. */
void origin_answer_refuse(struct origin_out *out, const char *wrong);

#endif
