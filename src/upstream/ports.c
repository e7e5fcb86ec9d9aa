#include "weir/upstream/ports.h"

#include "weir/base/assert.h"
#include "weir/base/log.h"
#include "weir/upstream/upconn.h"
#include "weir/upstream/waitq.h"

#include <errno.h>
#include <stdio.h>
#include <utlist.h>

enum { TELL_EACH_MS = 10000 };

size_t weir_ports_count_sources(const struct weir_config_pool *pool, sa_family_t family)
{
    size_t n = 0;

    for (size_t i = 0; i < pool->n_sources; i++)
        n += pool->sources[i].any.sa_family == family;
    return n;
}

const struct weir_address *weir_ports_source(const struct weir_config_pool *pool,
                                             sa_family_t family, size_t turn)
{
    size_t n = weir_ports_count_sources(pool, family), left;

    if (n == 0)
        return NULL;
    left = turn % n;
    for (size_t i = 0; i < pool->n_sources; i++) {
        if (pool->sources[i].any.sa_family == family && left-- == 0)
            return &pool->sources[i];
    }
    return NULL;
}

uint64_t weir_ports_next_hold_ms(uint64_t last_ms)
{
    if (last_ms == 0)
        return WEIR_PORTS_HOLD_MS;
    return last_ms * 2 < WEIR_PORTS_HOLD_MS_MAX ? last_ms * 2 : WEIR_PORTS_HOLD_MS_MAX;
}

/* ---- The pause ---- */

/* New connections are opened again. */
static void release(struct weir_ports_hold *hold)
{
    weir_deadline_cancel(&hold->deadline);
    DL_DELETE(hold->upstream->holds, hold);
    atomic_store(&hold->server->shared.is_held, false);
}

/* The server may go with its last reference, and the hold in it. */
static void forget(struct weir_ports_hold *hold)
{
    struct weir_server *server = hold->server;

    weir_pool_unref(hold->pool);
    hold->server = NULL;
    weir_server_unref(server);
}

static void on_deadline(struct weir_deadline *deadline)
{
    struct weir_ports_hold *hold =
        (struct weir_ports_hold *)(void *)((char *)deadline -
                                           offsetof(struct weir_ports_hold, deadline));

    weir_log(WEIR_LOG_INFO, "%s: %s: new connections are tried again after %llu ms",
             hold->pool->name, hold->server->name, (unsigned long long)hold->ms);
    release(hold);
    while (weir_waitq_grant_slot(hold->upstream, hold->pool, hold->server, hold->connections_max))
        continue;
    forget(hold);
}

void weir_ports_end_holds(struct weir_upstream *upstream)
{
    while (upstream->holds) {
        struct weir_ports_hold *hold = upstream->holds;
        release(hold);
        forget(hold);
    }
}

static void tell_exhausted(const struct weir_pool_plan *plan, const struct weir_server *server,
                           uint64_t ms)
{
    sa_family_t family = server->address.any.sa_family;
    size_t n = weir_ports_count_sources(plan->config, family);
    char to[WEIR_ADDRESS_TEXT_MAX], from[WEIR_ADDRESS_TEXT_MAX], sources[200] = "";

    if (n > 0)
        snprintf(sources, sizeof(sources), " from %s",
                 weir_address_describe_host(weir_ports_source(plan->config, family, 0), from));
    if (n > 1)
        snprintf(sources, sizeof(sources), " from %s or any other of %zu `source` addresses", from,
                 n);
    weir_log(WEIR_LOG_WARN,
             "%s: %s: no local port is left towards %s%s, no new connections for %llu ms: see "
             "net.ipv4.ip_local_port_range, more `source` addresses, or fewer connections",
             plan->pool->name, server->name, weir_address_describe(&server->address, to), sources,
             (unsigned long long)ms);
}

/* A pause that another worker has begun will do. */
static enum weir_error begin_hold(struct weir_upstream *upstream, const struct weir_pool_plan *plan,
                                  struct weir_server *server)
{
    struct weir_ports_hold *hold = &server->slots[upstream->worker].hold;
    bool was_held = false;

    atomic_store(&server->shared.ports_given, 0);
    if (!atomic_compare_exchange_strong(&server->shared.is_held, &was_held, true))
        return WEIR_NO_PORT;
    WEIR_ASSERT(!hold->server);
    *hold = (struct weir_ports_hold){
        .ms = weir_ports_next_hold_ms(atomic_load(&server->shared.hold_ms)),
        .connections_max = plan->settings.connections_max,
        .upstream = upstream};
    hold->deadline.on_expire = on_deadline;
    weir_loop_deadline(upstream->loop, &hold->deadline, hold->ms);
    if (!hold->deadline.list) {
        atomic_store(&server->shared.is_held, false);
        return WEIR_NO_MEMORY;
    }
    atomic_store(&server->shared.hold_ms, (unsigned)hold->ms);
    hold->server = weir_server_ref(server);
    hold->pool = weir_pool_ref(plan->pool);
    DL_APPEND(upstream->holds, hold);
    tell_exhausted(plan, server, hold->ms);
    return WEIR_NO_PORT;
}

