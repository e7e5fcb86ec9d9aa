#include "weir/upstream/waitq.h"

#include "weir/base/assert.h"
#include "weir/upstream/balance.h"
#include "weir/upstream/idle.h"

#include <utlist.h>

/* What a waiter is granted. */
enum grant {
    PLACE,      /* the right to open a connection */
    PORT,       /* the same, and a local port has just come free for it */
    CONNECTION, /* one of this worker, */
    PARCEL,     /* or one of another */
    LOST,       /* a connection that broke on the way */
    NOBODY      /* no server takes it any more */
};

struct weir_waiter {
    struct weir_waiter *prev, *next; /* under the pool's lock, while `is_queued` */
    bool is_queued;                  /* under the pool's lock */
    bool is_again;                   /* it has waited before */
    struct weir_upstream *upstream;
    const struct weir_pool_plan *plan; /* valid while queued: the exchange holds its generation */
    struct weir_aim aim;
    struct weir_pool *pool;
    struct weir_pool_settings settings;
    uint64_t since_us, timeout_ms;
    struct weir_ticket *ticket; /* NULL once abandoned; its worker's alone */
    struct weir_deadline deadline;
    struct weir_task letter;    /* the grant: */
    struct weir_server *server; /* referenced: the grant may outlive all that lists it */
    enum grant grant;
    struct weir_upconn *upconn;       /* CONNECTION */
    struct weir_upconn_parcel parcel; /* PARCEL */
};

size_t weir_waiter_bytes(void)
{
    return sizeof(struct weir_waiter);
}

static bool can_use(const struct weir_waiter *waiter, struct weir_server *server)
{
    size_t place = weir_pool_plan_find(waiter->plan, server);

    return place < waiter->plan->n_servers && weir_server_takes(server, waiter->since_us) &&
           weir_aim_has(&waiter->aim, waiter->plan, place);
}

static void unlink_locked(struct weir_waiter *waiter)
{
    DL_DELETE(waiter->pool->shared.waiters, waiter);
    atomic_fetch_sub(&waiter->pool->shared.n_waiting, 1);
    waiter->is_queued = false;
}

/* The longest waiter that can use SERVER. */
static struct weir_waiter *peek_locked(struct weir_pool *pool, struct weir_server *server)
{
    struct weir_waiter *waiter;

    if (atomic_load(&pool->shared.is_paused))
        return NULL;
    DL_FOREACH(pool->shared.waiters, waiter) {
        if (can_use(waiter, server))
            return waiter;
    }
    return NULL;
}

static void destroy(struct weir_waiter *waiter)
{
    weir_deadline_cancel(&waiter->deadline);
    if (waiter->ticket)
        waiter->ticket->waiter = NULL;
    if (waiter->server)
        weir_server_unref(waiter->server);
    weir_pool_unref(waiter->pool);
    weir_slab_give(&waiter->upstream->waiters, waiter);
}

static void note_wait(const struct weir_waiter *waiter)
{
    struct weir_pool_slot *slot = &waiter->pool->slots[waiter->upstream->worker];
    weir_histogram_add(&slot->queue_us,
                       weir_loop_now_us(waiter->upstream->loop) - waiter->since_us);
}

/* Nobody waits for this grant any more: it goes to the next. */
static void give_back(struct weir_waiter *waiter)
{
    if (waiter->upconn) {
        weir_pool_release(&waiter->upconn);
    } else if (waiter->grant == PLACE || waiter->grant == PORT) {
        if (waiter->grant == PORT)
            weir_server_give_port(waiter->server);
        weir_pool_slot_free(waiter->upstream, waiter->pool, waiter->server, &waiter->settings);
    }
    /* else it is gone, and its place was given on */
}

