#include "weir/control/figures.h"

#include "weir/upstream/waitq.h"

void weir_listener_sums_add(struct weir_listener_sums *sums, const struct weir_listener *listener)
{
#define ADD(name, metric, meaning) sums->name += WEIR_SUM(listener, counters.name);
    WEIR_LISTENER_COUNTERS(ADD)
#undef ADD
}

void weir_pool_sums_add(struct weir_pool_sums *sums, const struct weir_pool *pool)
{
#define ADD(name, metric, meaning) sums->name += WEIR_SUM(pool, counters.name);
    WEIR_POOL_COUNTERS(ADD)
#undef ADD
    for (unsigned slot = 0; slot < pool->n_slots; slot++)
        weir_histogram_merge(&sums->queue_us, &pool->slots[slot].queue_us);
}

uint64_t weir_pool_oldest_ms(struct weir_pool *pool)
{
    uint64_t since_us = weir_waitq_oldest_us(pool), now_us = uv_hrtime() / 1000;

    return since_us > 0 && now_us > since_us ? (now_us - since_us) / 1000 : 0;
}

uint64_t weir_figure_idle_timeout_ms(const struct weir_lesson *lesson, uint64_t limit_ms)
{
    uint64_t learned_ms = atomic_load(&lesson->shared.idle_ms);

    return learned_ms > 0 ? learned_ms : limit_ms;
}

uint64_t weir_figure_max_requests(const struct weir_lesson *lesson)
{
    uint64_t seen = atomic_load(&lesson->shared.requests);

    return seen > 0 ? seen : atomic_load(&lesson->shared.announced);
}

/* The least of the workers' numbers. */
static unsigned in_force(const struct weir_control *control, unsigned number,
                         unsigned (*of)(const struct weir_worker *worker))
{
    for (unsigned i = 0; i < control->n_workers; i++) {
        unsigned here = of(control->hands[i].worker);
        if (here < number)
            number = here;
    }
    return number;
}

unsigned weir_figure_generation(const struct weir_control *control)
{
    return in_force(control, control->generation->number, weir_worker_generation);
}

unsigned weir_figure_revision(const struct weir_control *control)
{
    return in_force(control, control->generation->revision, weir_worker_revision);
}
