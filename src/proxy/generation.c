#include "weir/proxy/generation.h"

#include <stdio.h>
#include <stdlib.h>

bool weir_listener_plan_trusts(const struct weir_listener_plan *plan,
                               const struct weir_address *peer)
{
    for (size_t i = 0; i < plan->config->n_trusted; i++) {
        if (weir_network_has(&plan->config->trusted[i], peer))
            return true;
    }
    return false;
}

static void fini_listener(struct weir_listener_plan *plan)
{
    if (plan->listener)
        weir_listener_unref(plan->listener);
    weir_routes_fini(&plan->routes);
    free(plan->addresses);
}

static void destroy(struct weir_generation *generation)
{
    for (size_t i = 0; i < generation->n_listeners; i++)
        fini_listener(&generation->listeners[i]);
    for (size_t i = 0; generation->plans && i < generation->config->n_pools; i++)
        weir_pool_plan_fini(&generation->plans[i]);
    free(generation->listeners);
    free(generation->plans);
    weir_spool_unref(generation->access_log);
    weir_config_unref(generation->config);
    free(generation);
}

static void on_end(struct weir_task *task)
{
    destroy(
        (struct weir_generation *)(void *)((char *)task - offsetof(struct weir_generation, end)));
}

static struct weir_listener *find_listener(const struct weir_generation *previous, const char *name,
                                           unsigned n_workers)
{
    for (size_t i = 0; previous && i < previous->n_listeners; i++) {
        if (strcmp(previous->listeners[i].listener->name, name) == 0)
            return weir_listener_ref(previous->listeners[i].listener);
    }
    return weir_listener_create(name, n_workers);
}

static void plan_route(struct weir_route *route, const struct weir_config_route *config,
                       const struct weir_pool_plan *plans)
{
    const char *host = config->host ? config->host : "";

    route->is_wildcard = host[0] == '*';
    route->host = weir_slice_from(route->is_wildcard ? host + 1 : host);
    route->path = weir_slice_from(config->path ? config->path : "");
    route->plan = &plans[config->pool_index];
}

/* The addresses of a revision are those that the workers listen on. */
static bool copy_addresses(const struct weir_listener_plan *plan,
                           const struct weir_generation *previous)
{
    for (size_t i = 0; previous && i < previous->n_listeners; i++) {
        if (previous->listeners[i].config != plan->config)
            continue;
        memcpy(plan->addresses, previous->listeners[i].addresses,
               plan->config->n_listen * sizeof(*plan->addresses));
        return true;
    }
    return false;
}

static bool resolve(const struct weir_config_listener *config, struct weir_address *addresses,
                    char *fault, size_t fault_size)
{
    const char *reason = "";

    for (size_t i = 0; i < config->n_listen; i++) {
        if (weir_endpoint_to_address(&config->endpoints[i], &addresses[i]) ||
            weir_address_resolve(&config->endpoints[i], &addresses[i], &reason))
            continue;
        snprintf(fault, fault_size, "listeners.%s: %s: the name cannot be resolved: %s",
                 config->name, config->listen[i], reason);
        return false;
    }
    return true;
}

static bool plan_listener(struct weir_generation *generation, struct weir_listener_plan *plan,
                          const struct weir_generation *previous, char *fault, size_t fault_size)
{
    const struct weir_config_listener *config = plan->config;

    plan->routes.routes = calloc(config->n_routes + 1, sizeof(*plan->routes.routes));
    plan->addresses = calloc(config->n_listen + 1, sizeof(*plan->addresses));
    if (!plan->listener || !plan->routes.routes || !plan->addresses)
        return false;
    if (!copy_addresses(plan, previous) && !resolve(config, plan->addresses, fault, fault_size))
        return false;
    plan->routes.n = config->n_routes;
    for (size_t i = 0; i < config->n_routes; i++)
        plan_route(&plan->routes.routes[i], &config->routes[i], generation->plans);
    if (config->front)
        weir_tls_front_use_tickets(config->front, &plan->listener->tickets);
    plan->fallback = config->pool ? &generation->plans[config->pool_index] : NULL;
    return weir_routes_index(&plan->routes);
}

struct weir_generation *weir_generation_build(struct weir_config *config,
                                              const struct weir_generation_base *base, char *fault,
                                              size_t fault_size)
{
    const struct weir_generation *previous = base->previous;
    size_t size = sizeof(struct weir_generation) +
                  base->n_workers * sizeof(struct weir_generation_slot);
    struct weir_generation *generation = aligned_alloc(64, (size + 63) / 64 * 64);

    snprintf(fault, fault_size, "out of memory");
    if (!generation) {
        weir_config_unref(config);
        return NULL;
    }
    memset(generation, 0, size);
    generation->home = base->loop;
    generation->config = config;
    generation->number = previous ? previous->number + (previous->config != config) : 1;
    generation->revision = previous ? previous->revision + 1 : 1;
    atomic_init(&generation->references, 1);
    generation->listeners = calloc(config->n_listeners + 1, sizeof(*generation->listeners));
    generation->plans = calloc(config->n_pools + 1, sizeof(*generation->plans));
    if (!generation->plans || !generation->listeners ||
        !weir_registry_plan(base->registry, config, base->book, generation->plans, fault,
                            fault_size))
        goto fail;
    for (size_t i = 0; i < config->n_listeners; i++) {
        struct weir_listener_plan *plan = &generation->listeners[generation->n_listeners++];
        plan->config = &config->listeners[i];
        plan->listener = find_listener(previous, plan->config->name, base->n_workers);
        if (!plan_listener(generation, plan, previous, fault, fault_size))
            goto fail;
    }
    return generation;
fail:
    destroy(generation);
    return NULL;
}

struct weir_generation *weir_generation_ref(struct weir_generation *generation)
{
    atomic_fetch_add(&generation->references, 1);
    return generation;
}

void weir_generation_unref(struct weir_generation *generation)
{
    if (generation && atomic_fetch_sub(&generation->references, 1) == 1)
        destroy(generation);
}

const struct weir_pool_plan *weir_generation_find_pool(const struct weir_generation *generation,
                                                       const struct weir_pool *pool)
{
    size_t n = generation->config->n_pools;
    size_t place = atomic_load_explicit(&pool->shared.place, memory_order_relaxed);

    if (place < n && generation->plans[place].pool == pool)
        return &generation->plans[place];
    /* There is another generation, or there was one. */
    for (size_t i = 0; i < n; i++) {
        if (generation->plans[i].pool == pool)
            return &generation->plans[i];
    }
    return NULL;
}

void weir_generation_use(struct weir_generation *generation, unsigned worker)
{
    if (generation->slots[worker].uses++ == 0)
        weir_generation_ref(generation);
}

void weir_generation_leave(struct weir_generation *generation, unsigned worker)
{
    if (--generation->slots[worker].uses > 0 || atomic_fetch_sub(&generation->references, 1) > 1)
        return;
    generation->end.run = on_end;
    weir_loop_post(generation->home, &generation->end);
}
