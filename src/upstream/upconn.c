/* Who makes which transition: weir_upconn_open → CONNECTING; on_established → BUSY;
 * weir_idle_give → IDLE; weir_idle_take → BUSY; weir_upconn_adopt → BUSY; weir_upconn_close →
 * CLOSING. */
#include "weir/upstream/upconn.h"

#include "weir/base/assert.h"
#include "weir/base/log.h"
#include "weir/base/random.h"
#include "weir/net/announce.h"
#include "weir/upstream/idle.h"
#include "weir/upstream/ports.h"
#include "weir/upstream/principal.h"
#include "weir/upstream/waitq.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <utlist.h>

enum { UPCONNS_KEPT = 1024, WAITERS_KEPT = 1024, PRINCIPALS_KEPT = 1024, AGAIN_MS = 10 };

#define UPCONN_OF(pointer, member)                                                                 \
    ((struct weir_upconn *)(void *)((char *)(pointer)-offsetof(struct weir_upconn, member)))

static const char *const state_names[] = {
#define NAME(name) #name,
    WEIR_UPCONN_STATES(NAME)
#undef NAME
};

/* Which state may follow which. */
#define BIT(state) (1u << WEIR_UPCONN_##state)
static const unsigned legal[WEIR_UPCONN_STATE_COUNT] = {
    [WEIR_UPCONN_CONNECTING] = BIT(BUSY) | BIT(CLOSING),
    [WEIR_UPCONN_BUSY] = BIT(IDLE) | BIT(CLOSING),
    [WEIR_UPCONN_IDLE] = BIT(BUSY) | BIT(CLOSING),
    [WEIR_UPCONN_CLOSING] = 0,
};

void weir_upstream_init(struct weir_upstream *upstream, struct weir_loop *loop, unsigned worker)
{
    *upstream = (struct weir_upstream){
        .loop = loop, .worker = worker, .next_id = 1, .random = 2463534242u + worker};
    weir_slab_init(&upstream->upconns, sizeof(struct weir_upconn), UPCONNS_KEPT);
    weir_slab_init(&upstream->waiters, weir_waiter_bytes(), WAITERS_KEPT);
    weir_slab_init(&upstream->principals, sizeof(struct weir_principal), PRINCIPALS_KEPT);
}

void weir_upstream_fini(struct weir_upstream *upstream)
{
    WEIR_ASSERT(!upstream->all);
    weir_slab_fini(&upstream->upconns);
    weir_slab_fini(&upstream->waiters);
    weir_slab_fini(&upstream->principals);
    weir_poisons_fini(&upstream->poisons);
}

enum weir_close_reason weir_upconn_recall(const struct weir_upconn *upconn)
{
    const struct weir_pool *pool = upconn->pool;

    if (atomic_load(&upconn->server->shared.is_retired) ||
        upconn->life.server_epoch != atomic_load(&upconn->server->shared.epoch))
        return WEIR_CLOSED_server_gone;
    if (atomic_load(&pool->shared.is_paused) || !weir_server_is_up(upconn->server) ||
        upconn->life.epoch != atomic_load(&pool->shared.epoch))
        return WEIR_CLOSED_flushed;
    return WEIR_CLOSED_NOT;
}

static bool is_for_nobody(const struct weir_upconn *upconn)
{
    return upconn->state == WEIR_UPCONN_IDLE ||
           (upconn->state == WEIR_UPCONN_CONNECTING && upconn->events->is_ahead);
}

