#include "weir/upstream/registry.h"

#include "weir/upstream/balance.h"
#include "weir/upstream/ports.h"
#include "weir/upstream/sums.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

enum { DEPARTED_MAX = 32 }; /* remembered, in each pool */

/* A server is known by its pool, its address (a name that moved is another), and how it is spoken
 * to: no connection that was made under one identity serves another. */
struct known_server {
    struct weir_server *server;
    struct weir_pool *pool; /* known as well */
    bool has_left;          /* it is among the pool's departed */
    struct known_server *next;
};

/* What an address is known by; behind its length there is nothing. */
struct address_key {
    struct weir_pool *pool; /* known as well */
    struct sockaddr_storage where;
};

/* What is known of one address of one pool. While a reload is under way it may be two servers. */
struct known_address {
    struct address_key key;
    unsigned planned; /* by which plan it was met last */
    struct known_server *servers;
    UT_hash_handle hh;
};

struct known_pool {
    struct weir_pool *pool;
    UT_hash_handle hh;
};

struct weir_registry {
    unsigned n_workers;
    unsigned epoch;    /* of the plans in force */
    unsigned planning; /* of the pool's plan that is being made */
    struct known_pool *pools;
    struct known_address *addresses;
    /* While plans are made: what was met for the first time behind what was met last. Mostly it is
     * what comes next again. */
    struct known_pool *next_pool;
    struct known_address *next_address;
};

struct weir_registry *weir_registry_create(unsigned n_workers)
{
    struct weir_registry *registry = calloc(1, sizeof(*registry));

    if (registry)
        registry->n_workers = n_workers;
    return registry;
}

/* The analyzer takes the table that HASH_DEL frees with its last element for the element. */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
static void forget_pool(struct weir_registry *registry, struct known_pool *known)
{
    HASH_DEL(registry->pools, known);
    weir_pool_unref(known->pool);
    free(known);
}

