#include "doctor_checks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Limits may be as large as 64 bits. */
static void add(uint64_t *sum, uint64_t more)
{
    *sum = more > UINT64_MAX - *sum ? UINT64_MAX : *sum + more;
}

static bool is_loopback(const struct weir_endpoint *endpoint)
{
    if (!endpoint->is_literal)
        return strcasecmp(endpoint->host, "localhost") == 0;
    return strncmp(endpoint->host, "127.", 4) == 0 || strcmp(endpoint->host, "::1") == 0 ||
           strncasecmp(endpoint->host, "::ffff:127.", 11) == 0;
}

static void describe(const struct weir_config_server *server, char *text, size_t size)
{
    const struct weir_endpoint *endpoint = &server->endpoint;
    bool is_ipv6 = strchr(endpoint->host, ':') != NULL;

    if (endpoint->port == 0)
        snprintf(text, size, "%s", server->address);
    else
        snprintf(text, size, is_ipv6 ? "[%s]:%u" : "%s:%u", endpoint->host, endpoint->port);
}

/* From how many of the pool's addresses a server is reached: those of its family. A name may have
 * either: the fewer count. */
static uint64_t count_sources(const struct weir_config_pool *pool,
                              const struct weir_endpoint *endpoint)
{
    uint64_t n4 = 0, n6 = 0, n;

    for (size_t i = 0; i < pool->n_sources; i++) {
        n4 += pool->sources[i].any.sa_family == AF_INET;
        n6 += pool->sources[i].any.sa_family == AF_INET6;
    }
    if (endpoint->is_literal)
        n = strchr(endpoint->host, ':') ? n6 : n4;
    else
        n = n4 && (!n6 || n4 < n6) ? n4 : n6;
    return n ? n : 1;
}

static bool has_same_sources(const struct weir_config_pool *a, const struct weir_config_pool *b)
{
    bool is_same = a && a->n_sources == b->n_sources;

    for (size_t i = 0; is_same && i < a->n_sources; i++)
        is_same = weir_address_is_equal(&a->sources[i], &b->sources[i]);
    return is_same;
}

/* Pools that have a server in common share its ports: the kernel tells no pools apart. */
static void add_server(struct weir_doctor_needs *needs, const struct weir_config_pool *pool,
                       const struct weir_config_server *server)
{
    struct weir_doctor_pair *pair = needs->pairs, *end = needs->pairs + needs->n_pairs;
    char address[sizeof(pair->address)];

    add(&needs->upstream, pool->connections_max);
    if (pool->connections_max == 0 && !needs->unlimited_pool)
        needs->unlimited_pool = pool->name;
    if (server->endpoint.kind == WEIR_ENDPOINT_UNIX)
        return;
    if (!server->endpoint.is_literal && !needs->name)
        needs->name = server->address;
    describe(server, address, sizeof(address));
    while (pair < end &&
           (strcasecmp(pair->address, address) != 0 || !has_same_sources(pair->owner, pool)))
        pair++;
    if (pair == end) {
        needs->n_pairs++;
        snprintf(pair->address, sizeof(pair->address), "%s", address);
        pair->pool = pool->name;
        pair->owner = pool;
        pair->sources = count_sources(pool, &server->endpoint);
        pair->is_loopback = is_loopback(&server->endpoint);
    }
    add(&pair->connections, pool->connections_max);
    pair->is_unlimited |= pool->connections_max == 0;
    if (pool->close == WEIR_CLOSE_FIN) {
        pair->ends_with_fin = true;
        add(&needs->time_waits, pool->connections_max);
    }
}

static void add_port(struct weir_doctor_needs *needs, const char *listener,
                     const struct weir_endpoint *endpoint)
{
    if (endpoint->kind == WEIR_ENDPOINT_INET && endpoint->port != 0)
        needs->ports[needs->n_ports++] = (struct weir_doctor_port){listener, endpoint->port};
}

static void add_listener(struct weir_doctor_needs *needs,
                         const struct weir_config_listener *listener)
{
    for (size_t i = 0; i < listener->n_listen; i++)
        add_port(needs, listener->name, &listener->endpoints[i]);
    needs->listening += listener->n_listen;
    add(&needs->clients, listener->connections_max);
    if (listener->connections_max == 0 && !needs->unlimited_listener)
        needs->unlimited_listener = listener->name;
}

bool weir_doctor_needs_init(struct weir_doctor_needs *needs, const struct weir_config *config)
{
    size_t n_pairs = 1, n_ports = 1;

    *needs = (struct weir_doctor_needs){.workers = config->workers};
    for (size_t i = 0; i < config->n_pools; i++)
        n_pairs += config->pools[i].n_servers;
    for (size_t i = 0; i < config->n_listeners; i++)
        n_ports += config->listeners[i].n_listen;
    needs->pairs = calloc(n_pairs, sizeof(*needs->pairs));
    needs->ports = calloc(n_ports, sizeof(*needs->ports));
    if (!needs->pairs || !needs->ports)
        return false;
    for (size_t i = 0; i < config->n_listeners; i++)
        add_listener(needs, &config->listeners[i]);
    if (config->admin_listen)
        add_port(needs, "admin", &config->admin_endpoint);
    for (size_t i = 0; i < config->n_pools; i++) {
        for (size_t k = 0; k < config->pools[i].n_servers; k++)
            add_server(needs, &config->pools[i], &config->pools[i].servers[k]);
    }
    return true;
}

void weir_doctor_needs_fini(struct weir_doctor_needs *needs)
{
    free(needs->pairs);
    free(needs->ports);
    *needs = (struct weir_doctor_needs){.workers = 0};
}