/* ---- Connecting ---- */

/* May this be logged, or was the like of it a moment ago? */
static bool may_tell(struct weir_upstream *upstream, struct weir_server *server)
{
    uint64_t now_ms = weir_loop_now_ms(upstream->loop);
    uint64_t told_ms = atomic_load(&server->shared.told_ms);

    return (told_ms == 0 || now_ms >= told_ms + TELL_EACH_MS) &&
           atomic_compare_exchange_strong(&server->shared.told_ms, &told_ms, now_ms);
}

static void tell_source(struct weir_upstream *upstream, const struct weir_pool_plan *plan,
                        struct weir_server *server, const struct weir_address *source, int error)
{
    char from[WEIR_ADDRESS_TEXT_MAX];

    if (!may_tell(upstream, server))
        return;
    weir_address_describe_host(source, from);
    if (error == -EADDRNOTAVAIL)
        weir_log(WEIR_LOG_ERROR,
                 "%s: %s: source %s is not an address of this host: add it to an interface, or "
                 "remove it from `source`",
                 plan->pool->name, server->name, from);
    else
        weir_log(WEIR_LOG_ERROR, "%s: %s: source %s cannot be bound: %s", plan->pool->name,
                 server->name, from, strerror(-error));
}

static enum weir_error tell_no_source(struct weir_upstream *upstream,
                                      const struct weir_pool_plan *plan, struct weir_server *server)
{
    char to[WEIR_ADDRESS_TEXT_MAX];

    if (may_tell(upstream, server))
        weir_log(WEIR_LOG_ERROR, "%s: %s: none of the `source` addresses is of the family of %s",
                 plan->pool->name, server->name, weir_address_describe(&server->address, to));
    return WEIR_BAD_SOURCE;
}

static enum weir_error tell_no_socket(struct weir_upstream *upstream,
                                      const struct weir_pool_plan *plan, struct weir_server *server,
                                      int error)
{
    if (may_tell(upstream, server))
        weir_log(WEIR_LOG_ERROR, "%s: %s: cannot open a connection, which is not its fault: %s",
                 plan->pool->name, server->name, strerror(-error));
    return WEIR_NO_SOCKET;
}

static enum weir_error tell_failure(const struct weir_pool_plan *plan, struct weir_server *server,
                                    int error)
{
    weir_log(weir_server_is_well(server) ? WEIR_LOG_WARN : WEIR_LOG_DEBUG,
             "%s: %s: cannot open a connection: %s", plan->pool->name, server->name,
             strerror(-error));
    return WEIR_CONNECT_FAILED;
}

static void note_success(struct weir_server *server)
{
    if (atomic_load_explicit(&server->shared.hold_ms, memory_order_relaxed) > 0 &&
        !weir_server_is_held(server))
        atomic_store(&server->shared.hold_ms, 0);
}

enum weir_error weir_ports_connect(struct weir_upstream *upstream,
                                   const struct weir_pool_plan *plan, struct weir_server *server,
                                   struct weir_stream *stream)
{
    struct weir_pool_slot *slot = &plan->pool->slots[upstream->worker];
    sa_family_t family = server->address.any.sa_family;
    size_t n = weir_ports_count_sources(plan->config, family), first = 0;
    bool is_exhausted = false;

    if (plan->config->n_sources > 0 && n == 0 && family != AF_UNIX)
        return tell_no_source(upstream, plan, server);
    /* The workers begin at different ones. */
    if (n > 0)
        first = upstream->worker + slot->source_turn++;
    for (size_t i = 0; i == 0 || i < n; i++) {
        const struct weir_address *source = weir_ports_source(plan->config, family, first + i);
        enum weir_connect_fault fault;
        int error = weir_stream_connect(stream, upstream->loop, &server->address, source, &fault);

        if (error == 0) {
            note_success(server);
            return WEIR_OK;
        }
        if (fault == WEIR_CONNECT_FAULT_FULL) {
            weir_stream_init(stream, upstream->loop, -1);
            return WEIR_OK;
        }
        if (fault == WEIR_CONNECT_FAULT_OTHER)
            return tell_failure(plan, server, error);
        if (fault == WEIR_CONNECT_FAULT_SOCKETS)
            return tell_no_socket(upstream, plan, server, error);
        if (fault == WEIR_CONNECT_FAULT_SOURCE) {
            tell_source(upstream, plan, server, source, error);
        } else {
            is_exhausted = true;
            weir_count(&server->slots[upstream->worker].counters.ports_exhausted, 1);
        }
    }
    return is_exhausted ? begin_hold(upstream, plan, server) : WEIR_BAD_SOURCE;
}
