#include "weir/upstream/learn.h"

enum {
    SAME_EVENT_MS = 200,  /* closes within this time from the first are one event */
    GROWTH_MS = 60000,    /* an observed time-out grows by a tenth in this time */
    MARGIN_MS_MAX = 1000, /* a tenth of the time-out, but no more than this, */
    MARGIN_MS_MIN = 10,   /* and no less, comes on top of two round trips */
    ASK_AGAIN = 64,       /* one connection in so many is kept beyond what was learned */
    AT_ONCE_MS = 100,     /* idle for less: closed for the count of requests, not for the time */
};

const char *weir_unkept_text(enum weir_unkept_reason reason)
{
    static const char *const texts[] = {
#define TEXT(name, text) text,
        WEIR_UNKEPT_REASONS(TEXT)
#undef TEXT
    };
    return texts[reason];
}

const char *weir_learned_from_name(enum weir_learned_from from)
{
    static const char *const names[] = {"config", "header", "observation"};
    return names[from];
}

void weir_lesson_init(struct weir_lesson *lesson)
{
    *lesson = (struct weir_lesson){.n_ages = 0};
    pthread_mutex_init(&lesson->lock, NULL);
}

void weir_lesson_fini(struct weir_lesson *lesson)
{
    pthread_mutex_destroy(&lesson->lock);
}

struct weir_keep_alive_field weir_keep_alive_read(struct weir_slice value)
{
    static const struct weir_slice timeout = WEIR_SLICE("timeout="), max = WEIR_SLICE("max=");
    struct weir_keep_alive_field field = {.timeout_ms = 0};
    struct weir_slice element;
    uint64_t number;

    while (weir_slice_next_element(&value, &element)) {
        bool is_timeout = weir_slice_has_prefix_like(element, timeout.data);
        bool is_max = weir_slice_has_prefix_like(element, max.data);
        size_t skip = is_timeout ? timeout.len : max.len;

        if ((!is_timeout && !is_max) ||
            !weir_slice_to_number(weir_slice_make(element.data + skip, element.len - skip),
                                  &number) ||
            number > UINT32_MAX)
            continue;
        if (is_timeout)
            field.timeout_ms = number * 1000;
        field.has_max |= is_max;
        if (is_max)
            field.max = number;
    }
    return field;
}

static void learn_idle(struct weir_lesson *lesson, uint64_t idle_ms, enum weir_learned_from from,
                       uint64_t now_ms)
{
    atomic_store(&lesson->shared.from, from);
    atomic_store(&lesson->shared.learned_ms, now_ms);
    atomic_store(&lesson->shared.idle_ms, idle_ms);
}

void weir_lesson_announced(struct weir_lesson *lesson, uint64_t timeout_ms, uint64_t now_ms)
{
    bool is_known = atomic_load_explicit(&lesson->shared.idle_ms, memory_order_relaxed) ==
                        timeout_ms &&
                    atomic_load_explicit(&lesson->shared.from, memory_order_relaxed) ==
                        WEIR_LEARNED_HEADER;

    if (timeout_ms == 0 || is_known)
        return;
    pthread_mutex_lock(&lesson->lock);
    learn_idle(lesson, timeout_ms, WEIR_LEARNED_HEADER, now_ms);
    pthread_mutex_unlock(&lesson->lock);
}

void weir_lesson_announced_requests(struct weir_lesson *lesson, uint64_t requests, uint64_t max)
{
    if (atomic_load_explicit(&lesson->shared.announced, memory_order_relaxed) != requests + max)
        atomic_store_explicit(&lesson->shared.announced, requests + max, memory_order_relaxed);
}

static void remember_locked(struct weir_lesson *lesson, uint64_t idle_ms, uint64_t requests)
{
    for (unsigned i = WEIR_LESSON_AGES - 1; i > 0; i--) {
        lesson->ages_ms[i] = lesson->ages_ms[i - 1];
        lesson->requests[i] = lesson->requests[i - 1];
    }
    lesson->ages_ms[0] = idle_ms;
    lesson->requests[0] = requests;
    if (lesson->n_ages < WEIR_LESSON_AGES)
        lesson->n_ages++;
}

/* Do the two newest ages agree? *ms is then the smaller. */
static bool ages_agree_locked(const struct weir_lesson *lesson, uint64_t *ms)
{
    uint64_t a = lesson->ages_ms[0], b = lesson->ages_ms[1];
    uint64_t low = a < b ? a : b, high = a < b ? b : a;

    *ms = low;
    return lesson->n_ages >= 2 && low >= AT_ONCE_MS && high - low <= high / 10;
}

/* Were the newest all closed at once, after the same number of requests? */
static bool requests_agree_locked(const struct weir_lesson *lesson)
{
    for (unsigned i = 0; i < WEIR_LESSON_AGES; i++) {
        if (i >= lesson->n_ages || lesson->ages_ms[i] >= AT_ONCE_MS ||
            lesson->requests[i] != lesson->requests[0])
            return false;
    }
    return true;
}

