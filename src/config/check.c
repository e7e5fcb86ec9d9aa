#include "weir/config/build.h"
#include "weir/config/path.h"
#include "weir/config/suggest.h"
#include "weir/config/units.h"
#include "weir/config/why.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* So many pools are looked at for one that was meant, so many are named. */
#define POOLS_TRIED_MAX 200
#define POOLS_NAMED_MAX 10

/* Each may be tried in turn while one connection is opened. */
#define SOURCES_MAX 256

#define MAPPED "::ffff:"

struct checker {
    struct weir_config *config;
    struct weir_arena *scratch;
    struct weir_faults *faults;
    const struct weir_config_pool **pools; /* by name */
};

/* An address that was given, and where. */
struct use {
    const char *host; /* one spelling for one host; the endpoint's */
    uint16_t port;
    size_t order;
    const char *text;
    const char *section, *owner,
        *list; /* `listeners`, its name, `listen`; NULL owner: the admin's */
    size_t index;
    struct weir_place place;
};

static int compare_pools(const void *a, const void *b)
{
    return strcmp((*(const struct weir_config_pool *const *)a)->name,
                  (*(const struct weir_config_pool *const *)b)->name);
}

static int compare_name(const void *name, const void *pool)
{
    return strcmp(name, (*(const struct weir_config_pool *const *)pool)->name);
}

static bool sort_pools(struct checker *checker)
{
    struct weir_config *config = checker->config;

    checker->pools = weir_arena_take(checker->scratch, config->n_pools, sizeof(*checker->pools));
    if (checker->pools == NULL)
        return false;
    for (size_t i = 0; i < config->n_pools; i++)
        checker->pools[i] = &config->pools[i];
    qsort(checker->pools, config->n_pools, sizeof(*checker->pools), compare_pools);
    return true;
}

/* "did you mean `legacy`?", or the pools that there are. */
static struct weir_why describe_pools(const struct checker *checker, const char *wrong)
{
    const struct weir_config *config = checker->config;
    struct weir_why text = {.text = ""};
    struct weir_suggest suggest;

    if (weir_faults_is_full(checker->faults))
        return text;
    if (config->n_pools == 0) {
        weir_why_set(&text, "there are none at all, add it under `pools`");
        return text;
    }
    weir_suggest_init(&suggest, wrong);
    for (size_t i = 0; i < config->n_pools && i < POOLS_TRIED_MAX; i++)
        weir_suggest_try(&suggest, config->pools[i].name);
    if (suggest.nearest != NULL) {
        weir_why_set(&text, "did you mean `%s`?", weir_faults_quote(suggest.nearest).text);
        return text;
    }
    weir_why_set(&text, "the pools are");
    for (size_t i = 0; i < config->n_pools && i < POOLS_NAMED_MAX; i++)
        weir_why_append(&text, "%s`%s`", i == 0 ? " " : ", ",
                        weir_faults_quote(config->pools[i].name).text);
    weir_why_append(&text, "%s", config->n_pools > POOLS_NAMED_MAX ? " and others" : "");
    return text;
}

/* Finds the pool that stands at PATH. NODE is its section. */
static void check_pool(const struct checker *checker, const struct weir_path *up,
                       const struct weir_yaml_node *node, const char *name, size_t *index)
{
    const struct weir_yaml_node *value = weir_yaml_find(node, "pool");
    struct weir_path path = {.up = up, .name = "pool"};

    if (name == NULL || value == NULL)
        return;
    const struct weir_config_pool **found = bsearch(name, checker->pools, checker->config->n_pools,
                                                    sizeof(*found), compare_name);
    if (found != NULL)
        *index = (size_t)(*found - checker->config->pools);
    else
        weir_path_fault(&path, checker->faults, value->place, "there is no pool `%s`; %s",
                        weir_faults_quote(name).text, describe_pools(checker, name).text);
}

