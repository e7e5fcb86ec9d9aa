#include "weir/upstream/pool.h"

#include "weir/base/assert.h"
#include "weir/upstream/balance.h"
#include "weir/upstream/idle.h"
#include "weir/upstream/outlier.h"
#include "weir/upstream/principal.h"
#include "weir/upstream/waitq.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct weir_pool_slot) % 64 == 0 && _Alignof(struct weir_pool_slot) == 64,
               "what one worker counts shares no cache line with another's");

enum { RETRY_COST = 100, RETRIES_AT_START = 10, RETRIES_SAVED_MAX = 100, CHOICES_MAX = 4 };

struct weir_pool *weir_pool_create(const char *name, unsigned n_workers)
{
    size_t size = sizeof(struct weir_pool) + n_workers * sizeof(struct weir_pool_slot);
    struct weir_pool *pool = aligned_alloc(64, (size + 63) / 64 * 64);

    if (!pool)
        return NULL;
    memset(pool, 0, size);
    pool->name = strdup(name);
    if (!pool->name) {
        free(pool);
        return NULL;
    }
    pool->n_slots = n_workers;
    atomic_init(&pool->references, 1);
    pthread_mutex_init(&pool->shared.lock, NULL);
    for (unsigned i = 0; i < n_workers; i++)
        pool->slots[i].retry_tokens = RETRIES_AT_START * RETRY_COST;
    return pool;
}

struct weir_pool *weir_pool_ref(struct weir_pool *pool)
{
    atomic_fetch_add(&pool->references, 1);
    return pool;
}

void weir_pool_unref(struct weir_pool *pool)
{
    if (atomic_fetch_sub(&pool->references, 1) > 1)
        return;
    WEIR_ASSERT(!pool->shared.waiters);
    WEIR_ASSERT(!pool->departed);
    pthread_mutex_destroy(&pool->shared.lock);
    free(pool->past);
    free(pool->name);
    free(pool);
}

size_t weir_pool_plan_find(const struct weir_pool_plan *plan, struct weir_server *server)
{
    size_t i = atomic_load_explicit(&server->shared.place, memory_order_relaxed);

    if (i < plan->n_servers && plan->servers[i] == server)
        return i;
    /* There is another plan, or there was one. */
    for (i = 0; i < plan->n_servers && plan->servers[i] != server;)
        i++;
    return i;
}

static void on_connected(void *owner, enum weir_error error)
{
    struct weir_ticket *ticket = owner;
    struct weir_upconn *upconn = error ? NULL : ticket->connecting;

    ticket->connecting = NULL;
    if (error && error != WEIR_NO_MEMORY)
        weir_outlier_failed(ticket->upstream, ticket->plan, ticket->server);
    ticket->on_done(ticket, upconn, error);
}

/* A connection belongs to the ticket only until it is connected. */
static void on_ready(void *owner, unsigned ready)
{
    (void)owner;
    (void)ready;
    WEIR_ASSERT(!"a connection that nobody uses became ready");
}

static const struct weir_upconn_events events = {.on_connected = on_connected,
                                                 .on_ready = on_ready};

enum weir_error weir_ticket_open(struct weir_ticket *ticket, bool has_port)
{
    const struct weir_pool_plan *plan = ticket->plan;
    enum weir_error error = WEIR_OK;

    if (!has_port && weir_server_is_held(ticket->server)) {
        /* Since it was reserved somebody has found out. */
        weir_pool_slot_free(ticket->upstream, plan->pool, ticket->server, &plan->settings);
        return WEIR_NO_PORT;
    }
    ticket->connecting = weir_upconn_open(ticket->upstream, ticket->server, plan, &events, ticket,
                                          &error);
    if (ticket->connecting && ticket->server->announces)
        weir_principal_adopt(ticket->principal, ticket->connecting);
    if (error == WEIR_CONNECT_FAILED)
        weir_outlier_failed(ticket->upstream, plan, ticket->server);
    return error;
}

/* INSIST: one that is to be closed, or to go to somebody who has waited, is taken as it is. */
static struct weir_upconn *take_idle(struct weir_ticket *ticket, bool insist)
{
    const struct weir_pool_plan *plan = ticket->plan;
    bool is_careful = !insist && !ticket->is_repeatable;
    bool is_announced = ticket->server->announces != WEIR_PROXY_OFF;
    struct weir_upconn *upconn = is_announced
                                     ? weir_principal_take(ticket->principal, ticket->server,
                                                           is_careful)
                                     : weir_idle_take(ticket->upstream, ticket->server, is_careful);

    if (!upconn && plan->config->share && !is_announced) {
        upconn = weir_idle_steal(ticket->upstream, ticket->server, plan->pool, &plan->settings,
                                 is_careful, insist);
        if (upconn)
            weir_count(&weir_upconn_counters(upconn)->connections_stolen, 1);
    }
    if (upconn)
        upconn->settings = plan->settings;
    return upconn;
}