void weir_lesson_closed_idle(struct weir_lesson *lesson, uint64_t idle_ms, uint64_t requests,
                             uint64_t now_ms)
{
    uint64_t agreed_ms, known_ms;

    pthread_mutex_lock(&lesson->lock);
    /* Workers' clocks are those of their loops: NOW may lie a little before what another has seen.
     */
    bool is_same_event = lesson->n_ages > 0 && now_ms < lesson->seen_ms + SAME_EVENT_MS &&
                         (idle_ms >= AT_ONCE_MS || lesson->ages_ms[0] >= AT_ONCE_MS);
    if (is_same_event) {
        if (idle_ms < lesson->ages_ms[0])
            lesson->ages_ms[0] = idle_ms;
        goto out;
    }
    lesson->seen_ms = now_ms;
    remember_locked(lesson, idle_ms, requests);
    known_ms = atomic_load(&lesson->shared.idle_ms);
    if (ages_agree_locked(lesson, &agreed_ms))
        learn_idle(lesson, agreed_ms, WEIR_LEARNED_OBSERVATION, now_ms);
    else if (known_ms > 0 && idle_ms >= AT_ONCE_MS && idle_ms < known_ms &&
             atomic_load(&lesson->shared.from) == WEIR_LEARNED_OBSERVATION &&
             idle_ms >= known_ms - known_ms / 4)
        learn_idle(lesson, idle_ms, WEIR_LEARNED_OBSERVATION, now_ms);
    if (requests_agree_locked(lesson))
        atomic_store(&lesson->shared.requests, requests);
    else if (requests > atomic_load(&lesson->shared.requests))
        atomic_store(&lesson->shared.requests, 0);
out:
    pthread_mutex_unlock(&lesson->lock);
}

void weir_lesson_answered(struct weir_lesson *lesson, enum weir_unkept_reason reason)
{
    uint32_t n = atomic_load_explicit(&lesson->shared.n_unkept, memory_order_relaxed);

    /* On the path of a request: nothing is written when nothing changes. */
    if (reason == WEIR_UNKEPT_NONE) {
        if (n > 0)
            atomic_store_explicit(&lesson->shared.n_unkept, 0, memory_order_relaxed);
        return;
    }
    if (n < 3)
        atomic_store_explicit(&lesson->shared.n_unkept, n + 1, memory_order_relaxed);
    if (atomic_load_explicit(&lesson->shared.unkept, memory_order_relaxed) != reason)
        atomic_store_explicit(&lesson->shared.unkept, reason, memory_order_relaxed);
}

void weir_lesson_connected(struct weir_lesson *lesson, uint64_t us)
{
    uint64_t best = atomic_load_explicit(&lesson->shared.connect_us, memory_order_relaxed);

    if (best == 0 || us < best)
        atomic_store_explicit(&lesson->shared.connect_us, us > 0 ? us : 1, memory_order_relaxed);
}

/* What is believed now: an observation grows with its age, an announcement does not. 0: nothing. */
static uint64_t believed_ms(const struct weir_lesson *lesson, uint64_t now_ms)
{
    uint64_t ms = atomic_load_explicit(&lesson->shared.idle_ms, memory_order_relaxed);
    uint64_t since_ms = atomic_load_explicit(&lesson->shared.learned_ms, memory_order_relaxed);

    if (ms == 0 || atomic_load_explicit(&lesson->shared.from, memory_order_relaxed) !=
                       WEIR_LEARNED_OBSERVATION)
        return ms;
    return ms + ms / 10 * ((now_ms > since_ms ? now_ms - since_ms : 0) / GROWTH_MS);
}

static uint64_t margin_ms(const struct weir_lesson *lesson, uint64_t idle_ms)
{
    uint64_t round_trips_ms = 2 * weir_lesson_round_trip_us(lesson) / 1000;
    uint64_t tenth_ms = idle_ms / 10;

    if (tenth_ms > MARGIN_MS_MAX)
        tenth_ms = MARGIN_MS_MAX;
    if (tenth_ms < MARGIN_MS_MIN)
        tenth_ms = MARGIN_MS_MIN;
    return tenth_ms + round_trips_ms;
}

uint64_t weir_lesson_idle_limit_ms(const struct weir_lesson *lesson, uint64_t configured_ms,
                                   uint64_t now_ms)
{
    uint64_t learned_ms = believed_ms(lesson, now_ms), margin;

    if (learned_ms == 0)
        return configured_ms;
    margin = margin_ms(lesson, learned_ms);
    learned_ms = learned_ms > margin ? learned_ms - margin : 1;
    return configured_ms > 0 && configured_ms < learned_ms ? configured_ms : learned_ms;
}

bool weir_lesson_is_safe(const struct weir_lesson *lesson, uint64_t idle_ms, uint64_t now_ms)
{
    uint64_t learned_ms = believed_ms(lesson, now_ms);

    return learned_ms == 0 || idle_ms + 2 * margin_ms(lesson, learned_ms) < learned_ms;
}

void weir_lesson_carried(struct weir_lesson *lesson, uint64_t requests)
{
    uint64_t learned = atomic_load_explicit(&lesson->shared.requests, memory_order_relaxed);

    if (learned > 0 && requests > learned)
        atomic_store_explicit(&lesson->shared.requests, 0, memory_order_relaxed);
}

uint64_t weir_lesson_requests_limit(struct weir_lesson *lesson, uint64_t configured)
{
    uint64_t learned = atomic_load_explicit(&lesson->shared.requests, memory_order_relaxed);

    if (learned == 0)
        return configured;
    if (atomic_fetch_add_explicit(&lesson->shared.n_asked, 1, memory_order_relaxed) % ASK_AGAIN ==
        ASK_AGAIN - 1)
        return configured;
    return configured > 0 && configured < learned ? configured : learned;
}