static void check_references(const struct checker *checker, const struct weir_yaml_node *listeners)
{
    const struct weir_path top = {.name = "listeners"};
    const struct weir_yaml_node *node = weir_yaml_first(listeners);

    for (size_t i = 0; i < checker->config->n_listeners; i++, node = node->next) {
        struct weir_config_listener *listener = &checker->config->listeners[i];
        const struct weir_path own = {.up = &top, .name = listener->name};
        const struct weir_path list = {.up = &own, .name = "routes"};
        check_pool(checker, &own, node, listener->pool, &listener->pool_index);
        const struct weir_yaml_node *route = weir_yaml_first(weir_yaml_find(node, "routes"));
        for (size_t j = 0; j < listener->n_routes; j++, route = route->next) {
            const struct weir_path path = {.up = &list, .index = j};
            check_pool(checker, &path, route, listener->routes[j].pool,
                       &listener->routes[j].pool_index);
        }
    }
}

/* Endpoints that mean the same host have the same one. Literals are written as inet_ntop(3) does
 * already, which leaves the wildcard, and IPv4 inside of IPv6. */
static const char *canonical_host(const struct weir_endpoint *endpoint)
{
    const char *host = endpoint->host;

    if (endpoint->kind == WEIR_ENDPOINT_INET && host[0] == '\0')
        return "0.0.0.0";
    if (strncmp(host, MAPPED, strlen(MAPPED)) == 0 && strchr(host, '.') != NULL)
        return host + strlen(MAPPED);
    return host;
}

static int compare_where(const struct use *left, const struct use *right)
{
    int by_host = strcmp(left->host, right->host);

    return by_host != 0 ? by_host : (int)left->port - (int)right->port;
}

static int compare_uses(const void *a, const void *b)
{
    const struct use *left = a, *right = b;
    int by_where = compare_where(left, right);

    return by_where != 0 ? by_where : (left->order > right->order) - (left->order < right->order);
}

static void add_double_fault(const struct checker *checker, const struct use *first,
                             const struct use *again)
{
    const struct weir_path section = {.name = again->section};
    const struct weir_path owner = {.up = &section, .name = again->owner};
    const struct weir_path list = {.up = &owner, .name = again->list};
    const struct weir_path path = {.up = &list, .index = again->index};
    const struct weir_quote text = weir_faults_quote(again->text);

    if (first->owner == NULL)
        weir_path_fault(&path, checker->faults, again->place,
                        "`%s` is the admin endpoint's already; take another one, here or for "
                        "`admin.listen`",
                        text.text);
    else if (first->place.option != NULL)
        weir_path_fault(&path, checker->faults, again->place, "`%s` is given twice", text.text);
    else
        weir_path_fault(&path, checker->faults, again->place,
                        "`%s` is given twice; it stands at line %zu already, keep one of them",
                        text.text, first->place.line);
}

/* Faults for all but the first use of each address. */
static void check_doubles(const struct checker *checker, struct use *uses, size_t n)
{
    qsort(uses, n, sizeof(*uses), compare_uses);
    for (size_t i = 1, first = 0; i < n; i++) {
        if (compare_where(&uses[i], &uses[first]) == 0)
            add_double_fault(checker, &uses[first], &uses[i]);
        else
            first = i;
    }
}

/* Adds a use, unless its address has a fault already. */
static void add_use(const struct weir_endpoint *endpoint, struct use use, struct use *uses,
                    size_t *n)
{
    if (endpoint->kind == WEIR_ENDPOINT_INET && endpoint->port == 0)
        return;
    use.host = canonical_host(endpoint);
    use.port = endpoint->port;
    use.order = *n;
    uses[(*n)++] = use;
}

static void check_listen(const struct checker *checker, const struct weir_yaml_node *listeners)
{
    const struct weir_config *config = checker->config;
    const struct weir_yaml_node *node = weir_yaml_first(listeners);
    size_t n = 0, n_max = 1;

    for (size_t i = 0; i < config->n_listeners; i++)
        n_max += config->listeners[i].n_listen;
    struct use *uses = weir_arena_take(checker->scratch, n_max, sizeof(*uses));
    if (uses == NULL)
        return;
    add_use(&config->admin_endpoint, (struct use){0}, uses, &n);
    for (size_t i = 0; i < config->n_listeners; i++, node = node->next) {
        const struct weir_config_listener *listener = &config->listeners[i];
        const struct weir_yaml_node *value = weir_yaml_find(node, "listen");
        if (value != NULL && value->kind == WEIR_YAML_LIST)
            value = value->first;
        for (size_t j = 0; value != NULL && j < listener->n_listen; j++, value = value->next) {
            struct use use = {.text = listener->listen[j], .place = value->place, .index = j};
            use.section = "listeners";
            use.owner = listener->name;
            use.list = "listen";
            add_use(&listener->endpoints[j], use, uses, &n);
        }
    }
    check_doubles(checker, uses, n);
}