void weir_upstream_sweep(struct weir_upstream *upstream, bool only_recalled)
{
    struct weir_upconn *upconn, *following;

    DL_FOREACH_SAFE2(upstream->all, upconn, following, all_next) {
        enum weir_close_reason reason = weir_upconn_recall(upconn);
        if (only_recalled)
            weir_idle_trim(upconn);
        if (!is_for_nobody(upconn))
            continue;
        if (reason == WEIR_CLOSED_NOT && !only_recalled)
            reason = WEIR_CLOSED_shutdown;
        if (reason == WEIR_CLOSED_NOT) {
            if (weir_waitq_has_waiters(upconn->pool))
                weir_waitq_grant_idle(upstream, upconn->pool, upconn->server);
        } else if (upconn->state == WEIR_UPCONN_CONNECTING || weir_idle_remove(upconn)) {
            weir_upconn_close(upconn, reason);
        }
    }
}

void weir_upstream_flush(struct weir_upstream *upstream, const struct weir_pool *pool)
{
    struct weir_upconn *upconn, *following;

    DL_FOREACH_SAFE2(upstream->all, upconn, following, all_next) {
        if (upconn->pool == pool && upconn->state == WEIR_UPCONN_IDLE && weir_idle_remove(upconn))
            weir_upconn_close(upconn, WEIR_CLOSED_flushed);
    }
}

const char *weir_upconn_state_name(enum weir_upconn_state state)
{
    static const char *const words[WEIR_UPCONN_STATE_COUNT] = {
        [WEIR_UPCONN_CONNECTING] = "connecting",
        [WEIR_UPCONN_BUSY] = "active",
        [WEIR_UPCONN_IDLE] = "idle",
        [WEIR_UPCONN_CLOSING] = "closing",
    };

    return words[state];
}

const char *weir_upconn_describe(const struct weir_upconn *upconn)
{
    static _Thread_local char text[256];

    snprintf(text, sizeof(text), "upconn %llu to %s, %s, %llu requests%s",
             (unsigned long long)upconn->life.id, upconn->server->name, state_names[upconn->state],
             (unsigned long long)upconn->life.requests, upconn->is_taken ? ", taken" : "");
    return text;
}

void weir_upconn_become(struct weir_upconn *upconn, enum weir_upconn_state state)
{
    struct weir_server_counters *counters = weir_upconn_counters(upconn);

    WEIR_ASSERT_SHOW(legal[upconn->state] & 1u << state, weir_upconn_describe(upconn));
    if (upconn->state == WEIR_UPCONN_CONNECTING)
        weir_count(&counters->connections_connecting, (uint64_t)-1);
    if (state == WEIR_UPCONN_CLOSING && upconn->principal)
        weir_principal_forget(upconn);
    upconn->state = state;
}

static void on_stream_ready(struct weir_stream *stream, unsigned ready);
static void on_stream_closed(struct weir_stream *stream);
static void on_deadline(struct weir_deadline *deadline);

static struct weir_upconn *make(struct weir_upstream *upstream, struct weir_server *server,
                                struct weir_pool *pool, const struct weir_pool_settings *settings)
{
    struct weir_upconn *upconn = weir_slab_take(&upstream->upconns);

    if (!upconn)
        return NULL;
    *upconn = (struct weir_upconn){
        .upstream = upstream, .server = server, .pool = pool, .settings = *settings};
    upconn->stream.on_ready = on_stream_ready;
    upconn->stream.on_closed = on_stream_closed;
    upconn->deadline.on_expire = on_deadline;
    return upconn;
}

/* From here on the object is known, and ends in on_stream_closed. */
static void enlist(struct weir_upconn *upconn, enum weir_upconn_state state)
{
    weir_server_ref(upconn->server);
    weir_pool_ref(upconn->pool);
    DL_APPEND2(upconn->upstream->all, upconn, all_prev, all_next);
    upconn->state = state;
}

/* Once it is known that the server is in trouble, or told of elsewhere, each failure is no news. */
static enum weir_log_level failure_level(struct weir_server *server,
                                         const struct weir_upconn_events *events)
{
    return events->is_ahead || !weir_server_is_well(server) ? WEIR_LOG_DEBUG : WEIR_LOG_WARN;
}

