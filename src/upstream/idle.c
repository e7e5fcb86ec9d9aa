#include "weir/upstream/idle.h"

#include "weir/base/assert.h"
#include "weir/base/random.h"

#include <errno.h>
#include <utlist.h>

static struct weir_server_slot *slot_of(struct weir_upconn *upconn)
{
    return &upconn->server->slots[upconn->upstream->worker];
}

/* Others only read it, without the lock. */
static void count_idle_locked(struct weir_server_slot *slot, unsigned by)
{
    unsigned n = atomic_load_explicit(&slot->shared.n_idle, memory_order_relaxed);

    atomic_store_explicit(&slot->shared.n_idle, n + by, memory_order_relaxed);
}

static void unlink_locked(struct weir_server_slot *slot, struct weir_upconn *upconn)
{
    DL_DELETE(slot->shared.idle, upconn);
    count_idle_locked(slot, -1u);
}

/* Unlinked, and idle no more. */
static void withdraw_locked(struct weir_server *server, struct weir_server_slot *slot,
                            struct weir_upconn *upconn)
{
    unlink_locked(slot, upconn);
    atomic_fetch_sub(&server->shared.idle, 1);
}

/* Where its age puts it. It holds no byte that the kernel does not tell of: from now on nobody may
 * look but whoever unlinks it. */
static void link_upconn(struct weir_server_slot *slot, struct weir_upconn *upconn)
{
    struct weir_upconn *older;

    WEIR_ASSERT_SHOW(!weir_stream_has_pending(&upconn->stream), weir_upconn_describe(upconn));
    pthread_mutex_lock(&slot->shared.lock);
    older = slot->shared.idle;
    while (older && older->life.idle_since_ms > upconn->life.idle_since_ms)
        older = older->next;
    if (older)
        DL_PREPEND_ELEM(slot->shared.idle, older, upconn);
    else
        DL_APPEND(slot->shared.idle, upconn);
    count_idle_locked(slot, 1);
    pthread_mutex_unlock(&slot->shared.lock);
}

static uint64_t until_ms(uint64_t then_ms, uint64_t now_ms)
{
    return then_ms > now_ms ? then_ms - now_ms : 1;
}

/* For how long servers wait for a connection's first request has little to do with how long they
 * wait for the next. */
static struct weir_lesson *lesson_for(struct weir_server *server, uint64_t requests)
{
    return requests > 0 ? &server->lesson : &server->patience;
}

void weir_idle_note_end(struct weir_upconn *upconn, uint64_t idle_ms, uint64_t requests)
{
    uint64_t now_ms = weir_loop_now_ms(upconn->upstream->loop);

    weir_lesson_closed_idle(lesson_for(upconn->server, requests), idle_ms, requests, now_ms);
    if (requests == 0)
        weir_pace_unused(&upconn->server->pace, idle_ms, now_ms,
                         weir_random_next(&upconn->upstream->random));
}

uint64_t weir_idle_limit_ms(const struct weir_upconn *upconn)
{
    return weir_lesson_idle_limit_ms(lesson_for(upconn->server, upconn->life.requests),
                                     upconn->settings.idle_timeout_ms,
                                     weir_loop_now_ms(upconn->upstream->loop));
}

void weir_idle_watch(struct weir_upconn *upconn)
{
    struct weir_loop *loop = upconn->upstream->loop;
    uint64_t now_ms = weir_loop_now_ms(loop), ends_ms = upconn->life.ends_ms, after_ms;
    uint64_t limit_ms = weir_idle_limit_ms(upconn);
    bool is_whole = limit_ms == upconn->settings.idle_timeout_ms;

    after_ms = limit_ms;
    if (limit_ms > 0 && (!is_whole || now_ms > upconn->life.idle_since_ms))
        after_ms = weir_deadline_step_ms(until_ms(upconn->life.idle_since_ms + limit_ms, now_ms));
    if (ends_ms > 0 && (after_ms == 0 || until_ms(ends_ms, now_ms) < after_ms))
        after_ms = weir_deadline_step_ms(until_ms(ends_ms, now_ms));
    weir_loop_deadline_within(loop, &upconn->deadline, after_ms);
}