/* One that is fit to carry this request, or NULL. */
static struct weir_upconn *take_clean(struct weir_ticket *ticket)
{
    struct weir_upconn *upconn;

    do
        upconn = take_idle(ticket, false);
    while (upconn && !weir_idle_is_clean(upconn));
    return upconn;
}

/* None that is announced for another client serves this one, but the place of one does. */
static bool close_oldest(struct weir_ticket *ticket)
{
    const struct weir_pool_plan *plan = ticket->plan;

    return weir_idle_close_oldest(ticket->upstream, ticket->server, plan->pool, &plan->settings);
}

/* One look at the servers. Returns true when the ticket's wish is decided: *upconn, connecting, or
 * *error. */
static bool try_now(struct weir_ticket *ticket, struct weir_upconn **upconn, enum weir_error *error)
{
    uint64_t max = ticket->plan->settings.connections_max;
    bool has_port;

    for (int i = 0; i < CHOICES_MAX; i++) {
        ticket->server = weir_balance_choose(ticket);
        if (!ticket->server)
            return false;
        *upconn = ticket->needs_fresh ? NULL : take_clean(ticket);
        if (*upconn)
            return true;
        if (weir_server_reserve(ticket->server, max, &has_port)) {
            *error = weir_ticket_open(ticket, has_port);
            if (*error != WEIR_NO_PORT)
                return true;
            *error = WEIR_OK;
            continue;
        }
        /* Closing one would be in vain; in the queue they are taken as they are. */
        if (weir_server_is_held(ticket->server))
            continue;
        if (ticket->server->announces) {
            (void)close_oldest(ticket);
            continue;
        }
        /* Somebody was quicker; or a fresh one is wanted, or one far from its end, where others
         * fill the places. */
        bool wants_other = ticket->needs_fresh || !ticket->is_repeatable;
        *upconn = wants_other ? take_idle(ticket, true) : NULL;
        if (*upconn)
            weir_upconn_close(*upconn,
                              ticket->needs_fresh ? WEIR_CLOSED_surplus : WEIR_CLOSED_learned_idle);
        *upconn = NULL;
    }
    return false;
}

/* All that SERVER has to give goes to the longest waiters. */
static void serve_waiters(struct weir_ticket *ticket, struct weir_server *server)
{
    const struct weir_pool_plan *plan = ticket->plan;
    struct weir_upstream *upstream = ticket->upstream;
    struct weir_upconn *upconn;

    ticket->server = server;
    while (!server->announces && weir_waitq_has_waiters(plan->pool) &&
           (upconn = take_idle(ticket, true))) {
        if (weir_waitq_grant_upconn(&upconn))
            continue;
        weir_pool_release(&upconn);
        break;
    }
    while (weir_waitq_grant_slot(upstream, plan->pool, server, plan->settings.connections_max))
        continue;
    if (server->announces && weir_waitq_wants(plan->pool, server))
        (void)close_oldest(ticket);
    if (server->announces || plan->config->share || !weir_waitq_has_waiters(plan->pool))
        return;
    /* What other workers keep to themselves must not starve this one: it makes room. */
    upconn = weir_idle_steal(upstream, server, plan->pool, &plan->settings, false, true);
    if (upconn)
        weir_upconn_close(upconn, WEIR_CLOSED_surplus);
}

/* Has SERVER an idle connection, or room for one more? If not, what it will have is told by whoever
 * frees it, since it looks for waiters after that. */
static bool has_any(struct weir_server *server, uint64_t max)
{
    return max == 0 || atomic_load(&server->shared.connections) < max ||
           atomic_load(&server->shared.idle) > 0;
}

/* The second look that waitq.h speaks of. It is for the queue, not for the ticket: somebody who
 * stands before it may not have come to take a look yet. */
static void look_again(struct weir_ticket *ticket)
{
    const struct weir_pool_plan *plan = ticket->plan;

    if (atomic_load(&plan->pool->shared.is_paused))
        return; /* whoever resumes it looks for waiters */
    for (size_t i = 0; i < plan->n_servers; i++) {
        if (has_any(plan->servers[i], plan->settings.connections_max) &&
            weir_waitq_wants(plan->pool, plan->servers[i]))
            serve_waiters(ticket, plan->servers[i]);
    }
    ticket->server = NULL;
}

static bool has_server(const struct weir_pool_plan *plan)
{
    for (size_t i = 0; i < plan->n_servers; i++) {
        if (weir_server_is_up(plan->servers[i]))
            return true;
    }
    return false;
}

enum weir_error weir_pool_wait(struct weir_ticket *ticket, bool has_waited)
{
    enum weir_error error;