static uint64_t age_limit(struct weir_upstream *upstream, uint64_t now_ms, uint64_t max_ms)
{
    /* 10 % earlier at the most: never above what was configured. */
    return max_ms > 0
               ? now_ms + max_ms - max_ms / 10 * (weir_random_next(&upstream->random) % 1024) / 1024
               : 0;
}

struct weir_upconn *weir_upconn_open(struct weir_upstream *upstream, struct weir_server *server,
                                     const struct weir_pool_plan *plan,
                                     const struct weir_upconn_events *events, void *owner,
                                     enum weir_error *error)
{
    struct weir_pool *pool = plan->pool;
    const struct weir_pool_settings *settings = &plan->settings;
    struct weir_upconn *upconn = make(upstream, server, pool, settings);
    uint64_t now_ms = weir_loop_now_ms(upstream->loop);
    enum weir_close_reason reason;

    weir_count(&server->slots[upstream->worker].counters.connections_opened, 1);
    *error = upconn ? weir_ports_connect(upstream, plan, server, &upconn->stream) : WEIR_NO_MEMORY;
    if (*error)
        goto fail;
    enlist(upconn, WEIR_UPCONN_CONNECTING);
    upconn->life.id = upstream->next_id++ << 8 | upstream->worker;
    upconn->life.opened_ms = now_ms;
    upconn->life.epoch = atomic_load(&pool->shared.epoch);
    upconn->life.server_epoch = atomic_load(&server->shared.epoch);
    upconn->life.ends_ms = age_limit(upstream, now_ms, settings->age_ms_max);
    upconn->events = events;
    upconn->owner = owner;
    upconn->connect_started_us = weir_loop_now_us(upstream->loop);
    weir_count(&weir_upconn_counters(upconn)->connections_connecting, 1);
    if (events->is_ahead)
        atomic_fetch_add(&server->pace.opening, 1);
    if (upconn->stream.fd < 0) {
        weir_loop_deadline(upstream->loop, &upconn->deadline, AGAIN_MS);
        return upconn;
    }
    if (weir_stream_want(&upconn->stream, WEIR_WANT_WRITE) != 0) {
        upconn->owner = NULL;
        weir_upconn_close(upconn, WEIR_CLOSED_error);
        *error = WEIR_NO_MEMORY;
        return NULL;
    }
    weir_loop_deadline(upstream->loop, &upconn->deadline, settings->connect_ms);
    return upconn;
fail:
    reason = *error == WEIR_NO_PORT ? WEIR_CLOSED_no_port : WEIR_CLOSED_error;
    if (upconn)
        weir_slab_give(&upstream->upconns, upconn);
    weir_count(&server->slots[upstream->worker].closed[reason], 1);
    weir_pool_slot_free(upstream, pool, server, settings);
    return NULL;
}

struct weir_upconn *weir_upconn_adopt(struct weir_upstream *upstream, struct weir_server *server,
                                      struct weir_pool *pool,
                                      const struct weir_pool_settings *settings,
                                      struct weir_upconn_parcel *parcel)
{
    struct weir_upconn *upconn = make(upstream, server, pool, settings);

    if (!upconn) {
        weir_parcel_drop(&parcel->stream);
        weir_count(&server->slots[upstream->worker].closed[WEIR_CLOSED_error], 1);
        weir_pool_slot_free(upstream, pool, server, settings);
        return NULL;
    }
    weir_stream_adopt(&upconn->stream, upstream->loop, &parcel->stream);
    enlist(upconn, WEIR_UPCONN_BUSY);
    upconn->life = parcel->life;
    upconn->is_suspect = true;
    if (weir_stream_want(&upconn->stream, WEIR_WANT_READ) != 0) {
        weir_upconn_close(upconn, WEIR_CLOSED_error);
        return NULL;
    }
    return upconn;
}