/* Counted before it is linked, so that at no moment more than the limit are. */
static bool may_be_idle(struct weir_server *server)
{
    uint64_t max = atomic_load(&server->shared.max);
    uint64_t idle_max = atomic_load(&server->shared.idle_max);
    unsigned idle = atomic_load(&server->shared.idle);

    if (max > 0 && atomic_load(&server->shared.connections) > max)
        return false; /* the limit was lowered */
    do {
        if (idle_max > 0 && idle >= idle_max)
            return false;
    } while (!atomic_compare_exchange_weak(&server->shared.idle, &idle, idle + 1));
    return true;
}

static bool has_surplus(struct weir_server *server)
{
    uint64_t max = atomic_load(&server->shared.max);
    uint64_t idle_max = atomic_load(&server->shared.idle_max);
    unsigned idle = atomic_load(&server->shared.idle);

    return idle > 0 && ((idle_max > 0 && idle > idle_max) ||
                        (max > 0 && atomic_load(&server->shared.connections) > max));
}

/* The former owner's part, on its loop: the connection lives on elsewhere. */
static void on_retire(struct weir_task *task)
{
    struct weir_upconn *upconn =
        (struct weir_upconn *)(void *)((char *)task - offsetof(struct weir_upconn, retire));

    weir_deadline_cancel(&upconn->deadline);
    weir_upconn_become(upconn, WEIR_UPCONN_CLOSING);
    weir_stream_close(&upconn->stream);
}

static bool close_oldest(struct weir_upconn *any)
{
    return weir_idle_close_oldest(any->upstream, any->server, any->pool, &any->settings);
}

void weir_idle_give(struct weir_upconn **given)
{
    struct weir_upconn *upconn = *given;

    *given = NULL;
    while (!may_be_idle(upconn->server)) {
        if (close_oldest(upconn))
            continue;
        weir_upconn_close(upconn, WEIR_CLOSED_surplus);
        return;
    }
    if (weir_stream_want(&upconn->stream, WEIR_WANT_READ) != 0) {
        atomic_fetch_sub(&upconn->server->shared.idle, 1);
        weir_upconn_close(upconn, WEIR_CLOSED_error);
        return;
    }
    upconn->owner = NULL;
    upconn->retire.run = on_retire;
    upconn->life.idle_since_ms = weir_loop_now_ms(upconn->upstream->loop);
    weir_upconn_become(upconn, WEIR_UPCONN_IDLE);
    weir_idle_watch(upconn);
    link_upconn(slot_of(upconn), upconn);
}

/* May this one be taken? The others of its list have been idle for longer. */
static bool is_fit(const struct weir_upconn *upconn, bool careful, uint64_t now_ms)
{
    uint64_t since_ms = upconn->life.idle_since_ms;

    return !careful || weir_lesson_is_safe(lesson_for(upconn->server, upconn->life.requests),
                                           now_ms > since_ms ? now_ms - since_ms : 0, now_ms);
}

static void go_on(struct weir_upconn *upconn, uint64_t now_ms)
{
    upconn->life.idle_ms = now_ms - upconn->life.idle_since_ms;
    weir_upconn_become(upconn, WEIR_UPCONN_BUSY);
}

struct weir_upconn *weir_idle_take(struct weir_upstream *upstream, struct weir_server *server,
                                   bool careful)
{
    struct weir_server_slot *slot = &server->slots[upstream->worker];
    uint64_t now_ms = weir_loop_now_ms(upstream->loop);
    struct weir_upconn *upconn;

    if (atomic_load_explicit(&slot->shared.n_idle, memory_order_relaxed) == 0)
        return NULL;
    pthread_mutex_lock(&slot->shared.lock);
    upconn = slot->shared.idle;
    if (upconn && !is_fit(upconn, careful, now_ms))
        upconn = NULL;
    if (upconn)
        withdraw_locked(server, slot, upconn);
    pthread_mutex_unlock(&slot->shared.lock);
    if (!upconn)
        return NULL;
    go_on(upconn, now_ms);
    return upconn;
}

