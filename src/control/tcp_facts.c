#include "weir/control/tcp_states.h"
#include "weir/upstream/ports.h"

#include "tcp_seen.h"

static void add(struct weir_tcp_counts *sum, const struct weir_tcp_counts *counts)
{
    for (int state = 0; counts && state < WEIR_TCP_STATE_LIMIT; state++)
        sum->in[state] += counts->in[state];
}

static void put(json_t *object, const char *key, uint64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *print(const struct weir_tcp_counts *counts, bool has_syn_sent)
{
    json_t *facts = json_object();

#define PUT(name, number)                                                                          \
    if (WEIR_TCP_##name != WEIR_TCP_syn_sent || has_syn_sent)                                      \
        put(facts, #name, counts->in[WEIR_TCP_##name]);
    WEIR_TCP_STATES(PUT)
#undef PUT
    return facts;
}

bool weir_tcp_listener_counts(const struct weir_tcp_states *states,
                              const struct weir_listener_plan *plan, struct weir_tcp_counts *sum)
{
    bool is_known = false;

    *sum = (struct weir_tcp_counts){{0}};
    for (size_t i = 0; states && states->tally && i < plan->config->n_listen; i++) {
        const struct weir_tcp_counts *counts;
        struct weir_sock_end end;
        if (!weir_sock_end_from(&end, &plan->addresses[i]))
            continue;
        counts = weir_tcp_tally_local(states->tally, &end);
        is_known = is_known || counts;
        add(sum, counts);
    }
    return is_known;
}

json_t *weir_tcp_listener_facts(const struct weir_tcp_states *states,
                                const struct weir_listener_plan *plan)
{
    struct weir_tcp_counts sum;

    return weir_tcp_listener_counts(states, plan, &sum) ? print(&sum, false) : json_null();
}

static struct weir_tcp_sides find_sides(const struct weir_tcp_states *states,
                                        const struct weir_address *server)
{
    struct weir_tcp_sides sides = {NULL, NULL};
    struct weir_sock_end end;

    if (states && states->tally && weir_sock_end_from(&end, server)) {
        sides.proxy = weir_tcp_tally_remote(states->tally, &end);
        /* A listener of weir's own may be watched there; a server elsewhere is not. */
        if (weir_tcp_is_of_this_host(states, &end))
            sides.server = weir_tcp_tally_local(states->tally, &end);
    }
    return sides;
}

struct weir_tcp_sides weir_tcp_sides_seen(const struct weir_tcp_states *states,
                                          const struct weir_address *server)
{
    if (!states || !weir_tcp_is_fresh(states))
        return (struct weir_tcp_sides){NULL, NULL};
    return find_sides(states, server);
}

json_t *weir_tcp_server_facts(const struct weir_tcp_states *states,
                              const struct weir_address *server)
{
    struct weir_tcp_sides sides = find_sides(states, server);
    json_t *facts = json_object();

    json_object_set_new(facts, "proxy_side", sides.proxy ? print(sides.proxy, true) : json_null());
    json_object_set_new(facts, "server_side",
                        sides.server ? print(sides.server, false) : json_null());
    return facts;
}

/* Of the addresses that a pool connects from, where it has a list of them. */
static void add_pairs(struct weir_tcp_counts *sum, const struct weir_tcp_tally *tally,
                      const struct weir_config_pool *pool, const struct weir_address *server)
{
    sa_family_t family = server->any.sa_family;
    struct weir_sock_end end, from;

    for (size_t i = 0; i < weir_ports_count_sources(pool, family); i++) {
        if (weir_sock_end_from(&end, server) &&
            weir_sock_end_from(&from, weir_ports_source(pool, family, i)))
            add(sum, weir_tcp_tally_pair(tally, &from, &end));
    }
}

static uint64_t in_all_states(const struct weir_tcp_counts *counts)
{
    uint64_t n = 0;

    for (int state = 0; state < WEIR_TCP_STATE_LIMIT; state++)
        n += counts->in[state];
    return n;
}

struct weir_tcp_ports weir_tcp_ports_towards(const struct weir_tcp_states *states,
                                             const struct weir_pool_plan *plan,
                                             const struct weir_address *server)
{
    size_t n_sources = weir_ports_count_sources(plan->config, server->any.sa_family);
    const struct weir_tcp_counts *counts = NULL;
    struct weir_tcp_ports ports = {.is_seen = false};
    struct weir_tcp_counts sum = {{0}};
    struct weir_sock_end end;
    uint64_t taken, all;

    if (states && states->tally && weir_sock_end_from(&end, server))
        counts = weir_tcp_tally_remote(states->tally, &end);
    if (!counts)
        return ports;
    if (n_sources > 0)
        add_pairs(&sum, states->tally, plan->config, server);
    else
        add(&sum, counts);
    taken = in_all_states(&sum);
    all = (uint64_t)states->local_ports * (n_sources > 0 ? n_sources : 1);
    ports.is_seen = true;
    ports.time_wait = sum.in[WEIR_TCP_time_wait];
    ports.in_use = taken - ports.time_wait;
    ports.has_limit = all > 0;
    ports.available = all > taken ? all - taken : 0;
    return ports;
}

static void put_if(json_t *object, const char *key, bool is_known, uint64_t value)
{
    if (is_known)
        put(object, key, value);
    else
        json_object_set_new(object, key, json_null());
}

void weir_tcp_put_ports(json_t *facts, const struct weir_tcp_states *states,
                        const struct weir_pool_plan *plan, const struct weir_address *server)
{
    struct weir_tcp_ports ports = weir_tcp_ports_towards(states, plan, server);

    put_if(facts, "in_use", ports.is_seen, ports.in_use);
    put_if(facts, "time_wait", ports.is_seen, ports.time_wait);
    put_if(facts, "available", ports.has_limit, ports.available);
}