int weir_upconn_send_off(struct weir_upconn *upconn, struct weir_upconn_parcel *parcel)
{
    int error;

    WEIR_ASSERT(upconn->state == WEIR_UPCONN_BUSY);
    parcel->life = upconn->life;
    error = weir_stream_detach(&upconn->stream, &parcel->stream);
    if (error)
        weir_upconn_close(upconn, WEIR_CLOSED_error);
    else {
        weir_deadline_cancel(&upconn->deadline);
        weir_upconn_become(upconn, WEIR_UPCONN_CLOSING);
    }
    return error;
}

static void return_idle(struct weir_upconn *upconn)
{
    weir_idle_return(upconn);
    /* Who has looked for one meanwhile did not find it. */
    if (weir_waitq_has_waiters(upconn->pool))
        weir_waitq_grant_idle(upconn->upstream, upconn->pool, upconn->server);
}

/* A server that does not like weir's certificate may say so only once the handshake is over. */
static void on_idle_fault(struct weir_upconn *upconn)
{
    struct weir_upstream *upstream = upconn->upstream;

    weir_upconn_note_fault(upconn, "an idle connection failed");
    if (upconn->life.requests == 0)
        (void)weir_pace_failed(&upconn->server->pace, weir_loop_now_ms(upstream->loop),
                               weir_random_next(&upstream->random));
    weir_upconn_close(upconn, WEIR_CLOSED_error);
}

/* The server opened its mouth, or closed, while nobody had asked it anything. */
static void on_idle_event(struct weir_upconn *upconn)
{
    uint64_t now_ms = weir_loop_now_ms(upconn->upstream->loop);
    bool is_unused = upconn->life.requests == 0;
    char unasked[WEIR_POISON_BYTES];
    ssize_t n;

    if (!weir_idle_borrow(upconn)) {
        (void)weir_stream_want(&upconn->stream, WEIR_WANT_NONE);
        return;
    }
    n = weir_stream_read(&upconn->stream, unasked, sizeof(unasked));
    if (n == WEIR_STREAM_PAUSED && !weir_stream_reads_by_writing(&upconn->stream)) {
        /* It was for TLS alone: a ticket, a new key. */
        return_idle(upconn);
        return;
    }
    weir_idle_keep(upconn);
    if (weir_stream_fault(&upconn->stream)) {
        on_idle_fault(upconn);
        return;
    }
    /* To one that it has never been asked anything on, it may say that it waited long enough. */
    if (n > 0)
        weir_log(is_unused ? WEIR_LOG_INFO : WEIR_LOG_WARN,
                 "%s: %s: sent %zd bytes that no request had asked for", upconn->pool->name,
                 upconn->server->name, n);
    if (n > 0)
        weir_poison_keep(upconn, unasked, (size_t)n);
    upconn->ended_first = n == WEIR_STREAM_END || n == WEIR_STREAM_CUT;
    if (n <= 0 || is_unused)
        weir_idle_note_end(upconn, now_ms - upconn->life.idle_since_ms, upconn->life.requests);
    weir_upconn_close(upconn, n > 0 ? WEIR_CLOSED_poisoned : WEIR_CLOSED_by_server_idle);
}

static void fail_to_connect(struct weir_upconn *upconn, enum weir_close_reason reason,
                            enum weir_error error)
{
    void *owner = upconn->owner;

    weir_upconn_close(upconn, reason);
    upconn->events->on_connected(owner, error);
}

/* Requests may be sent. */
static void on_established(struct weir_upconn *upconn)
{
    struct weir_server_slot *slot = &upconn->server->slots[upconn->upstream->worker];
    struct weir_loop *loop = upconn->upstream->loop;

    if (weir_stream_want(&upconn->stream, WEIR_WANT_READ) != 0) {
        fail_to_connect(upconn, WEIR_CLOSED_error, WEIR_NO_MEMORY);
        return;
    }
    weir_deadline_cancel(&upconn->deadline);
    weir_histogram_add(&slot->connect_us, weir_loop_now_us(loop) - upconn->connect_started_us);
    if (weir_pace_connected(&upconn->server->pace, weir_loop_now_ms(loop)))
        weir_log(WEIR_LOG_INFO, "%s: %s: can be connected to again", upconn->pool->name,
                 upconn->server->name);
    weir_upconn_become(upconn, WEIR_UPCONN_BUSY);
    upconn->events->on_connected(upconn->owner, WEIR_OK);
}

