#include "weir/control/tcp_states.h"

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

/* Connections are never opened from a listener's or a server's own end. */
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

json_t *weir_tcp_listener_facts(const struct weir_tcp_states *states,
                                const struct weir_listener_plan *plan)
{
    struct weir_tcp_counts sum = {{0}};
    bool is_known = false;

    for (size_t i = 0; states && states->tally && i < plan->config->n_listen; i++) {
        const struct weir_tcp_counts *counts;
        struct weir_sock_end end;
        if (!weir_sock_end_from(&end, &plan->addresses[i]))
            continue;
        counts = weir_tcp_tally_local(states->tally, &end);
        is_known = is_known || counts;
        add(&sum, counts);
    }
    return is_known ? print(&sum, false) : json_null();
}

json_t *weir_tcp_server_facts(const struct weir_tcp_states *states,
                              const struct weir_address *server)
{
    const struct weir_tcp_counts *proxy_side = NULL, *server_side = NULL;
    json_t *facts = json_object();
    struct weir_sock_end end;

    if (states && states->tally && weir_sock_end_from(&end, server)) {
        proxy_side = weir_tcp_tally_remote(states->tally, &end);
        /* A listener of weir's own may be watched there; a server elsewhere is not. */
        if (weir_tcp_is_of_this_host(states, &end))
            server_side = weir_tcp_tally_local(states->tally, &end);
    }
    json_object_set_new(facts, "proxy_side", proxy_side ? print(proxy_side, true) : json_null());
    json_object_set_new(facts, "server_side",
                        server_side ? print(server_side, false) : json_null());
    return facts;
}

static uint64_t in_use(const struct weir_tcp_counts *counts)
{
    uint64_t n = 0;

#define ADD(name, number) n += counts->in[WEIR_TCP_##name];
    WEIR_TCP_STATES(ADD)
#undef ADD
    return n - counts->in[WEIR_TCP_time_wait];
}

void weir_tcp_put_ports(json_t *ports, const struct weir_tcp_states *states,
                        const struct weir_pool_plan *plan, const struct weir_address *server)
{
    const struct weir_tcp_counts *counts = NULL;
    uint64_t n_sources = 1, all, used, waiting;
    struct weir_sock_end end;

    (void)plan;
    if (states && states->tally && weir_sock_end_from(&end, server))
        counts = weir_tcp_tally_remote(states->tally, &end);
    used = counts ? in_use(counts) : 0;
    waiting = counts ? counts->in[WEIR_TCP_time_wait] : 0;
    all = counts ? states->local_ports * n_sources : 0;
    json_object_set_new(ports, "in_use", counts ? json_integer((json_int_t)used) : json_null());
    json_object_set_new(ports, "time_wait",
                        counts ? json_integer((json_int_t)waiting) : json_null());
    json_object_set_new(
        ports, "available",
        all > 0 ? json_integer((json_int_t)(all > used + waiting ? all - used - waiting : 0))
                : json_null());
}