static void on_grant(struct weir_task *task)
{
    struct weir_waiter *waiter =
        (struct weir_waiter *)(void *)((char *)task - offsetof(struct weir_waiter, letter));
    struct weir_ticket *ticket = waiter->ticket;
    struct weir_upconn *upconn;
    enum weir_error error = WEIR_OK;

    if (waiter->grant == PARCEL)
        waiter->upconn = weir_upconn_adopt(waiter->upstream, waiter->server, waiter->pool,
                                           &waiter->settings, &waiter->parcel);
    if (!ticket) {
        give_back(waiter);
        destroy(waiter);
        return;
    }
    note_wait(waiter);
    upconn = waiter->upconn;
    ticket->server = waiter->server;
    if (!upconn)
        error = waiter->grant == PLACE || waiter->grant == PORT
                    ? weir_ticket_open(ticket, waiter->grant == PORT)
                : waiter->grant == NOBODY ? WEIR_NO_SERVER
                                          : WEIR_NO_MEMORY;
    destroy(waiter);
    if (error == WEIR_NO_PORT || (upconn && !weir_idle_is_clean(upconn))) {
        upconn = NULL;
        error = weir_pool_wait(ticket, true);
    }
    if (upconn || error)
        ticket->on_done(ticket, upconn, error);
}

static uint64_t left_ms(const struct weir_waiter *waiter)
{
    uint64_t waited_ms = (weir_loop_now_us(waiter->upstream->loop) - waiter->since_us) / 1000;

    return waited_ms < waiter->timeout_ms ? waiter->timeout_ms - waited_ms : 0;
}

static void set_deadline(struct weir_waiter *waiter)
{
    uint64_t after_ms = waiter->timeout_ms;

    if (waiter->is_again && after_ms > 0)
        after_ms = weir_deadline_step_ms(left_ms(waiter));
    weir_loop_deadline(waiter->upstream->loop, &waiter->deadline, after_ms);
}

static void on_deadline(struct weir_deadline *deadline)
{
    struct weir_waiter *waiter =
        (struct weir_waiter *)(void *)((char *)deadline - offsetof(struct weir_waiter, deadline));
    struct weir_ticket *ticket = waiter->ticket;

    uint64_t since_us = waiter->since_us;
    struct weir_pool_slot *slot = &ticket->plan->pool->slots[ticket->upstream->worker];

    if (waiter->is_again && left_ms(waiter) > 0) {
        set_deadline(waiter);
        return;
    }
    /* A grant under way is as good as one in time. */
    if (!weir_waitq_leave(ticket, false))
        return;
    weir_histogram_add(&slot->queue_us, weir_loop_now_us(ticket->upstream->loop) - since_us);
    weir_count(&slot->counters.queue_timed_out, 1);
    ticket->on_done(ticket, NULL, WEIR_QUEUE_TIMEOUT);
}

/* Before all that came later. */
static void insert_locked(struct weir_pool *pool, struct weir_waiter *waiter)
{
    struct weir_waiter *later = pool->shared.waiters;

    while (later && later->since_us <= waiter->since_us)
        later = later->next;
    if (later)
        DL_PREPEND_ELEM(pool->shared.waiters, later, waiter);
    else
        DL_APPEND(pool->shared.waiters, waiter);
}

enum weir_error weir_waitq_enter(struct weir_ticket *ticket, bool has_waited)
{
    struct weir_upstream *upstream = ticket->upstream;
    struct weir_pool *pool = ticket->plan->pool;
    uint64_t max = has_waited ? 0 : ticket->plan->config->queue_max;
    struct weir_waiter *waiter = weir_slab_take(&upstream->waiters);
    bool is_full;