/* SRV records belong to a name, and bring ports; nothing else does. */
static void check_server(const struct checker *checker, const struct weir_config_pool *pool,
                         size_t index, struct weir_place place)
{
    const struct weir_config_server *server = &pool->servers[index];
    const struct weir_path top = {.name = "pools"};
    const struct weir_path own = {.up = &top, .name = pool->name};
    const struct weir_path list = {.up = &own, .name = "servers"};
    const struct weir_path element = {.up = &list, .index = index};
    const struct weir_path path = {.up = &element, .name = "address"};

    if (server->endpoint.host[0] == '\0')
        return;
    if (server->srv && server->endpoint.is_literal)
        weir_path_fault(&path, checker->faults, place,
                        "`%s` has no SRV records, being no name; write a name, or leave `srv` out",
                        weir_faults_quote(server->address).text);
    if (!server->srv && server->endpoint.kind == WEIR_ENDPOINT_INET && server->endpoint.port == 0)
        weir_path_fault(&path, checker->faults, place, "`%s` has no port; write HOST:PORT",
                        weir_faults_quote(server->address).text);
}

/* A name server that has a name would have to be asked for itself. */
static void check_resolver(const struct checker *checker, const struct weir_yaml_node *section)
{
    const struct weir_config *config = checker->config;
    const struct weir_path top = {.name = "resolver"};
    const struct weir_path list = {.up = &top, .name = "servers"};
    const struct weir_yaml_node *value = weir_yaml_find(section, "servers");

    if (value != NULL && value->kind == WEIR_YAML_LIST)
        value = value->first;
    for (size_t i = 0; i < config->n_resolver_servers && value != NULL; i++, value = value->next) {
        const struct weir_path path = {.up = &list, .index = i};
        const struct weir_endpoint *endpoint = &config->resolver_endpoints[i];
        bool is_ip = endpoint->kind == WEIR_ENDPOINT_INET && endpoint->is_literal;
        if (endpoint->host[0] != '\0' && !is_ip)
            weir_path_fault(&path, checker->faults, value->place,
                            "`%s` is no address; write an IP address and a port, as in "
                            "127.0.0.1:53",
                            weir_faults_quote(config->resolver_servers[i]).text);
    }
}

/* Who can connect can command. */
static void check_admin(const struct checker *checker, const struct weir_yaml_node *section)
{
    const struct weir_path top = {.name = "admin"};
    const struct weir_path path = {.up = &top, .name = "socket_mode"};
    const struct weir_yaml_node *value = weir_yaml_find(section, "socket_mode");
    char mode[WEIR_UNITS_TEXT_MAX];

    if (value != NULL && checker->config->admin_socket_mode & S_IWOTH)
        weir_path_fault(&path, checker->faults, value->place,
                        "`%s` would let everybody on this host command weir; write 0600, or 0660 "
                        "for a group",
                        weir_units_format_mode(checker->config->admin_socket_mode, mode));
}

static void check_servers(const struct checker *checker, const struct weir_config_pool *pool,
                          const struct weir_yaml_node *node)
{
    const struct weir_yaml_node *server = weir_yaml_first(weir_yaml_find(node, "servers"));
    struct use *uses = weir_arena_take(checker->scratch, pool->n_servers, sizeof(*uses));
    size_t n = 0;

    for (size_t i = 0; uses != NULL && i < pool->n_servers; i++, server = server->next) {
        const struct weir_yaml_node *address = weir_yaml_find(server, "address");
        struct use use = {.text = pool->servers[i].address, .index = i};
        use.place = address == NULL ? server->place : address->place;
        check_server(checker, pool, i, use.place);
        use.section = "pools";
        use.owner = pool->name;
        use.list = "servers";
        add_use(&pool->servers[i].endpoint, use, uses, &n);
    }
    if (uses != NULL)
        check_doubles(checker, uses, n);
}