    ticket->server = NULL;
    error = weir_waitq_enter(ticket, has_waited);
    if (error)
        return error;
    /* What became of servers between its aim and its entering was told to others. */
    if (!weir_waitq_stay(ticket))
        return WEIR_NO_SERVER;
    look_again(ticket);
    return WEIR_OK;
}

enum weir_error weir_pool_acquire(struct weir_ticket *ticket, struct weir_upconn **upconn)
{
    struct weir_pool *pool = ticket->plan->pool;
    enum weir_error error = WEIR_OK;

    *upconn = NULL;
    ticket->connecting = NULL;
    ticket->waiter = NULL;
    ticket->server = NULL;
    if (!has_server(ticket->plan))
        return WEIR_NO_SERVER;
    ticket->aim = weir_balance_aim(ticket->plan, ticket->avoid, ticket->n_avoid);
    /* Who comes later does not overtake who waits. */
    if (!atomic_load(&pool->shared.is_paused) && !weir_waitq_has_waiters(pool) &&
        try_now(ticket, upconn, &error))
        return error;
    ticket->started_us = weir_loop_now_us(ticket->upstream->loop);
    return weir_pool_wait(ticket, false);
}

/* Where it has failed already, as far as PLAN knows of it. */
static void keep_avoids(struct weir_ticket *ticket, const struct weir_pool_plan *plan)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < ticket->n_avoid; i++) {
        for (size_t k = 0; k < plan->n_servers; k++) {
            if (plan->servers[k] == ticket->avoid[i])
                ticket->avoid[kept++] = ticket->avoid[i];
        }
    }
    ticket->n_avoid = kept;
}

bool weir_ticket_follow(struct weir_ticket *ticket, const struct weir_pool_plan *plan,
                        enum weir_error *error)
{
    *error = WEIR_OK;
    if (ticket->connecting || (ticket->waiter && !weir_waitq_follow(ticket, plan)))
        return false;
    keep_avoids(ticket, plan);
    ticket->plan = plan;
    if (ticket->waiter && !weir_waitq_stay(ticket))
        *error = WEIR_NO_SERVER;
    return true;
}

void weir_pool_look(struct weir_upstream *upstream, const struct weir_pool_plan *plan)
{
    struct weir_ticket nobody = {.upstream = upstream, .plan = plan};

    if (weir_waitq_has_waiters(plan->pool))
        look_again(&nobody);
}

void weir_ticket_cancel(struct weir_ticket *ticket)
{
    if (ticket->connecting)
        weir_upconn_close(ticket->connecting, WEIR_CLOSED_client_gone);
    ticket->connecting = NULL;
    if (ticket->waiter)
        (void)weir_waitq_leave(ticket, true);
}

void weir_pool_release(struct weir_upconn **given)
{
    struct weir_upstream *upstream = (*given)->upstream;
    struct weir_server *server = (*given)->server;
    struct weir_pool *pool = (*given)->pool;
    enum weir_close_reason reason = weir_upconn_recall(*given);

    if (reason != WEIR_CLOSED_NOT) {
        weir_upconn_close(*given, reason);
        *given = NULL;
        return;
    }
    if (weir_waitq_has_waiters(pool) && weir_waitq_grant_upconn(given))
        return;
    weir_idle_give(given);
    if (weir_waitq_has_waiters(pool))
        weir_waitq_grant_idle(upstream, pool, server);
}

/* One place of each server in turn, so that the first is not given them all. */
void weir_pool_serve_waiters(const struct weir_pool_plan *plan)
{
    bool has_granted = true;

    while (has_granted && weir_waitq_has_waiters(plan->pool)) {
        has_granted = false;
        for (size_t i = 0; i < plan->n_servers; i++)
            has_granted |= weir_waitq_grant_slot(NULL, plan->pool, plan->servers[i],
                                                 plan->settings.connections_max);
    }
}

void weir_pool_slot_free(struct weir_upstream *upstream, struct weir_pool *pool,
                         struct weir_server *server, const struct weir_pool_settings *settings)
{
    weir_server_unreserve(server);
    if (weir_waitq_has_waiters(pool))
        (void)weir_waitq_grant_slot(upstream, pool, server, settings->connections_max);
}

void weir_pool_earn_retry(struct weir_pool *pool, unsigned worker, uint64_t budget_percent)
{
    uint64_t *tokens = &pool->slots[worker].retry_tokens;

    *tokens += budget_percent;
    if (*tokens > RETRIES_SAVED_MAX * RETRY_COST)
        *tokens = RETRIES_SAVED_MAX * RETRY_COST;
}

bool weir_pool_spend_retry(struct weir_pool *pool, unsigned worker, uint64_t budget_percent)
{
    uint64_t *tokens = &pool->slots[worker].retry_tokens;

    if (budget_percent == 0)
        return true;
    if (*tokens < RETRY_COST)
        return false;
    *tokens -= RETRY_COST;
    return true;
}