bool weir_idle_take_this(struct weir_upconn *upconn, bool careful)
{
    uint64_t now_ms = weir_loop_now_ms(upconn->upstream->loop);

    if (upconn->state != WEIR_UPCONN_IDLE || !is_fit(upconn, careful, now_ms) ||
        !weir_idle_remove(upconn))
        return false;
    go_on(upconn, now_ms);
    return true;
}

bool weir_idle_is_clean(struct weir_upconn *upconn)
{
    enum weir_close_reason reason;
    ssize_t n;

    if (!upconn->is_suspect)
        return true;
    upconn->is_suspect = false;
    n = weir_stream_peek(&upconn->stream);
    if (n == WEIR_STREAM_PAUSED)
        return true;
    reason = n > 0 ? WEIR_CLOSED_poisoned : WEIR_CLOSED_by_server_idle;
    if (n > 0)
        weir_poison_keep(upconn, NULL, 0);
    upconn->ended_first |= n == WEIR_STREAM_END || n == WEIR_STREAM_CUT;
    weir_upconn_close(upconn, reason);
    return false;
}

bool weir_idle_borrow(struct weir_upconn *upconn)
{
    struct weir_server_slot *slot = slot_of(upconn);
    bool is_taken;

    WEIR_ASSERT_SHOW(upconn->state == WEIR_UPCONN_IDLE, weir_upconn_describe(upconn));
    pthread_mutex_lock(&slot->shared.lock);
    is_taken = upconn->is_taken;
    if (!is_taken)
        unlink_locked(slot, upconn);
    pthread_mutex_unlock(&slot->shared.lock);
    return !is_taken;
}

void weir_idle_return(struct weir_upconn *upconn)
{
    link_upconn(slot_of(upconn), upconn);
}

void weir_idle_keep(struct weir_upconn *upconn)
{
    atomic_fetch_sub(&upconn->server->shared.idle, 1);
}

bool weir_idle_remove(struct weir_upconn *upconn)
{
    bool is_ours = weir_idle_borrow(upconn);

    if (is_ours)
        weir_idle_keep(upconn);
    return is_ours;
}

struct taker {
    struct weir_upstream *upstream;
    struct weir_server *server;
    bool careful, insist, wants_oldest;
};

/* Takes one of another worker's under its lock. -EBUSY: the lock is held. */
static int take_from(const struct taker *taker, unsigned other, struct weir_upconn_parcel *parcel)
{
    struct weir_server_slot *slot = &taker->server->slots[other];
    uint64_t now_ms = weir_loop_now_ms(taker->upstream->loop);
    struct weir_upconn *victim;
    int error = -EAGAIN;

    if (taker->insist)
        pthread_mutex_lock(&slot->shared.lock);
    else if (atomic_load_explicit(&slot->shared.n_idle, memory_order_relaxed) == 0)
        return error;
    else if (pthread_mutex_trylock(&slot->shared.lock) != 0)
        return -EBUSY;
    victim = slot->shared.idle;
    if (victim && taker->wants_oldest)
        victim = victim->prev; /* utlist: the head's prev is the tail */
    if (victim && is_fit(victim, taker->careful, now_ms)) {
        error = weir_stream_lift(&victim->stream, &parcel->stream);
        if (!error) {
            withdraw_locked(taker->server, slot, victim);
            victim->is_taken = true;
            parcel->life = victim->life;
            parcel->life.idle_ms = now_ms > parcel->life.idle_since_ms
                                       ? now_ms - parcel->life.idle_since_ms
                                       : 0;
        }
    }
    pthread_mutex_unlock(&slot->shared.lock);
    if (!error)
        weir_loop_post(victim->upstream->loop, &victim->retire);
    return error;
}

