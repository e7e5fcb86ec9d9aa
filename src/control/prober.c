/* What one check asks is probe.c's; here is which checks there are, and what follows when a server
 * turns out to be down, or up again. */
#include "weir/control/prober.h"

#include "weir/control/probe.h"
#include "weir/control/round.h"
#include "weir/upstream/ports.h"
#include "weir/upstream/waitq.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* The first checks of servers that are new are spread over the interval. */
enum { PHASES = 16 };

struct check {
    struct weir_prober *prober;
    struct weir_pool *pool;     /* referenced */
    struct weir_server *server; /* referenced; the key */
    struct weir_probe_order order;
    uint64_t interval_ms, rise, fall;
    size_t turn; /* whose it is among the pool's sources */
    struct weir_deadline tick;
    struct weir_probe *probe; /* NULL: none is under way */
    bool is_ending;
    unsigned epoch;
    UT_hash_handle hh;
};

struct weir_prober {
    struct weir_control *control;
    struct check *checks;
    unsigned epoch, phase;
};

/* ---- What follows ---- */

static void on_all_swept(struct weir_round *round)
{
    weir_round_fini(round);
    free(round);
}

/* Each worker puts in order what it has of servers that went down. */
static void sweep_workers(struct weir_control *control)
{
    static const struct weir_errand errand = {.act = NULL};
    struct weir_round *round = calloc(1, sizeof(*round));

    if (!round || !weir_round_init(round, control)) {
        free(round); /* their connections close as they come free */
        return;
    }
    round->on_all_back = on_all_swept;
    weir_round_send(round, control, &errand);
}

static const struct weir_pool_plan *find_plan(const struct check *check)
{
    return weir_generation_find_pool(check->prober->control->generation, check->pool);
}

static void judge(struct check *check, bool is_good, const char *why)
{
    const struct weir_pool_plan *plan = find_plan(check);
    struct weir_server *server = check->server;

    if (!plan || !weir_health_probed(&server->shared.health, is_good, check->rise, check->fall,
                                     uv_hrtime() / 1000000))
        return;
    if (is_good) {
        weir_log(WEIR_LOG_INFO, "%s: %s: up: %llu checks in a row went well, the last: %s",
                 check->pool->name, server->name, (unsigned long long)check->rise, why);
    } else {
        weir_log(WEIR_LOG_WARN, "%s: %s: down: %llu checks in a row failed, the last: %s",
                 check->pool->name, server->name, (unsigned long long)check->fall, why);
        weir_server_recall(server);
        sweep_workers(check->prober->control);
    }
    weir_waitq_reconsider(check->pool);
    weir_pool_serve_waiters(plan);
}

/* ---- One check ---- */

static void destroy(struct check *check)
{
    weir_server_unref(check->server);
    weir_pool_unref(check->pool);
    free(check->order.request);
    free(check);
}

static void on_verdict(void *owner, bool is_good, const char *why)
{
    judge(owner, is_good, why);
}

static void on_gone(void *owner)
{
    struct check *check = owner;

    check->probe = NULL;
    if (check->is_ending)
        destroy(check);
}

/* As requests come from the pool's sources in turn, so do checks. */
static void choose_source(struct check *check)
{
    const struct weir_pool_plan *plan = find_plan(check);
    const struct weir_address *source =
        plan ? weir_ports_source(plan->config, check->order.address.any.sa_family, check->turn++)
             : NULL;

    check->order.source = source ? *source : (struct weir_address){.len = 0};
}

static void on_tick(struct weir_deadline *deadline)
{
    static const struct weir_probe_events events = {.on_verdict = on_verdict, .on_gone = on_gone};
    struct check *check = (struct check *)(void *)((char *)deadline - offsetof(struct check, tick));
    struct weir_loop *loop = &check->prober->control->loop;
    enum weir_connect_fault fault;
    char why[WEIR_PROBE_WHY_MAX];

    weir_loop_deadline(loop, &check->tick, check->interval_ms);
    if (check->probe)
        return; /* the last one still waits for its answer */
    choose_source(check);
    check->probe = weir_probe_start(loop, &check->order, &events, check, why, &fault);
    if (check->probe)
        return;
    /* Who does not empty a queue for so long does not answer either. */
    if (fault == WEIR_CONNECT_FAULT_OTHER || fault == WEIR_CONNECT_FAULT_FULL)
        judge(check, false, why);
    else
        weir_log(WEIR_LOG_INFO, "%s: %s: not checked: %s: %s", check->pool->name,
                 check->server->name,
                 fault == WEIR_CONNECT_FAULT_PORTS    ? "no local port is left"
                 : fault == WEIR_CONNECT_FAULT_SOURCE ? "its source"
                                                      : "no socket",
                 why);
}

