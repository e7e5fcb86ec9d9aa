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
    LATE_ENOUGH = 3,    /* late answers, of the last eight, that are a sign */
    PROMPT_ENOUGH = 5,  /* prompt ones in a trial that prove the point */
    TEST_EACH_S = 600,  /* from one test to the next; all that goes on at once is late in one */
    TEST_ANSWERS = 8,   /* prompt ones in a test that end it */
    RETRY_FIRST_S = 60, /* after which what was refuted is tried again; */
    PATIENCE_MAX = 7,   /* doubled so often, less one */
    PARTS_MAX = 8,      /* looked at in one answer: what follows is bulk, or a stream of events */
    MS_IN_US = 1000,
    S_IN_MS = 1000,
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

static bool is_sign(uint8_t late)
{
    return __builtin_popcount(late) >= LATE_ENOUGH;
}

/* The mode that the answer leads to; STATE has it in its counts. */
static enum weir_delack_mode next_mode(struct weir_delack_state state, bool was_late,
                                       uint32_t age_s)
{
    switch (state.mode) {
    case WEIR_DELACK_OFF:
        return is_sign(state.late) ? WEIR_DELACK_TRIAL : WEIR_DELACK_OFF;
    case WEIR_DELACK_TRIAL:
        if (is_sign(state.late))
            return WEIR_DELACK_REFUTED;
        return state.prompt < PROMPT_ENOUGH ? WEIR_DELACK_TRIAL : WEIR_DELACK_ON;
    case WEIR_DELACK_ON:
        if (is_sign(state.late))
            return WEIR_DELACK_REFUTED;
        return age_s < TEST_EACH_S ? WEIR_DELACK_ON : WEIR_DELACK_TEST;
    case WEIR_DELACK_TEST:
        if (was_late)
            return WEIR_DELACK_ON;
        return state.prompt < TEST_ANSWERS ? WEIR_DELACK_TEST : WEIR_DELACK_OFF;
    default:
        return was_late && age_s >= (uint32_t)RETRY_FIRST_S << (state.patience - 1)
                   ? WEIR_DELACK_TRIAL
                   : WEIR_DELACK_REFUTED;
    }
}

struct weir_delack_state weir_delack_next(struct weir_delack_state state,
                                          enum weir_delack_seen seen, uint32_t now_s)
{
    bool was_late = seen == WEIR_DELACK_LATE || seen == WEIR_DELACK_ACKED_LATE;
    bool was_acked = seen == WEIR_DELACK_ACKED_PROMPT || seen == WEIR_DELACK_ACKED_LATE;
    bool acks = state.mode == WEIR_DELACK_TRIAL || state.mode == WEIR_DELACK_ON;
    bool counts_prompt = state.mode == WEIR_DELACK_TRIAL || state.mode == WEIR_DELACK_TEST;
    enum weir_delack_mode mode;

    /* It began before the mode did. */
    if (was_acked != acks)
        return state;
    if (state.mode != WEIR_DELACK_REFUTED)
        state.late = (uint8_t)(state.late << 1 | was_late);
    if (counts_prompt && !was_late)
        state.prompt++;
    mode = next_mode(state, was_late, now_s - state.since_s);
    if (mode == state.mode)
        return state;
    if (state.mode == WEIR_DELACK_TEST && mode == WEIR_DELACK_ON)
        state.patience = 0;
    else if (mode == WEIR_DELACK_REFUTED && state.patience < PATIENCE_MAX)
        state.patience++;
    return (struct weir_delack_state){
        .mode = (uint8_t)mode, .patience = state.patience, .since_s = now_s};
}

bool weir_delack_await(struct weir_delack *delack, struct weir_delack_answer *answer,
                       uint64_t now_ms)
{
    if (answer->n_parts == PARTS_MAX)
        return false;
    if (answer->n_parts++ == 0) {
        struct weir_delack_state state = atomic_load_explicit(&delack->state, memory_order_relaxed);
        enum weir_delack_mode mode = (enum weir_delack_mode)state.mode;
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

void weir_delack_learn(struct weir_delack *delack, const struct weir_delack_answer *answer,
                       uint64_t now_ms)
{
    static const enum weir_delack_seen seen[2][2] = {
        {WEIR_DELACK_PROMPT, WEIR_DELACK_LATE},
        {WEIR_DELACK_ACKED_PROMPT, WEIR_DELACK_ACKED_LATE},
    };
    struct weir_delack_state state, next;

    if (answer->n_parts == 0 || (answer->was_slow && !answer->was_late))
        return;
    state = atomic_load_explicit(&delack->state, memory_order_relaxed);
    next = weir_delack_next(state, seen[answer->is_acked][answer->was_late],
                            (uint32_t)(now_ms / S_IN_MS));
    /* On the path of a request: nothing is written when nothing changes. */
    if (next.mode == state.mode && next.late == state.late && next.prompt == state.prompt)
        return;
    atomic_compare_exchange_strong_explicit(&delack->state, &state, next, memory_order_relaxed,
                                            memory_order_relaxed);
}

bool weir_delack_is_learned(const struct weir_delack *delack)
{
    struct weir_delack_state state = atomic_load_explicit(&delack->state, memory_order_relaxed);

    return state.mode == WEIR_DELACK_ON || state.mode == WEIR_DELACK_TEST;
}