static void forget_address(struct weir_registry *registry, struct known_address *known)
{
    HASH_DEL(registry->addresses, known);
    free(known);
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

static void take_back(struct known_server *known)
{
    DL_DELETE(known->pool->departed, known->server);
    known->pool->n_departed--;
    known->has_left = false;
    atomic_store(&known->server->shared.is_retired, false);
}

/* No plan lists it any more. What it has open closes as it comes free, also when it comes back. */
static void leave(struct known_server *known)
{
    atomic_store(&known->server->shared.is_retired, true);
    weir_server_recall(known->server);
    DL_APPEND(known->pool->departed, known->server);
    known->pool->n_departed++;
    known->has_left = true;
}

static void forget_server(struct known_server *known)
{
    if (known->has_left)
        take_back(known);
    atomic_store(&known->server->shared.is_retired, true);
    weir_server_unref(known->server);
    free(known);
}

static bool keep_sums(struct weir_pool *pool, struct weir_server *server)
{
    if (!pool->past)
        pool->past = calloc(1, sizeof(*pool->past));
    if (pool->past)
        weir_server_sums_add(pool->past, server);
    return pool->past;
}

/* Does it go for good: with its pool, because its plan never came into force? Else it leaves, or
 * comes back, as the plans in force say. */
static bool settle_server(const struct weir_registry *registry, struct known_server *known)
{
    bool is_listed = known->server->listed == registry->epoch;

    if (is_listed && known->has_left)
        take_back(known);
    else if (known->pool->listed != registry->epoch || known->server->listed == 0)
        return true;
    else if (!is_listed && !known->has_left)
        leave(known);
    return false;
}

/* Of the departed more than DEPARTED_MAX, as long as nobody uses it any more, leaves its figures to
 * the pool. */
static bool is_surplus(struct known_server *known)
{
    return known->has_left && known->pool->n_departed > DEPARTED_MAX &&
           atomic_load(&known->server->references) == 1 && keep_sums(known->pool, known->server);
}

/* The analyzer does not follow that LL_DELETE takes out of the list what is freed then. */
/* NOLINTBEGIN(clang-analyzer-unix.Malloc) */
/* Addresses that have no server left go. Returns whether there may be a surplus. */
static bool settle_servers(struct weir_registry *registry)
{
    struct known_address *address, *following;
    struct known_server *known, *next;
    bool is_crowded = false;

    HASH_ITER(hh, registry->addresses, address, following) {
        LL_FOREACH_SAFE(address->servers, known, next) {
            if (settle_server(registry, known)) {
                LL_DELETE(address->servers, known);
                forget_server(known);
            } else if (known->has_left) {
                is_crowded = is_crowded || known->pool->n_departed > DEPARTED_MAX;
            }
        }
        if (!address->servers)
            forget_address(registry, address);
    }
    return is_crowded;
}

static void forget_surplus(struct weir_registry *registry)
{
    struct known_address *address, *following;
    struct known_server *known, *next;

    HASH_ITER(hh, registry->addresses, address, following) {
        LL_FOREACH_SAFE(address->servers, known, next) {
            if (!is_surplus(known))
                continue;
            LL_DELETE(address->servers, known);
            forget_server(known);
        }
        if (!address->servers)
            forget_address(registry, address);
    }
}
/* NOLINTEND(clang-analyzer-unix.Malloc) */

void weir_registry_destroy(struct weir_registry *registry)
{
    if (!registry)
        return;
    weir_registry_settle(registry, NULL, 0);
    free(registry);
}

static struct weir_pool *find_pool(struct weir_registry *registry, const char *name)
{
    struct known_pool *known = registry->next_pool;

    if (!known || strcmp(known->pool->name, name) != 0)
        HASH_FIND_STR(registry->pools, name, known);
    registry->next_pool = known ? known->hh.next : NULL;
    if (known)
        return known->pool;
    known = calloc(1, sizeof(*known));
    if (!known)
        return NULL;
    known->pool = weir_pool_create(name, registry->n_workers);
    if (!known->pool) {
        free(known);
        return NULL;
    }
    HASH_ADD_KEYPTR(hh, registry->pools, known->pool->name, strlen(known->pool->name), known);
    return known->pool;
}

/* The analyzer takes the bytes of a pointer for undefined. */
/* NOLINTBEGIN(clang-analyzer-core.UndefinedBinaryOperatorResult) */
static struct known_address *find_address(struct weir_registry *registry, struct weir_pool *pool,
                                          const struct weir_address *address)
{
    const size_t bytes = offsetof(struct address_key, where) + address->len;
    struct address_key key = {.pool = pool};
    struct known_address *known = registry->next_address;

    memcpy(&key.where, &address->storage, address->len);
    if (!known || memcmp(&known->key, &key, bytes) != 0)
        HASH_FIND(hh, registry->addresses, &key, bytes, known);
    registry->next_address = known ? known->hh.next : NULL;
    if (known)
        return known;
    known = calloc(1, sizeof(*known));
    if (!known)
        return NULL;
    known->key = key;
    HASH_ADD(hh, registry->addresses, key, bytes, known);
    return known;
}
/* NOLINTEND(clang-analyzer-core.UndefinedBinaryOperatorResult) */

/* How the servers of a plan are spoken to. */
struct manner {
    enum weir_proxy_version announces;
    struct weir_tls_dialer *dialer; /* NULL: plainly */
    char tls_name[256];             /* with a dialer */
};

static bool has_manner(const struct weir_server *server, const struct manner *manner)
{
    const struct weir_server_tls *tls = &server->tls;

    if (server->announces != manner->announces)
        return false;
    if (!tls->dialer || !manner->dialer)
        return !tls->dialer && !manner->dialer;
    return strcmp(weir_tls_dialer_identity(tls->dialer),
                  weir_tls_dialer_identity(manner->dialer)) == 0 &&
           strcmp(tls->name, manner->tls_name) == 0;
}

/* What an operator said of the former server was said of the address. */
static void inherit(struct weir_server *server, const struct weir_server *former)
{
    atomic_store(&server->shared.admin_state, atomic_load(&former->shared.admin_state));
    atomic_store(&server->shared.drained_us, atomic_load(&former->shared.drained_us));
}

/* NAME: of a new one; NULL: its address. */
static struct weir_server *find_server(struct weir_registry *registry,
                                       struct known_address *address, const char *name,
                                       const struct weir_address *where,
                                       const struct manner *manner)
{
    struct known_server *known = address->servers;
    char text[WEIR_ADDRESS_TEXT_MAX];

    while (known && !has_manner(known->server, manner))
        known = known->next;
    if (known)
        return known->server;
    known = calloc(1, sizeof(*known));
    if (known)
        known->server = weir_server_create(name ? name : weir_address_describe(where, text), where,
                                           registry->n_workers);
    if (known && known->server)
        known->server->announces = manner->announces;
    if (known && known->server && manner->dialer &&
        !weir_server_tls_init(&known->server->tls, manner->dialer, manner->tls_name)) {
        weir_server_unref(known->server);
        known->server = NULL;
    }
    if (!known || !known->server) {
        free(known);
        return NULL;
    }
    if (address->servers)
        inherit(known->server, address->servers->server);
    known->pool = address->key.pool;
    known->next = address->servers;
    address->servers = known;
    return known->server;
}

/* ---- Plans ---- */

/* A plan in the making. */
struct planner {
    struct weir_registry *registry;
    const struct weir_book *book;
    struct weir_pool_plan *plan;
    char *fault;
    size_t fault_size;
};

static const struct weir_entry *find_entry(const struct planner *planner,
                                           const struct weir_config_server *server)
{
    static const struct weir_entry unknown = {.status = WEIR_LOOKUP_NO_NAME};
    const struct weir_entry *entry = planner->book
                                         ? planner->book->find(planner->book, server->endpoint.host,
                                                               server->srv)
                                         : NULL;

    return entry ? entry : &unknown;
}

/* The host that a server's certificate must be for, without what the SRV record's name has before
 * it: those records tell where a service is, and nobody vouches for what they say. A path is no
 * host: by a Unix socket one only gets to this one, as the Host field says. */
static void name_for_tls(const struct weir_config_pool *pool,
                         const struct weir_config_server *config,
                         const struct weir_address *address, struct manner *manner)
{
    const char *host = pool->tls_server_name               ? pool->tls_server_name
                       : address->any.sa_family == AF_UNIX ? "localhost"
                                                           : config->endpoint.host;
    size_t len;

    while (config->srv && !pool->tls_server_name && host[0] == '_' && strchr(host, '.'))
        host = strchr(host, '.') + 1;
    len = strlen(host);
    if (len > 0 && host[len - 1] == '.')
        len--;
    snprintf(manner->tls_name, sizeof(manner->tls_name), "%.*s", (int)len, host);
}

/* NAME: of the server; NULL: its address. Fails: false, out of memory. */
static bool add_server(struct planner *planner, const struct weir_config_server *config,
                       const char *name, const struct weir_address *address,
                       const struct weir_member *member)
{
    struct weir_registry *registry = planner->registry;
    struct weir_pool_plan *plan = planner->plan;
    struct manner manner;
    struct known_address *known = find_address(registry, plan->pool, address);
    struct weir_server *server;

    if (known && known->planned == registry->planning)
        return true;
    manner.announces = plan->config->send_proxy;
    manner.dialer = plan->config->tls;
    if (manner.dialer)
        name_for_tls(plan->config, config, address, &manner);
    server = known ? find_server(registry, known, name, address, &manner) : NULL;
    if (!server)
        return false;
    known->planned = registry->planning;
    atomic_store_explicit(&server->shared.place, (unsigned)plan->n_servers, memory_order_relaxed);
    plan->members[plan->n_servers] = *member;
    plan->servers[plan->n_servers++] = weir_server_ref(server);
    return true;
}

/* Has the pool a source address that reaches it? Of a server without a name the configuration was
 * checked for that. */
static bool has_source(const struct weir_config_pool *pool, const struct weir_address *address)
{
    return pool->n_sources == 0 || weir_ports_count_sources(pool, address->any.sa_family) > 0;
}

static bool add_servers(struct planner *planner, const struct weir_config_server *config)
{
    const struct weir_entry *entry;
    struct weir_address address;

    if (!config->srv && weir_endpoint_to_address(&config->endpoint, &address)) {
        const struct weir_member member = {.weight = config->weight, .backup = config->backup};
        return add_server(planner, config, config->address, &address, &member);
    }
    entry = find_entry(planner, config);
    if (entry->n == 0 && !config->srv) {
        snprintf(planner->fault, planner->fault_size,
                 "pools.%s: server %s: the name cannot be resolved: %s",
                 planner->plan->config->name, config->address,
                 weir_lookup_status_text(entry->status));
        return false;
    }
    for (size_t i = 0; i < entry->n; i++) {
        const struct weir_member member = weir_entry_member(entry, i, config);
        address = weir_entry_address(entry, i, config);
        if (has_source(planner->plan->config, &address) &&
            !add_server(planner, config, NULL, &address, &member))
            return false;
    }
    return true;
}

/* How many servers there may be. */
static size_t count_servers(const struct planner *planner, const struct weir_config_pool *config)
{
    size_t n = 0;

    for (size_t i = 0; i < config->n_servers; i++) {
        const struct weir_config_server *server = &config->servers[i];
        n += server->endpoint.is_literal ? 1 : find_entry(planner, server)->n;
    }
    return n;
}

static bool plan_tiers(struct weir_pool_plan *plan)
{
    bool is_hashed = weir_balance_hashes(plan->config->balance);

    for (int i = 0; i < WEIR_TIER_COUNT; i++) {
        if (!weir_tier_init(&plan->tiers[i], plan->servers, plan->members, plan->n_servers,
                            i == WEIR_TIER_BACKUP, is_hashed))
            return false;
    }
    return true;
}

static bool plan_pool(struct planner *planner, const struct weir_config_pool *config,
                      unsigned place)
{
    struct weir_registry *registry = planner->registry;
    struct weir_pool_plan *plan = planner->plan;
    struct weir_pool *pool = find_pool(registry, config->name);
    size_t n = count_servers(planner, config);

    *plan = (struct weir_pool_plan){
        .config = config,
        .settings = {.connections_max = config->connections_max,
                     .idle_timeout_ms = config->idle_timeout_ms,
                     .requests_max = config->requests_max,
                     .age_ms_max = config->age_ms_max,
                     .connect_ms = config->connect_ms,
                     .close = config->close},
        .servers = calloc(n + 1, sizeof(struct weir_server *)),
        .members = calloc(n + 1, sizeof(struct weir_member)),
    };
    if (!pool || !plan->servers || !plan->members)
        return false;
    plan->pool = weir_pool_ref(pool);
    atomic_store_explicit(&pool->shared.place, place, memory_order_relaxed);
    registry->planning++;
    for (size_t i = 0; i < config->n_servers; i++) {
        if (!add_servers(planner, &config->servers[i]))
            return false;
    }
    return plan_tiers(plan);
}

bool weir_registry_plan(struct weir_registry *registry, const struct weir_config *config,
                        const struct weir_book *book, struct weir_pool_plan *plans, char *fault,
                        size_t fault_size)
{
    registry->next_pool = registry->pools;
    registry->next_address = registry->addresses;
    for (size_t i = 0; i < config->n_pools; i++) {
        struct planner planner = {.registry = registry,
                                  .book = book,
                                  .plan = &plans[i],
                                  .fault = fault,
                                  .fault_size = fault_size};
        snprintf(fault, fault_size, "pools.%s: out of memory", config->pools[i].name);
        if (plan_pool(&planner, &config->pools[i], (unsigned)i))
            continue;
        for (size_t k = 0; k <= i; k++)
            weir_pool_plan_fini(&plans[k]);
        return false;
    }
    return true;
}

void weir_pool_plan_fini(struct weir_pool_plan *plan)
{
    for (size_t i = 0; i < plan->n_servers; i++)
        weir_server_unref(plan->servers[i]);
    if (plan->pool)
        weir_pool_unref(plan->pool);
    for (int i = 0; i < WEIR_TIER_COUNT; i++)
        weir_tier_fini(&plan->tiers[i]);
    free(plan->servers);
    free(plan->members);
    *plan = (struct weir_pool_plan){.n_servers = 0};
}

void weir_registry_settle(struct weir_registry *registry, const struct weir_pool_plan *plans,
                          size_t n_plans)
{
    struct known_pool *pool, *following_pool;

    registry->epoch++;
    for (size_t i = 0; i < n_plans; i++) {
        plans[i].pool->listed = registry->epoch;
        for (size_t k = 0; k < plans[i].n_servers; k++) {
            plans[i].servers[k]->listed = registry->epoch;
            weir_server_limit(plans[i].servers[k], plans[i].config->connections_max,
                              plans[i].config->idle_max);
        }
    }
    if (settle_servers(registry))
        forget_surplus(registry);
    HASH_ITER(hh, registry->pools, pool, following_pool) {
        if (pool->pool->listed != registry->epoch)
            forget_pool(registry, pool);
    }
}