/* The handshake goes on as far as it can. */
static void on_handshake(struct weir_upconn *upconn)
{
    struct weir_server_counters *counters = weir_upconn_counters(upconn);
    unsigned wants = WEIR_WANT_READ;
    int error = weir_stream_handshake(&upconn->stream, &wants);
    bool is_untrusted = error && weir_stream_is_untrusted(&upconn->stream);

    if (error == WEIR_STREAM_PAUSED) {
        if (weir_stream_want(&upconn->stream, wants) != 0)
            fail_to_connect(upconn, WEIR_CLOSED_error, WEIR_NO_MEMORY);
        return;
    }
    if (error == 0) {
        weir_count(&counters->tls_handshakes, 1);
        if (weir_stream_is_resumed(&upconn->stream))
            weir_count(&counters->tls_resumed, 1);
        on_established(upconn);
        return;
    }
    weir_tls_sessions_clear(&upconn->server->tls.sessions);
    if (is_untrusted)
        weir_count(&counters->tls_untrusted, 1);
    weir_upconn_note_fault(upconn, is_untrusted       ? "the server's certificate is not accepted"
                                   : error == -EPROTO ? "the handshake failed"
                                                      : "the server ended the connection in the "
                                                        "handshake");
    fail_to_connect(upconn, WEIR_CLOSED_error, is_untrusted ? WEIR_TLS_UNTRUSTED : WEIR_TLS_FAILED);
}

static void start_tls(struct weir_upconn *upconn, struct weir_server_tls *tls)
{
    struct ssl_st *ssl = weir_tls_dialer_dial(tls->dialer, tls->name, &tls->sessions);

    upconn->life.plain_out = upconn->life.bytes_out;
    if (ssl && weir_stream_start_tls(&upconn->stream, ssl) == 0)
        on_handshake(upconn);
    else
        fail_to_connect(upconn, WEIR_CLOSED_error, WEIR_NO_MEMORY);
}

static ssize_t count_in(struct weir_upconn *upconn, ssize_t n)
{
    if (n > 0) {
        upconn->life.bytes_in += (uint64_t)n;
        weir_count(&weir_upconn_counters(upconn)->bytes_in, (uint64_t)n);
    }
    upconn->ended_first |= n == WEIR_STREAM_END || n == WEIR_STREAM_CUT;
    return n;
}

static ssize_t count_out(struct weir_upconn *upconn, ssize_t n)
{
    if (n > 0) {
        upconn->life.bytes_out += (uint64_t)n;
        weir_count(&weir_upconn_counters(upconn)->bytes_out, (uint64_t)n);
    }
    return n;
}

/* Tells the server whose connection this is. Fails: -errno. */
static int announce(struct weir_upconn *upconn)
{
    const struct weir_principal *principal = upconn->principal;
    ssize_t n = weir_announce_write(&upconn->stream, upconn->server->announces, &principal->source,
                                    &principal->destination);

    return count_out(upconn, n) < 0 ? (int)n : 0;
}

static void on_connect_ended(struct weir_upconn *upconn)
{
    struct weir_server *server = upconn->server;
    int error = weir_stream_connected(&upconn->stream);
    uint64_t us;

    if (error == 0 && upconn->principal)
        error = announce(upconn);
    if (error) {
        weir_log(failure_level(server, upconn->events), "%s: %s: connecting failed: %s",
                 upconn->pool->name, server->name, strerror(-error));
        fail_to_connect(upconn, WEIR_CLOSED_error, WEIR_CONNECT_FAILED);
        return;
    }
    us = weir_loop_now_us(upconn->upstream->loop) - upconn->connect_started_us;
    weir_lesson_connected(&server->lesson, us);
    weir_lesson_connected(&server->patience, us);
    if (weir_server_tls(server))
        start_tls(upconn, weir_server_tls(server));
    else
        on_established(upconn);
}