    if (!waiter)
        return WEIR_NO_MEMORY;
    *waiter = (struct weir_waiter){.upstream = upstream,
                                   .plan = ticket->plan,
                                   .aim = ticket->aim,
                                   .pool = pool,
                                   .settings = ticket->plan->settings,
                                   .since_us = ticket->started_us,
                                   .timeout_ms = ticket->plan->config->queue_timeout_ms,
                                   .ticket = ticket,
                                   .is_queued = true,
                                   .is_again = has_waited,
                                   .grant = PLACE};
    waiter->letter.run = on_grant;
    waiter->deadline.on_expire = on_deadline;
    pthread_mutex_lock(&pool->shared.lock);
    is_full = max > 0 && atomic_load(&pool->shared.n_waiting) >= max;
    if (has_waited)
        insert_locked(pool, waiter);
    else if (!is_full)
        DL_APPEND(pool->shared.waiters, waiter);
    if (!is_full)
        atomic_fetch_add(&pool->shared.n_waiting, 1);
    pthread_mutex_unlock(&pool->shared.lock);
    if (is_full) {
        weir_slab_give(&upstream->waiters, waiter);
        weir_count(&pool->slots[upstream->worker].counters.queue_rejected, 1);
        return WEIR_QUEUE_FULL;
    }
    weir_pool_ref(pool);
    ticket->waiter = waiter;
    set_deadline(waiter);
    return WEIR_OK;
}

bool weir_waitq_leave(struct weir_ticket *ticket, bool abandon)
{
    struct weir_waiter *waiter = ticket->waiter;
    struct weir_pool *pool = waiter->pool;
    bool was_queued;

    pthread_mutex_lock(&pool->shared.lock);
    was_queued = waiter->is_queued;
    if (was_queued)
        unlink_locked(waiter);
    pthread_mutex_unlock(&pool->shared.lock);
    if (was_queued) {
        destroy(waiter);
    } else if (abandon) {
        weir_deadline_cancel(&waiter->deadline);
        waiter->ticket = NULL;
        ticket->waiter = NULL;
    }
    return was_queued;
}

bool weir_waitq_wants(struct weir_pool *pool, struct weir_server *server)
{
    bool wants;

    if (!weir_waitq_has_waiters(pool))
        return false;
    pthread_mutex_lock(&pool->shared.lock);
    wants = peek_locked(pool, server) != NULL;
    pthread_mutex_unlock(&pool->shared.lock);
    return wants;
}

uint64_t weir_waitq_oldest_us(struct weir_pool *pool)
{
    uint64_t since_us = 0;

    pthread_mutex_lock(&pool->shared.lock);
    if (pool->shared.waiters)
        since_us = pool->shared.waiters->since_us;
    pthread_mutex_unlock(&pool->shared.lock);
    return since_us;
}

static void deliver(struct weir_upstream *from, struct weir_waiter *waiter)
{
    if (waiter->upstream == from)
        weir_loop_defer(waiter->upstream->loop, &waiter->letter);
    else
        weir_loop_post(waiter->upstream->loop, &waiter->letter);
}

static bool has_hope(const struct weir_waiter *waiter)
{
    for (size_t i = 0; i < waiter->plan->n_servers; i++) {
        if (weir_server_takes(waiter->plan->servers[i], waiter->since_us) &&
            weir_aim_has(&waiter->aim, waiter->plan, i))
            return true;
    }
    return false;
}

/* Who can hope for nobody any more aims anew, and so does who can hope for better. */
static bool keeps_hope_locked(struct weir_waiter *waiter)
{
    struct weir_aim aim = weir_balance_aim(waiter->plan, waiter->aim.avoid, waiter->aim.n_avoid);

    if (!has_hope(waiter) || weir_aim_is_better(&aim, &waiter->aim))
        waiter->aim = aim;
    return has_hope(waiter);
}

bool weir_waitq_stay(struct weir_ticket *ticket)
{
    struct weir_waiter *waiter = ticket->waiter;
    struct weir_pool *pool = waiter->pool;
    bool stays;

    pthread_mutex_lock(&pool->shared.lock);
    stays = !waiter->is_queued || keeps_hope_locked(waiter);
    if (!stays)
        unlink_locked(waiter);
    pthread_mutex_unlock(&pool->shared.lock);
    if (!stays)
        destroy(waiter);
    return stays;
}