/* One round over the lists of the others. -EBUSY: a list was passed over. */
static int steal_from_others(const struct taker *taker, struct weir_upconn_parcel *parcel)
{
    unsigned n = taker->server->n_slots;
    bool was_held = false;

    for (unsigned i = 1; i < n; i++) {
        int error = take_from(taker, (taker->upstream->worker + i) % n, parcel);
        if (!error)
            return error;
        was_held |= error == -EBUSY;
    }
    return was_held ? -EBUSY : -EAGAIN;
}

struct weir_upconn *weir_idle_steal(struct weir_upstream *upstream, struct weir_server *server,
                                    struct weir_pool *pool,
                                    const struct weir_pool_settings *settings, bool careful,
                                    bool insist)
{
    struct taker taker = {upstream, server, careful, insist, false};
    struct weir_upconn_parcel parcel;
    int error = -EAGAIN;

    if (atomic_load(&server->shared.idle) > 0)
        error = steal_from_others(&taker, &parcel);
    if (error == -EBUSY) {
        /* A lock is held for less time than a new connection would take. */
        taker.insist = true;
        error = steal_from_others(&taker, &parcel);
    }
    return error ? NULL : weir_upconn_adopt(upstream, server, pool, settings, &parcel);
}

/* The worker whose list has the one that has been idle for longest; n_slots: no list has any. */
static unsigned find_oldest(struct weir_server *server)
{
    unsigned found = server->n_slots;
    uint64_t since_ms = UINT64_MAX;

    for (unsigned i = 0; i < server->n_slots; i++) {
        struct weir_server_slot *slot = &server->slots[i];
        if (atomic_load_explicit(&slot->shared.n_idle, memory_order_relaxed) == 0)
            continue;
        pthread_mutex_lock(&slot->shared.lock);
        if (slot->shared.idle && slot->shared.idle->prev->life.idle_since_ms < since_ms) {
            since_ms = slot->shared.idle->prev->life.idle_since_ms;
            found = i;
        }
        pthread_mutex_unlock(&slot->shared.lock);
    }
    return found;
}

/* This worker's own that has been idle for longest, no longer on its list. */
static struct weir_upconn *take_own_oldest(struct weir_upstream *upstream,
                                           struct weir_server *server)
{
    struct weir_server_slot *slot = &server->slots[upstream->worker];
    struct weir_upconn *oldest = NULL;

    pthread_mutex_lock(&slot->shared.lock);
    if (slot->shared.idle) {
        oldest = slot->shared.idle->prev;
        withdraw_locked(server, slot, oldest);
    }
    pthread_mutex_unlock(&slot->shared.lock);
    return oldest;
}

/* Another worker's is taken over for that. */
bool weir_idle_close_oldest(struct weir_upstream *upstream, struct weir_server *server,
                            struct weir_pool *pool, const struct weir_pool_settings *settings)
{
    struct taker taker = {upstream, server, false, true, true};
    unsigned where = find_oldest(server);
    struct weir_upconn *oldest = NULL;
    struct weir_upconn_parcel parcel;

    if (where == upstream->worker)
        oldest = take_own_oldest(upstream, server);
    else if (where < server->n_slots && take_from(&taker, where, &parcel) == 0)
        oldest = weir_upconn_adopt(upstream, server, pool, settings, &parcel);
    if (oldest)
        weir_upconn_close(oldest, WEIR_CLOSED_surplus);
    return oldest != NULL;
}

void weir_idle_trim(struct weir_upconn *any)
{
    struct weir_server *server = any->server;

    if (!has_surplus(server) || atomic_exchange(&server->shared.is_trimming, true))
        return;
    while (has_surplus(server) && close_oldest(any))
        continue;
    atomic_store(&server->shared.is_trimming, false);
}