/* No more can be idle than there may be; without a limit of their own, as many. No more are kept
 * ready than may be idle. */
static void check_idle(const struct checker *checker, struct weir_config_pool *pool,
                       const struct weir_yaml_node *node)
{
    const struct weir_path top = {.name = "pools"};
    const struct weir_path own = {.up = &top, .name = pool->name};
    const struct weir_path section = {.up = &own, .name = "connections"};
    const struct weir_path path = {.up = &section, .name = "max_idle"};
    const struct weir_path min_path = {.up = &section, .name = "min_idle"};
    const struct weir_yaml_node *connections = weir_yaml_find(node, "connections");
    const struct weir_yaml_node *value = weir_yaml_find(connections, "max_idle");
    const struct weir_yaml_node *min_value = weir_yaml_find(connections, "min_idle");

    if (pool->idle_max == 0)
        pool->idle_max = pool->connections_max;
    if (pool->connections_max != 0 && pool->idle_max > pool->connections_max)
        weir_path_fault(&path, checker->faults, value == NULL ? node->place : value->place,
                        "%llu is more than `max`, which is %llu; write at most that",
                        (unsigned long long)pool->idle_max,
                        (unsigned long long)pool->connections_max);
    else if (pool->idle_max != 0 && pool->idle_min > pool->idle_max)
        weir_path_fault(&min_path, checker->faults,
                        min_value == NULL ? node->place : min_value->place,
                        "%llu is more than `%s`, which is %llu; write at most that",
                        (unsigned long long)pool->idle_min,
                        pool->idle_max == pool->connections_max ? "max" : "max_idle",
                        (unsigned long long)pool->idle_max);
}

static bool is_of_family(const struct weir_config_pool *pool, sa_family_t family)
{
    for (size_t i = 0; i < pool->n_sources; i++) {
        if (pool->sources[i].any.sa_family == family)
            return true;
    }
    return false;
}

/* Each server that is given as an address has a source that can reach it. */
static void check_families(const struct checker *checker, const struct weir_config_pool *pool,
                           const struct weir_path *path, struct weir_place place)
{
    for (size_t i = 0; i < pool->n_servers; i++) {
        const struct weir_config_server *server = &pool->servers[i];
        struct weir_address address;
        if (!server->endpoint.is_literal || server->endpoint.host[0] == '\0' ||
            !weir_endpoint_to_address(&server->endpoint, &address) ||
            address.any.sa_family == AF_UNIX || is_of_family(pool, address.any.sa_family))
            continue;
        weir_path_fault(path, checker->faults, place,
                        "has no %s address, which server `%s` needs; add one of this host's, or "
                        "remove the key",
                        address.any.sa_family == AF_INET6 ? "IPv6" : "IPv4",
                        weir_faults_quote(server->address).text);
    }
}

static void check_sources(const struct checker *checker, const struct weir_config_pool *pool,
                          const struct weir_yaml_node *node)
{
    const struct weir_path top = {.name = "pools"};
    const struct weir_path own = {.up = &top, .name = pool->name};
    const struct weir_path section = {.up = &own, .name = "connections"};
    const struct weir_path path = {.up = &section, .name = "source"};
    const struct weir_yaml_node *value = weir_yaml_find(weir_yaml_find(node, "connections"),
                                                        "source");
    const struct weir_yaml_node *element;

    /* One that could not be read has a fault, which is enough. */
    if (value == NULL || pool->n_sources == 0 || is_of_family(pool, AF_UNSPEC))
        return;
    if (pool->n_sources > SOURCES_MAX) {
        weir_path_fault(&path, checker->faults, value->place, "has %zu addresses; write at most %d",
                        pool->n_sources, SOURCES_MAX);
        return;
    }
    element = value->kind == WEIR_YAML_LIST ? value->first : value;
    for (size_t i = 0; element != NULL && i < pool->n_sources; i++, element = element->next) {
        const struct weir_path at = {.up = &path, .index = i};
        for (size_t k = 0; k < i; k++) {
            if (weir_address_is_equal(&pool->sources[k], &pool->sources[i]))
                weir_path_fault(&at, checker->faults, element->place,
                                "`%s` is given twice; keep one of them",
                                weir_faults_quote(pool->source[i]).text);
        }
    }
    check_families(checker, pool, &path, value->place);
}

