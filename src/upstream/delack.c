/* weir_delack_next makes all transitions. */
#include "weir/upstream/delack.h"

/* How long Linux delays an acknowledgement (net/ipv4/tcp_output.c, tcp_send_delayed_ack): for
 * icsk_ack.ato, which is TCP_ATO_MIN, 40 ms, after each one that was sent late, and grows with the
 * time between segments; but never for longer than the measured round trip, where that is more than
 * TCP_DELACK_MIN, 40 ms, nor than TCP_DELACK_MAX, 200 ms. So it is 40 ms unless the server is far
 * away. The timer counts in ticks (1 to 10 ms) and both ends of a gap are seen by a loop that may
 * be busy. */
enum {
    DELACK_MIN_MS = 40,
    DELACK_MAX_MS = 200,
    EARLY_MS = 5,
    BUSY_MS = 20,
};

enum {
    LATE_ENOUGH = 3,   /* late answers, of the last eight, that are a sign */
    PROMPT_ENOUGH = 5, /* prompt ones in a trial that prove the point */
    TEST_EACH = 1024,  /* answers from one test to the next */
    TEST_ANSWERS = 8,  /* prompt ones in a test that end it */
    RETRY_FIRST = 64,  /* late answers after which what was refuted is tried again; */
    PATIENCE_MAX = 6,  /* this often doubled */
    PARTS_MAX = 8,     /* looked at in one answer: what follows is bulk, or a stream of events */
    MS_IN_US = 1000,
};

bool weir_delack_is_late(uint64_t gap_ms)
{
    return gap_ms >= DELACK_MIN_MS - EARLY_MS;
}

bool weir_delack_is_slow(uint64_t gap_ms, uint64_t round_trip_us)
{
    uint64_t round_trip_ms = round_trip_us / MS_IN_US, delay_ms = round_trip_ms;

    if (delay_ms < DELACK_MIN_MS)
        delay_ms = DELACK_MIN_MS;
    if (delay_ms > DELACK_MAX_MS)
        delay_ms = DELACK_MAX_MS;
    return gap_ms > delay_ms + round_trip_ms + BUSY_MS;
}

static struct weir_delack_state become(struct weir_delack_state state, enum weir_delack_mode mode)
{
    return (struct weir_delack_state){.mode = (uint8_t)mode, .patience = state.patience};
}

static bool is_sign(uint8_t late)
{
    return __builtin_popcount(late) >= LATE_ENOUGH;
}

static struct weir_delack_state refute(struct weir_delack_state state)
{
    if (state.patience < PATIENCE_MAX)
        state.patience++;
    return become(state, WEIR_DELACK_REFUTED);
}

static struct weir_delack_state next_in_test(struct weir_delack_state state, bool was_late)
{
    if (was_late) {
        state.patience = 0;
        return become(state, WEIR_DELACK_ON);
    }
    return ++state.prompt < TEST_ANSWERS ? state : become(state, WEIR_DELACK_OFF);
}

struct weir_delack_state weir_delack_next(struct weir_delack_state state,
                                          enum weir_delack_seen seen)
{
    bool was_late = seen == WEIR_DELACK_LATE || seen == WEIR_DELACK_ACKED_LATE;
    bool was_acked = seen == WEIR_DELACK_ACKED_PROMPT || seen == WEIR_DELACK_ACKED_LATE;
    bool acks = state.mode == WEIR_DELACK_TRIAL || state.mode == WEIR_DELACK_ON;

    /* It began before the mode did. */
    if (was_acked != acks)
        return state;
    state.late = (uint8_t)(state.late << 1 | was_late);
    switch (state.mode) {
    case WEIR_DELACK_OFF:
        return is_sign(state.late) ? become(state, WEIR_DELACK_TRIAL) : state;
    case WEIR_DELACK_TRIAL:
        if (is_sign(state.late))
            return refute(state);
        state.prompt += !was_late;
        return state.prompt < PROMPT_ENOUGH ? state : become(state, WEIR_DELACK_ON);
    case WEIR_DELACK_ON:
        if (is_sign(state.late))
            return refute(state);
        return ++state.answers < TEST_EACH ? state : become(state, WEIR_DELACK_TEST);
    case WEIR_DELACK_TEST:
        return next_in_test(state, was_late);
    default:
        state.late = 0;
        state.answers += was_late;
        return state.answers < (uint32_t)RETRY_FIRST << (state.patience - 1)
                   ? state
                   : become(state, WEIR_DELACK_TRIAL);
    }
}

bool weir_delack_await(struct weir_delack *delack, struct weir_delack_answer *answer,
                       uint64_t now_ms)
{
    if (answer->n_parts == PARTS_MAX)
        return false;
    if (answer->n_parts++ == 0) {
        enum weir_delack_mode mode =
            (enum weir_delack_mode)atomic_load_explicit(&delack->state, memory_order_relaxed).mode;
        answer->is_acked = mode == WEIR_DELACK_TRIAL || mode == WEIR_DELACK_ON;
    }
    answer->since_ms = now_ms;
    return answer->is_acked;
}

void weir_delack_came(struct weir_delack_answer *answer, uint64_t round_trip_us, uint64_t now_ms)
{
    uint64_t gap_ms = now_ms - answer->since_ms;

    if (answer->since_ms == 0)
        return;
    answer->since_ms = 0;
    if (!weir_delack_is_late(gap_ms))
        return;
    if (weir_delack_is_slow(gap_ms, round_trip_us))
        answer->was_slow = true;
    else
        answer->was_late = true;
}

void weir_delack_learn(struct weir_delack *delack, const struct weir_delack_answer *answer)
{
    struct weir_delack_state state, next;

    if (answer->n_parts == 0 || (answer->was_slow && !answer->was_late))
        return;
    state = atomic_load_explicit(&delack->state, memory_order_relaxed);
    next = weir_delack_next(
        state, answer->is_acked
                   ? (answer->was_late ? WEIR_DELACK_ACKED_LATE : WEIR_DELACK_ACKED_PROMPT)
                   : (answer->was_late ? WEIR_DELACK_LATE : WEIR_DELACK_PROMPT));
    /* On the path of a request: nothing is written when nothing changes. */
    if (next.mode == state.mode && next.late == state.late && next.prompt == state.prompt &&
        next.answers == state.answers)
        return;
    atomic_compare_exchange_strong_explicit(&delack->state, &state, next, memory_order_relaxed,
                                            memory_order_relaxed);
}

bool weir_delack_is_learned(const struct weir_delack *delack)
{
    uint8_t mode = atomic_load_explicit(&delack->state, memory_order_relaxed).mode;

    return mode == WEIR_DELACK_ON || mode == WEIR_DELACK_TEST;
}
