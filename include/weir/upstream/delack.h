/* Does a server wait for acknowledgements? One that writes an answer in several small pieces
 * without TCP_NODELAY does: Nagle's algorithm holds the second back until the first is
 * acknowledged, and the kernel here delays that by 40 ms on a connection where requests and answers
 * take turns. Such a server's gap is seen, acknowledging at once is tried, and kept if it helps.
 *
 *            late              prompt again
 *      OFF ────────▶ TRIAL ──────────────────▶ ON ◀────────────▶ TEST ───▶ OFF
 *                      │  ▲ late, much later   │  one answer late     prompt
 *           still late ▼  │                    │
 *                    REFUTED ◀─────────────────┘ late all the same
 *
 * Pure but for weir_delack itself; the clock is passed in. A weir_delack is shared by all workers;
 * an observation that meets another's at the same moment is lost.
 *
 * Source: RFC 896; RFC 9293 section 3.8.6.3; tcp(7), TCP_QUICKACK. */
#ifndef WEIR_UPSTREAM_DELACK_H
#define WEIR_UPSTREAM_DELACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define WEIR_DELACK_MODES(X)                                                                       \
    X(OFF)     /* nothing is known, the kernel acknowledges as it likes */                         \
    X(TRIAL)   /* acknowledged at once, to see whether that helps */                               \
    X(ON)      /* it helps */                                                                      \
    X(TEST)    /* it helped, and some answers go without it */                                     \
    X(REFUTED) /* it did not help: the server is slow by itself */

enum weir_delack_mode {
#define WEIR_DELACK_ROW(name) WEIR_DELACK_##name,
    WEIR_DELACK_MODES(WEIR_DELACK_ROW)
#undef WEIR_DELACK_ROW
};

/* What an answer showed that came in parts. */
enum weir_delack_seen {
    WEIR_DELACK_PROMPT,       /* its parts followed one another quickly */
    WEIR_DELACK_LATE,         /* one was late by what an acknowledgement is delayed */
    WEIR_DELACK_ACKED_PROMPT, /* the same where it was acknowledged at once */
    WEIR_DELACK_ACKED_LATE
};

/* Eight bytes without padding: compared and exchanged as a whole. */
struct weir_delack_state {
    uint8_t mode;     /* enum weir_delack_mode */
    uint8_t late;     /* of the last eight answers that count in this mode, newest in bit 0 */
    uint8_t patience; /* how often it was refuted, up to a limit */
    uint8_t prompt;   /* TRIAL, TEST: answers that were prompt */
    uint32_t since_s; /* when this mode began */
};

/* Owned by the server's lesson. All zero: nothing known. */
struct weir_delack {
    _Atomic struct weir_delack_state state;
};

/* What an exchange knows of its answer; all zero before the first part. Owned by the exchange. */
struct weir_delack_answer {
    uint64_t since_ms; /* when the part came behind which more is awaited; 0: none is */
    uint8_t n_parts;
    bool is_acked; /* parts are acknowledged at once */
    bool was_late; /* one came as late as if the acknowledgement had been delayed */
    bool was_slow; /* one came later than that: nothing follows from it */
};

/* What is known after this. Pure. */
struct weir_delack_state weir_delack_next(struct weir_delack_state state,
                                          enum weir_delack_seen seen, uint32_t now_s);

/* Is a gap as long as a delayed acknowledgement makes it, or longer still? Pure. */
bool weir_delack_is_late(uint64_t gap_ms);
bool weir_delack_is_slow(uint64_t gap_ms, uint64_t round_trip_us);

/* A read has emptied the socket and left the answer incomplete. True: acknowledge it now. */
bool weir_delack_await(struct weir_delack *delack, struct weir_delack_answer *answer,
                       uint64_t now_ms);

/* More of the answer has come. */
void weir_delack_came(struct weir_delack_answer *answer, uint64_t round_trip_us, uint64_t now_ms);

/* The answer is complete. Thread: any. */
void weir_delack_learn(struct weir_delack *delack, const struct weir_delack_answer *answer,
                       uint64_t now_ms);

/* Is it known to help? */
bool weir_delack_is_learned(const struct weir_delack *delack);

#endif