bool weir_waitq_follow(struct weir_ticket *ticket, const struct weir_pool_plan *plan)
{
    struct weir_waiter *waiter = ticket->waiter;
    struct weir_pool *pool = waiter->pool;
    bool follows;

    pthread_mutex_lock(&pool->shared.lock);
    follows = waiter->is_queued;
    if (follows) {
        waiter->plan = plan;
        waiter->settings = plan->settings;
        waiter->aim = weir_balance_aim(plan, ticket->avoid, ticket->n_avoid);
    }
    pthread_mutex_unlock(&pool->shared.lock);
    return follows;
}

void weir_waitq_reconsider(struct weir_pool *pool)
{
    struct weir_waiter *waiter, *following, *dismissed = NULL;

    pthread_mutex_lock(&pool->shared.lock);
    DL_FOREACH_SAFE(pool->shared.waiters, waiter, following) {
        if (keeps_hope_locked(waiter))
            continue;
        unlink_locked(waiter);
        waiter->grant = NOBODY;
        DL_APPEND(dismissed, waiter);
    }
    pthread_mutex_unlock(&pool->shared.lock);
    DL_FOREACH_SAFE(dismissed, waiter, following) {
        weir_loop_post(waiter->upstream->loop, &waiter->letter);
    }
}

/* WAITER is out of the queue, UPCONN its own. */
static void hand_over(struct weir_waiter *waiter, struct weir_upconn *upconn)
{
    struct weir_upstream *from = upconn->upstream;

    waiter->server = weir_server_ref(upconn->server);
    upconn->owner = NULL;
    upconn->life.idle_ms = 0;
    upconn->is_suspect = true;
    if (waiter->upstream == from) {
        waiter->grant = CONNECTION;
        waiter->upconn = upconn;
        upconn->settings = waiter->settings;
    } else {
        waiter->grant = weir_upconn_send_off(upconn, &waiter->parcel) == 0 ? PARCEL : LOST;
    }
    deliver(from, waiter);
}

/* One that is announced for a client serves no other: it ends, and whoever is first in the queue
 * then, where WAITER was left, is granted its place. */
static void give_or_make_room(struct weir_waiter *waiter, struct weir_upconn *upconn)
{
    if (upconn->server->announces)
        weir_upconn_close(upconn, WEIR_CLOSED_surplus);
    else
        hand_over(waiter, upconn);
}

bool weir_waitq_grant_upconn(struct weir_upconn **given)
{
    struct weir_upconn *upconn = *given;
    struct weir_pool *pool = upconn->pool;
    struct weir_waiter *waiter;

    pthread_mutex_lock(&pool->shared.lock);
    waiter = peek_locked(pool, upconn->server);
    if (waiter && !upconn->server->announces)
        unlink_locked(waiter);
    pthread_mutex_unlock(&pool->shared.lock);
    if (!waiter)
        return false;
    *given = NULL;
    give_or_make_room(waiter, upconn);
    return true;
}

void weir_waitq_grant_idle(struct weir_upstream *upstream, struct weir_pool *pool,
                           struct weir_server *server)
{
    struct weir_upconn *upconn = NULL;
    struct weir_waiter *waiter;

    pthread_mutex_lock(&pool->shared.lock);
    waiter = peek_locked(pool, server);
    if (waiter)
        upconn = weir_idle_take(upstream, server, false);
    if (upconn && !server->announces)
        unlink_locked(waiter);
    pthread_mutex_unlock(&pool->shared.lock);
    if (upconn)
        give_or_make_room(waiter, upconn);
}

bool weir_waitq_grant_slot(struct weir_upstream *upstream, struct weir_pool *pool,
                           struct weir_server *server, uint64_t max)
{
    struct weir_waiter *waiter;
    bool has_port;

    pthread_mutex_lock(&pool->shared.lock);
    waiter = peek_locked(pool, server);
    if (waiter && weir_server_reserve(server, max, &has_port))
        unlink_locked(waiter);
    else
        waiter = NULL;
    pthread_mutex_unlock(&pool->shared.lock);
    if (!waiter)
        return false;
    waiter->grant = has_port ? PORT : PLACE;
    waiter->server = weir_server_ref(server);
    deliver(upstream, waiter);
    return true;
}