static void on_stream_ready(struct weir_stream *stream, unsigned ready)
{
    struct weir_upconn *upconn = UPCONN_OF(stream, stream);

    switch (upconn->state) {
    case WEIR_UPCONN_CONNECTING:
        if (weir_stream_is_plain(stream))
            on_connect_ended(upconn);
        else
            on_handshake(upconn);
        break;
    case WEIR_UPCONN_BUSY:
        /* On its way to a waiter it has no owner; what is ready now will be ready then. */
        if (upconn->owner)
            upconn->events->on_ready(upconn->owner, ready);
        break;
    case WEIR_UPCONN_IDLE:
        on_idle_event(upconn);
        break;
    default:
        break;
    }
}

static void on_idle_deadline(struct weir_upconn *upconn)
{
    uint64_t now_ms = weir_loop_now_ms(upconn->upstream->loop);
    uint64_t limit_ms = weir_idle_limit_ms(upconn);
    bool is_learned = limit_ms != upconn->settings.idle_timeout_ms;
    bool is_old = upconn->life.ends_ms > 0 && now_ms >= upconn->life.ends_ms;

    if (!is_old && (limit_ms == 0 || now_ms < upconn->life.idle_since_ms + limit_ms))
        weir_idle_watch(upconn);
    else if (weir_idle_remove(upconn)) {
        if (is_learned && !is_old && upconn->life.requests == 0)
            weir_pace_unused(&upconn->server->pace, now_ms - upconn->life.idle_since_ms, now_ms,
                             weir_random_next(&upconn->upstream->random));
        weir_upconn_close(upconn, is_old       ? WEIR_CLOSED_max_age
                                  : is_learned ? WEIR_CLOSED_learned_idle
                                               : WEIR_CLOSED_idle_timeout);
    }
}

/* The queue of a Unix socket was full: of TCP the kernel would have sent another SYN by now. True:
 * that is all for now. */
static bool connect_again(struct weir_upconn *upconn)
{
    struct weir_loop *loop = upconn->upstream->loop;
    uint64_t since_us = weir_loop_now_us(loop) - upconn->connect_started_us;
    uint64_t limit_us = upconn->settings.connect_ms * 1000;
    enum weir_connect_fault fault;
    void *owner = upconn->owner;
    int error;

    if (upconn->stream.fd >= 0 || (limit_us > 0 && since_us >= limit_us))
        return false;
    error = weir_stream_connect(&upconn->stream, loop, &upconn->server->address, NULL, &fault);
    if (error == 0)
        error = weir_stream_want(&upconn->stream, WEIR_WANT_WRITE);
    weir_loop_deadline(loop, &upconn->deadline, error ? AGAIN_MS : upconn->settings.connect_ms);
    if (error == 0 || (upconn->stream.fd < 0 && fault == WEIR_CONNECT_FAULT_FULL))
        return true;
    weir_log(failure_level(upconn->server, upconn->events), "%s: %s: connecting failed: %s",
             upconn->pool->name, upconn->server->name, strerror(-error));
    weir_upconn_close(upconn, WEIR_CLOSED_error);
    upconn->events->on_connected(owner, WEIR_CONNECT_FAILED);
    return true;
}

