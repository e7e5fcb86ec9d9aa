#include "weir/upstream/registry.h"

#include "weir/upstream/balance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* A server is known by its pool, its name and the address behind it: a name that moved is another.
 */
struct known_server {
    char *key;
    struct weir_server *server;
    UT_hash_handle hh;
};

struct known_pool {
    struct weir_pool *pool;
    UT_hash_handle hh;
};

struct weir_registry {
    unsigned n_workers;
    unsigned epoch; /* of the plans in force */
    struct known_pool *pools;
    struct known_server *servers;
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

static void forget_server(struct weir_registry *registry, struct known_server *known)
{
    HASH_DEL(registry->servers, known);
    atomic_store(&known->server->shared.is_retired, true);
    weir_server_unref(known->server);
    free(known->key);
    free(known);
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
    struct known_pool *known;

    HASH_FIND_STR(registry->pools, name, known);
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

static struct weir_server *find_server(struct weir_registry *registry, const char *pool,
                                       const struct weir_config_server *config,
                                       const struct weir_address *address)
{
    char where[WEIR_ADDRESS_TEXT_MAX], *key = NULL;
    struct known_server *known;

    weir_address_describe(address, where);
    if (asprintf(&key, "%s %s %s", pool, config->address, where) < 0)
        return NULL;
    HASH_FIND_STR(registry->servers, key, known);
    if (known) {
        free(key);
        return known->server;
    }
    known = calloc(1, sizeof(*known));
    if (known)
        known->server = weir_server_create(config->address, address, registry->n_workers);
    if (!known || !known->server) {
        free(known);
        free(key);
        return NULL;
    }
    known->key = key;
    HASH_ADD_KEYPTR(hh, registry->servers, known->key, strlen(known->key), known);
    return known->server;
}

static bool resolve(const struct weir_config_pool *pool, const struct weir_config_server *server,
                    struct weir_address *address, char *fault, size_t fault_size)
{
    const char *reason = "";

    if (weir_endpoint_to_address(&server->endpoint, address) ||
        weir_address_resolve(&server->endpoint, address, &reason))
        return true;
    snprintf(fault, fault_size, "pools.%s: server %s: the name cannot be resolved: %s", pool->name,
             server->address, reason);
    return false;
}

static bool plan_tiers(struct weir_pool_plan *plan, char *fault, size_t fault_size)
{
    for (int i = 0; i < WEIR_TIER_COUNT; i++) {
        if (weir_tier_init(&plan->tiers[i], plan->config, plan->servers, plan->n_servers,
                           i == WEIR_TIER_BACKUP))
            continue;
        snprintf(fault, fault_size, "pools.%s: out of memory", plan->config->name);
        return false;
    }
    plan->n_backups = plan->tiers[WEIR_TIER_BACKUP].n;
    return true;
}

static bool plan_pool(struct weir_registry *registry, const struct weir_config_pool *config,
                      struct weir_pool_plan *plan, char *fault, size_t fault_size)
{
    struct weir_pool *pool = find_pool(registry, config->name);
    size_t choices = (size_t)registry->n_workers * config->n_servers;

    *plan = (struct weir_pool_plan){
        .config = config,
        .settings = {.connections_max = config->connections_max,
                     .idle_timeout_ms = config->idle_timeout_ms,
                     .requests_max = config->requests_max,
                     .age_ms_max = config->age_ms_max,
                     .connect_ms = config->connect_ms,
                     .close = config->close},
        .servers = calloc(config->n_servers + 1, sizeof(struct weir_server *)),
        .turns = calloc(choices + 1, sizeof(int64_t)),
        .candidates = calloc(choices + 1, sizeof(struct weir_candidate)),
    };
    snprintf(fault, fault_size, "pools.%s: out of memory", config->name);
    if (!pool || !plan->servers || !plan->turns || !plan->candidates)
        return false;
    plan->pool = weir_pool_ref(pool);
    for (size_t i = 0; i < config->n_servers; i++) {
        struct weir_address address;
        if (!resolve(config, &config->servers[i], &address, fault, fault_size))
            return false;
        struct weir_server *server = find_server(registry, config->name, &config->servers[i],
                                                 &address);
        if (!server)
            return false;
        plan->servers[plan->n_servers++] = weir_server_ref(server);
    }
    return plan_tiers(plan, fault, fault_size);
}

bool weir_registry_plan(struct weir_registry *registry, const struct weir_config *config,
                        struct weir_pool_plan *plans, char *fault, size_t fault_size)
{
    for (size_t i = 0; i < config->n_pools; i++) {
        if (plan_pool(registry, &config->pools[i], &plans[i], fault, fault_size))
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
    free(plan->turns);
    free(plan->candidates);
    *plan = (struct weir_pool_plan){.n_servers = 0};
}

void weir_registry_settle(struct weir_registry *registry, const struct weir_pool_plan *plans,
                          size_t n_plans)
{
    struct known_pool *pool, *following_pool;
    struct known_server *server, *following_server;

    registry->epoch++;
    for (size_t i = 0; i < n_plans; i++) {
        plans[i].pool->listed = registry->epoch;
        for (size_t k = 0; k < plans[i].n_servers; k++) {
            plans[i].servers[k]->listed = registry->epoch;
            weir_server_limit(plans[i].servers[k], plans[i].config->connections_max,
                              plans[i].config->idle_max);
        }
    }
    HASH_ITER(hh, registry->pools, pool, following_pool) {
        if (pool->pool->listed != registry->epoch)
            forget_pool(registry, pool);
    }
    HASH_ITER(hh, registry->servers, server, following_server) {
        if (server->server->listed != registry->epoch)
            forget_server(registry, server);
    }
}