/* The analyzer takes the table that HASH_DEL frees with its last element for the element. */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
static void end(struct check *check)
{
    HASH_DEL(check->prober->checks, check);
    weir_deadline_cancel(&check->tick);
    check->is_ending = true;
    if (check->probe)
        weir_probe_cancel(check->probe);
    else
        destroy(check);
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

/* Whom a probe asks for: a name as configured, but for SRV records, whose names are no hosts. */
static const char *host_of(const struct weir_pool_plan *plan, size_t index)
{
    const struct weir_config_server *named = plan->members[index].named;

    if (plan->config->health_host)
        return plan->config->health_host;
    if (weir_server_is_unix(plan->servers[index]))
        return "localhost";
    return named && !named->srv ? named->address : plan->servers[index]->name;
}

static struct check *make(struct weir_prober *prober, const struct weir_pool_plan *plan,
                          size_t index)
{
    const struct weir_config_pool *config = plan->config;
    struct weir_server *server = plan->servers[index];
    struct check *check = calloc(1, sizeof(*check));
    struct weir_why why;

    if (!check)
        return NULL;
    *check = (struct check){
        .prober = prober,
        .pool = weir_pool_ref(plan->pool),
        .server = weir_server_ref(server),
        .order = {.address = server->address,
                  .announces = server->announces,
                  .timeout_ms = config->health_timeout_ms,
                  .tls = weir_server_tls(server),
                  .resets = config->close == WEIR_CLOSE_RESET},
        .interval_ms = config->health_interval_ms,
        .rise = config->health_rise,
        .fall = config->health_fall,
        .tick = {.on_expire = on_tick},
    };
    (void)weir_statuses_read(config->health_expect, &check->order.expect, &why);
    if (asprintf(&check->order.request,
                 "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: weir/" WEIR_VERSION
                 " (health check)\r\nAccept: */*\r\n\r\n",
                 config->health_path, host_of(plan, index)) < 0)
        check->order.request = NULL;
    if (check->order.request)
        return check;
    destroy(check);
    return NULL;
}

static bool is_same(const struct check *a, const struct check *b)
{
    return a->pool == b->pool && a->interval_ms == b->interval_ms && a->rise == b->rise &&
           a->fall == b->fall && a->order.timeout_ms == b->order.timeout_ms &&
           a->order.resets == b->order.resets && strcmp(a->order.request, b->order.request) == 0 &&
           memcmp(&a->order.expect, &b->order.expect, sizeof(a->order.expect)) == 0;
}

/* ---- All of them ---- */

struct weir_prober *weir_prober_create(struct weir_control *control)
{
    struct weir_prober *prober = calloc(1, sizeof(*prober));

    if (prober)
        prober->control = control;
    return prober;
}

static void want(struct weir_prober *prober, const struct weir_pool_plan *plan, size_t index)
{
    struct weir_server *server = plan->servers[index];
    struct check *check = make(prober, plan, index), *former;
    uint64_t first_ms;

    if (!check) {
        weir_log(WEIR_LOG_ERROR, "%s: %s: out of memory for health checks", plan->pool->name,
                 server->name);
        return;
    }
    check->epoch = prober->epoch;
    HASH_FIND_PTR(prober->checks, &server, former);
    if (former && is_same(former, check)) {
        former->epoch = prober->epoch;
        destroy(check);
        return;
    }
    if (former)
        end(former);
    HASH_ADD_PTR(prober->checks, server, check);
    first_ms = check->interval_ms * (prober->phase++ % PHASES) / PHASES;
    weir_loop_deadline(&prober->control->loop, &check->tick, first_ms > 0 ? first_ms : 1);
}

void weir_prober_sync(struct weir_prober *prober)
{
    const struct weir_generation *generation = prober->control->generation;
    struct check *check, *following;

    prober->epoch++;
    for (size_t i = 0; i < generation->config->n_pools; i++) {
        const struct weir_pool_plan *plan = &generation->plans[i];
        for (size_t k = 0; plan->config->is_probed && k < plan->n_servers; k++)
            want(prober, plan, k);
    }
    HASH_ITER(hh, prober->checks, check, following) {
        if (check->epoch == prober->epoch)
            continue;
        weir_health_unprobed(&check->server->shared.health);
        end(check);
    }
}

void weir_prober_destroy(struct weir_prober *prober)
{
    struct check *check, *following;

    HASH_ITER(hh, prober->checks, check, following) {
        end(check);
    }
    free(prober);
}