static void on_deadline(struct weir_deadline *deadline)
{
    struct weir_upconn *upconn = UPCONN_OF(deadline, deadline);

    if (upconn->state == WEIR_UPCONN_IDLE) {
        on_idle_deadline(upconn);
        return;
    }
    if (upconn->state == WEIR_UPCONN_BUSY)
        return; /* it was set when it was idle last */
    WEIR_ASSERT_SHOW(upconn->state == WEIR_UPCONN_CONNECTING, weir_upconn_describe(upconn));
    if (connect_again(upconn))
        return;
    weir_log(failure_level(upconn->server, upconn->events),
             "%s: %s: connecting took longer than %llu ms%s", upconn->pool->name,
             upconn->server->name, (unsigned long long)upconn->settings.connect_ms,
             weir_stream_is_plain(&upconn->stream) ? "" : ", the TLS handshake included");
    fail_to_connect(upconn, WEIR_CLOSED_timeout, WEIR_CONNECT_TIMEOUT);
}

void weir_upconn_close(struct weir_upconn *upconn, enum weir_close_reason reason)
{
    struct weir_server_slot *slot = &upconn->server->slots[upconn->upstream->worker];
    bool was_connected = upconn->state != WEIR_UPCONN_CONNECTING;
    bool is_reset = was_connected && upconn->settings.close == WEIR_CLOSE_RESET;

    if (upconn->state == WEIR_UPCONN_CLOSING)
        return;
    weir_upconn_become(upconn, WEIR_UPCONN_CLOSING);
    if (!was_connected && upconn->events->is_ahead)
        atomic_fetch_sub(&upconn->server->pace.opening, 1);
    upconn->owner = NULL;
    weir_deadline_cancel(&upconn->deadline);
    weir_count(&slot->closed[reason], 1);
    if (is_reset) {
        weir_stream_reset(&upconn->stream);
    } else {
        /* The side whose FIN went first keeps TIME_WAIT. */
        if (upconn->ended_first && !weir_server_is_unix(upconn->server))
            weir_count(&slot->counters.time_waits_left, 1);
        weir_stream_close(&upconn->stream);
    }
    if (is_reset)
        weir_server_give_port(upconn->server);
    weir_pool_slot_free(upconn->upstream, upconn->pool, upconn->server, &upconn->settings);
}

static void on_stream_closed(struct weir_stream *stream)
{
    struct weir_upconn *upconn = UPCONN_OF(stream, stream);

    DL_DELETE2(upconn->upstream->all, upconn, all_prev, all_next);
    weir_server_unref(upconn->server);
    weir_pool_unref(upconn->pool);
    weir_slab_give(&upconn->upstream->upconns, upconn);
}

ssize_t weir_upconn_read(struct weir_upconn *upconn, char *data, size_t len)
{
    return count_in(upconn, weir_stream_read(&upconn->stream, data, len));
}

ssize_t weir_upconn_write(struct weir_upconn *upconn, struct weir_gather *gather)
{
    return count_out(upconn, weir_stream_write(&upconn->stream, gather));
}

ssize_t weir_upconn_fill(struct weir_upconn *upconn, struct weir_pipe *pipe, uint64_t max)
{
    return count_in(upconn, weir_pipe_fill(pipe, &upconn->stream, max));
}

ssize_t weir_upconn_drain(struct weir_upconn *upconn, struct weir_pipe *pipe)
{
    return count_out(upconn, weir_pipe_drain(pipe, &upconn->stream));
}

uint64_t weir_upconn_wire_out(const struct weir_upconn *upconn)
{
    if (weir_stream_is_plain(&upconn->stream))
        return upconn->life.bytes_out;
    return upconn->life.plain_out + weir_stream_wire_out(&upconn->stream);
}

void weir_upconn_note_fault(struct weir_upconn *upconn, const char *what)
{
    const char *fault = weir_stream_fault(&upconn->stream);
    struct weir_server *server = upconn->server;

    weir_count(&weir_upconn_counters(upconn)->tls_failed, 1);
    atomic_store(&server->tls.fault, fault ? fault : what);
    weir_log(failure_level(server, upconn->events), "%s: %s: TLS: %s%s%s (server name %s)",
             upconn->pool->name, server->name, what, fault ? ": " : "", fault ? fault : "",
             server->tls.name);
}
