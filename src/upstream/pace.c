#include "weir/upstream/pace.h"

enum {
    STEP_MS = 100,         /* between two, at most, and the pause after a first setback */
    PAUSE_MS_MAX = 30000,  /* and after many */
    OPENING_MAX = 4,       /* at once, while all goes well */
    SOON_MS = 5000,        /* a server that ends an unused one later than that is let do so */
    SETBACKS_COUNTED = 16, /* more of them change nothing */
};

bool weir_pace_wants(const struct weir_pace_facts *facts)
{
    unsigned opening_max = facts->failed > 0 ? 1 : OPENING_MAX;

    if (!facts->is_usable || facts->has_waiters || facts->opening >= opening_max)
        return false;
    if ((uint64_t)facts->idle + facts->opening >= facts->idle_min)
        return false;
    if (facts->connections_max > 0 && facts->connections >= facts->connections_max)
        return false;
    /* Whoever has the fewest opens the next. */
    return (uint64_t)facts->idle_here * facts->n_workers <= facts->idle;
}

uint64_t weir_pace_pause_ms(unsigned setbacks, uint32_t random)
{
    uint64_t pause_ms = STEP_MS, spread_ms;

    for (unsigned i = 1; i < setbacks && pause_ms < PAUSE_MS_MAX; i++)
        pause_ms *= 2;
    if (pause_ms > PAUSE_MS_MAX)
        pause_ms = PAUSE_MS_MAX;
    spread_ms = pause_ms / (setbacks > 0 ? 4 : 2);
    return pause_ms - random % (spread_ms + 1);
}

static unsigned setbacks(struct weir_pace *pace)
{
    unsigned failed = atomic_load(&pace->failed), wasted = atomic_load(&pace->wasted);
    return failed > wasted ? failed : wasted;
}

bool weir_pace_claim(struct weir_pace *pace, uint64_t now_ms, uint32_t random)
{
    uint64_t next_ms = atomic_load(&pace->next_ms);

    return now_ms >= next_ms &&
           atomic_compare_exchange_strong(&pace->next_ms, &next_ms,
                                          now_ms + weir_pace_pause_ms(setbacks(pace), random));
}

/* What fails while a setback is being waited out belongs to that. Returns how many there were. */
static unsigned set_back(struct weir_pace *pace, atomic_uint *count, uint64_t now_ms,
                         uint32_t random)
{
    unsigned before = atomic_load(count);
    uint64_t until_ms;

    if (before > 0 && now_ms < atomic_load(&pace->held_ms))
        return before;
    if (before < SETBACKS_COUNTED)
        before = atomic_fetch_add(count, 1);
    until_ms = now_ms + weir_pace_pause_ms(setbacks(pace), random);
    atomic_store(&pace->held_ms, until_ms);
    atomic_store(&pace->next_ms, until_ms);
    return before;
}

bool weir_pace_failed(struct weir_pace *pace, uint64_t now_ms, uint32_t random)
{
    return set_back(pace, &pace->failed, now_ms, random) == 0;
}

bool weir_pace_connected(struct weir_pace *pace, uint64_t now_ms)
{
    if (atomic_load_explicit(&pace->failed, memory_order_relaxed) == 0 ||
        atomic_exchange(&pace->failed, 0) == 0)
        return false;
    atomic_store(&pace->next_ms, now_ms);
    return true;
}

void weir_pace_unused(struct weir_pace *pace, uint64_t unused_ms, uint64_t now_ms, uint32_t random)
{
    if (unused_ms < SOON_MS)
        (void)set_back(pace, &pace->wasted, now_ms, random);
    else
        atomic_store(&pace->wasted, 0);
}

void weir_pace_used(struct weir_pace *pace)
{
    if (atomic_load_explicit(&pace->wasted, memory_order_relaxed) > 0)
        atomic_store(&pace->wasted, 0);
}