/* Without anybody who may send it, a PROXY header would be waited for in vain. */
static void check_peers(const struct checker *checker, const struct weir_yaml_node *listeners)
{
    const struct weir_path top = {.name = "listeners"};
    const struct weir_yaml_node *node = weir_yaml_first(listeners);

    for (size_t i = 0; i < checker->config->n_listeners; i++, node = node->next) {
        const struct weir_config_listener *listener = &checker->config->listeners[i];
        const struct weir_path own = {.up = &top, .name = listener->name};
        const struct weir_path path = {.up = &own, .name = "proxy_protocol"};
        const struct weir_yaml_node *value = weir_yaml_find(node, "proxy_protocol");
        if (listener->proxy_protocol == WEIR_SWITCH_ON && listener->n_trusted == 0 && value)
            weir_path_fault(&path, checker->faults, value->place,
                            "nobody may send a PROXY header, since `trusted_peers` is empty; "
                            "write the balancers' addresses there, as in [10.0.0.0/8]");
    }
}

/* A connection that is opened before there is a client cannot be announced for one. */
static void check_ahead(const struct checker *checker, const struct weir_config_pool *pool,
                        const struct weir_yaml_node *node)
{
    const struct weir_path top = {.name = "pools"};
    const struct weir_path own = {.up = &top, .name = pool->name};
    const struct weir_path section = {.up = &own, .name = "connections"};
    const struct weir_path path = {.up = &section, .name = "min_idle"};
    const struct weir_yaml_node *value = weir_yaml_find(weir_yaml_find(node, "connections"),
                                                        "min_idle");

    if (pool->send_proxy != WEIR_PROXY_OFF && pool->idle_min > 0 && value)
        weir_path_fault(&path, checker->faults, value->place,
                        "does not go with `send_proxy`, by which each connection is one client's; "
                        "remove one of them");
}

/* Who is asked for on the way of a request is found out here. */
static void note_request_ids(struct weir_config *config)
{
    for (size_t i = 0; i < config->n_listeners; i++) {
        struct weir_config_listener *listener = &config->listeners[i];
        listener->needs_request_id =
            listener->request_id != WEIR_REQUEST_ID_OFF ||
            weir_edits_use(&listener->request_edits, WEIR_VARIABLE_request_id) ||
            weir_edits_use(&listener->response_edits, WEIR_VARIABLE_request_id);
    }
}

void weir_config_check(struct weir_config *config, const struct weir_yaml_node *tree,
                       struct weir_arena *scratch, struct weir_faults *faults)
{
    struct checker checker = {.config = config, .scratch = scratch, .faults = faults};
    const struct weir_yaml_node *listeners = weir_yaml_find(tree, "listeners");
    const struct weir_yaml_node *pool = weir_yaml_first(weir_yaml_find(tree, "pools"));

    if (!sort_pools(&checker))
        return;
    check_references(&checker, listeners);
    check_listen(&checker, listeners);
    check_peers(&checker, listeners);
    note_request_ids(config);
    weir_config_check_tls(config, listeners, faults);
    check_admin(&checker, weir_yaml_find(tree, "admin"));
    check_resolver(&checker, weir_yaml_find(tree, "resolver"));
    for (size_t i = 0; i < config->n_pools; i++, pool = pool->next) {
        check_servers(&checker, &config->pools[i], pool);
        check_idle(&checker, &config->pools[i], pool);
        check_sources(&checker, &config->pools[i], pool);
        check_ahead(&checker, &config->pools[i], pool);
        weir_config_load_tls(config, &config->pools[i], pool, scratch, faults);
    }
}
