#include "weir/upstream/health.h"

/* From now on the server is given load again. */
static void begin_return(struct weir_health *health, uint32_t ended, uint64_t now_ms)
{
    atomic_store(&health->since_ms, now_ms);
    atomic_fetch_or(&health->troubles, WEIR_HEALTH_RETURNING);
    atomic_fetch_and(&health->troubles, ~ended);
}

static uint64_t returning_ms(const struct weir_health *health, uint64_t now_ms)
{
    uint64_t since_ms = atomic_load(&health->since_ms);

    return now_ms > since_ms ? now_ms - since_ms : 0;
}

bool weir_health_is_well(struct weir_health *health, uint64_t now_ms)
{
    uint32_t troubles = atomic_load(&health->troubles);

    if (troubles & WEIR_HEALTH_EJECTED && now_ms >= atomic_load(&health->until_ms)) {
        begin_return(health, WEIR_HEALTH_EJECTED, now_ms);
        troubles &= ~(uint32_t)WEIR_HEALTH_EJECTED;
    } else if (troubles == WEIR_HEALTH_RETURNING &&
               returning_ms(health, now_ms) >= WEIR_HEALTH_RETURN_MS) {
        atomic_fetch_and(&health->troubles, ~(uint32_t)WEIR_HEALTH_RETURNING);
        atomic_store(&health->ejections, 0);
    }
    return (troubles & (WEIR_HEALTH_DOWN | WEIR_HEALTH_EJECTED)) == 0;
}

unsigned weir_health_share(const struct weir_health *health, uint64_t now_ms)
{
    uint64_t passed_ms;

    if (!(atomic_load_explicit(&health->troubles, memory_order_relaxed) & WEIR_HEALTH_RETURNING))
        return 100;
    passed_ms = returning_ms(health, now_ms);
    if (passed_ms >= WEIR_HEALTH_RETURN_MS)
        return 100;
    return (unsigned)(WEIR_HEALTH_SHARE_AT_FIRST +
                      (100 - WEIR_HEALTH_SHARE_AT_FIRST) * passed_ms / WEIR_HEALTH_RETURN_MS);
}

bool weir_health_failed(struct weir_health *health, uint64_t failures_max, uint64_t eject_ms,
                        uint64_t now_ms, uint64_t *for_ms)
{
    uint32_t failures = atomic_fetch_add(&health->failures, 1) + 1;
    uint32_t troubles = atomic_load(&health->troubles), doublings;

    if (failures_max == 0 || troubles & WEIR_HEALTH_EJECTED ||
        (failures < failures_max && !(troubles & WEIR_HEALTH_RETURNING)))
        return false;
    doublings = atomic_load(&health->ejections);
    if (doublings > WEIR_HEALTH_DOUBLINGS_MAX)
        doublings = WEIR_HEALTH_DOUBLINGS_MAX;
    *for_ms = eject_ms << doublings;
    atomic_store(&health->since_ms, now_ms);
    atomic_store(&health->until_ms, now_ms + *for_ms);
    /* Another worker may have been quicker. */
    if (atomic_fetch_or(&health->troubles, WEIR_HEALTH_EJECTED) & WEIR_HEALTH_EJECTED)
        return false;
    atomic_fetch_and(&health->troubles, ~(uint32_t)WEIR_HEALTH_RETURNING);
    atomic_fetch_add(&health->ejections, 1);
    return true;
}

bool weir_health_succeeded_slowly(struct weir_health *health, uint64_t sent_ms, uint64_t now_ms)
{
    atomic_store(&health->failures, 0);
    /* What was under way already when it was ejected says nothing new. */
    if (!(atomic_load(&health->troubles) & WEIR_HEALTH_EJECTED) ||
        sent_ms < atomic_load(&health->since_ms))
        return false;
    begin_return(health, WEIR_HEALTH_EJECTED, now_ms);
    return true;
}

bool weir_health_probed(struct weir_health *health, bool is_good, uint64_t rise, uint64_t fall,
                        uint64_t now_ms)
{
    bool is_down = weir_health_is_down(health);

    health->goods = is_good ? health->goods + 1 : 0;
    health->bads = is_good ? 0 : health->bads + 1;
    if (!is_down && health->bads >= fall) {
        atomic_fetch_or(&health->troubles, WEIR_HEALTH_DOWN);
        return true;
    }
    if (is_down && health->goods >= rise) {
        begin_return(health, WEIR_HEALTH_DOWN, now_ms);
        return true;
    }
    return false;
}

void weir_health_unprobed(struct weir_health *health)
{
    health->goods = health->bads = 0;
    atomic_fetch_and(&health->troubles, ~(uint32_t)WEIR_HEALTH_DOWN);
}
