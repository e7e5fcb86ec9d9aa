/* What is believed of a server's health, from what becomes of requests (outlier ejection) and from
 * probes. Pure but for the health itself, which all workers share; the clock is passed in.
 *
 * A server in trouble gets no requests while another is well; when none is, it is tried all the
 * same. One that comes back is given load gradually. */
#ifndef WEIR_UPSTREAM_HEALTH_H
#define WEIR_UPSTREAM_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    WEIR_HEALTH_DOWN = 1,      /* probes say so */
    WEIR_HEALTH_EJECTED = 2,   /* requests failed at it, until `until_ms` */
    WEIR_HEALTH_RETURNING = 4, /* since `since_ms` it is being given load again */

    WEIR_HEALTH_RETURN_MS = 10000,   /* how long the return to full load takes */
    WEIR_HEALTH_SHARE_AT_FIRST = 10, /* percent of it at first */
    WEIR_HEALTH_DOUBLINGS_MAX = 5    /* of the time for which a server is ejected */
};

struct weir_health {
    _Atomic uint32_t troubles;  /* bits of the above; 0: well */
    _Atomic uint32_t failures;  /* in a row */
    _Atomic uint32_t ejections; /* without a full return between them */
    _Atomic uint64_t since_ms;  /* of the latest trouble */
    _Atomic uint64_t until_ms;
    uint32_t goods, bads; /* probes in a row; control's */
};

/* Is it to be given requests while others are? An ejection that has run out ends here, and so does
 * a return that is complete. */
bool weir_health_is_well(struct weir_health *health, uint64_t now_ms);

/* Percent of its load that it is to be given now: 100, or less while it returns. */
unsigned weir_health_share(const struct weir_health *health, uint64_t now_ms);

/* A request failed at the server, which FAILURES_MAX (0: never) in a row eject for EJECT_MS, twice
 * as long each time again; one that returns is ejected at the first. True: now it is; *for_ms says
 * for how long. */
bool weir_health_failed(struct weir_health *health, uint64_t failures_max, uint64_t eject_ms,
                        uint64_t now_ms, uint64_t *for_ms);

/* The server answered a request that was sent at SENT_MS. True: that ended an ejection. */
bool weir_health_succeeded_slowly(struct weir_health *health, uint64_t sent_ms, uint64_t now_ms);

static inline bool weir_health_succeeded(struct weir_health *health, uint64_t sent_ms,
                                         uint64_t now_ms)
{
    /* On the path of a request: nothing is written when nothing changes. */
    if (atomic_load_explicit(&health->failures, memory_order_relaxed) == 0 &&
        atomic_load_explicit(&health->troubles, memory_order_relaxed) == 0)
        return false;
    return weir_health_succeeded_slowly(health, sent_ms, now_ms);
}

/* A probe went well or not; RISE in a row make the server up, FALL make it down. True: that has
 * changed. Thread: control. */
bool weir_health_probed(struct weir_health *health, bool is_good, uint64_t rise, uint64_t fall,
                        uint64_t now_ms);

/* There are no probes any more. Thread: control. */
void weir_health_unprobed(struct weir_health *health);

static inline bool weir_health_is_down(const struct weir_health *health)
{
    return (atomic_load(&health->troubles) & WEIR_HEALTH_DOWN) != 0;
}

#endif
