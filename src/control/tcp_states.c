/* What is asked of the kernel, and when. What the answers come to is in tcp_facts.c. */
#include "weir/control/tcp_states.h"

#include "weir/base/log.h"
#include "weir/net/port_range.h"
#include "weir/upstream/ports.h"

#include "tcp_seen.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { HOSTS_MS = 5000, LATE_MS = 1500, SHARE = 10 };

struct weir_tcp_states *weir_tcp_states_create(void)
{
    return calloc(1, sizeof(struct weir_tcp_states));
}

void weir_tcp_states_destroy(struct weir_tcp_states *states)
{
    if (!states)
        return;
    weir_tcp_tally_destroy(states->tally);
    free(states->hosts);
    free(states);
}

static uint64_t now_ms(void)
{
    return uv_hrtime() / 1000000;
}

/* Who looks each second may be a little late. */
bool weir_tcp_is_fresh(const struct weir_tcp_states *states)
{
    return now_ms() < states->again_ms + LATE_MS;
}

/* ---- The addresses of this host. ---- */

static bool is_loopback(const uint8_t host[16])
{
    static const uint8_t ipv4[13] = {[10] = 0xff, [11] = 0xff, [12] = 127}, ipv6[16] = {[15] = 1};

    return memcmp(host, ipv4, sizeof(ipv4)) == 0 || memcmp(host, ipv6, sizeof(ipv6)) == 0;
}

bool weir_tcp_is_of_this_host(const struct weir_tcp_states *states, const struct weir_sock_end *end)
{
    if (is_loopback(end->host))
        return true;
    for (size_t i = 0; i < states->n_hosts; i++) {
        if (memcmp(states->hosts[i].host, end->host, sizeof(end->host)) == 0)
            return true;
    }
    return false;
}

static bool to_end(struct weir_sock_end *end, const struct sockaddr *from)
{
    struct weir_address address = {.len = 0};

    if (!from || (from->sa_family != AF_INET && from->sa_family != AF_INET6))
        return false;
    memcpy(&address.storage, from,
           from->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    return weir_sock_end_from(end, &address);
}

/* Where they can't be read, those that were known stay. */
static void read_hosts(struct weir_tcp_states *states)
{
    struct ifaddrs *all, *each;
    struct weir_sock_end *hosts;
    size_t n = 0;

    if (getifaddrs(&all) != 0)
        return;
    for (each = all; each; each = each->ifa_next)
        n++;
    hosts = calloc(n > 0 ? n : 1, sizeof(*hosts));
    if (hosts) {
        free(states->hosts);
        states->hosts = hosts;
        states->n_hosts = 0;
        for (each = all; each; each = each->ifa_next) {
            if (to_end(&hosts[states->n_hosts], each->ifa_addr))
                states->n_hosts++;
        }
    }
    freeifaddrs(all);
}

/* ---- What is looked for. ---- */

static bool watch_server(struct weir_tcp_states *states, struct weir_tcp_tally *tally,
                         const struct weir_pool_plan *plan, const struct weir_server *server)
{
    sa_family_t family = server->address.any.sa_family;
    struct weir_sock_end end, from;

    if (!weir_sock_end_from(&end, &server->address))
        return true;
    if (!weir_tcp_tally_watch_remote(tally, &end))
        return false;
    for (size_t i = 0; i < weir_ports_count_sources(plan->config, family); i++) {
        if (weir_sock_end_from(&from, weir_ports_source(plan->config, family, i)) &&
            !weir_tcp_tally_watch_pair(tally, &from, &end))
            return false;
    }
    return !weir_tcp_is_of_this_host(states, &end) || weir_tcp_tally_watch_local(tally, &end);
}

static bool watch_listener(struct weir_tcp_tally *tally, const struct weir_listener_plan *plan)
{
    struct weir_sock_end end;

    for (size_t i = 0; i < plan->config->n_listen; i++) {
        if (weir_sock_end_from(&end, &plan->addresses[i]) &&
            !weir_tcp_tally_watch_listener(tally, &end))
            return false;
    }
    return true;
}

static bool watch_all(struct weir_tcp_states *states, struct weir_tcp_tally *tally,
                      const struct weir_generation *generation)
{
    for (size_t i = 0; i < generation->n_listeners; i++) {
        if (!watch_listener(tally, &generation->listeners[i]))
            return false;
    }
    for (size_t i = 0; i < generation->config->n_pools; i++) {
        const struct weir_pool_plan *plan = &generation->plans[i];
        for (size_t k = 0; k < plan->n_servers; k++) {
            if (!watch_server(states, tally, plan, plan->servers[k]))
                return false;
        }
    }
    return true;
}

/* ---- Looking. ---- */

static const char *advice(int error)
{
    switch (error) {
    case -EPERM:
    case -EACCES:
    case -EAFNOSUPPORT:
        return "; let weir open AF_NETLINK sockets (systemd: RestrictAddressFamilies=, containers: "
               "the seccomp profile)";
    case -EPROTONOSUPPORT:
        return "; this kernel has no sock_diag";
    case -ENOENT:
        return "; load the kernel's module tcp_diag";
    case -ETIMEDOUT:
        return "; too many sockets to count in a second";
    default:
        return "";
    }
}

static void tell(struct weir_tcp_states *states, const char *step, int error)
{
    if (states->told == error)
        return;
    states->told = error;
    weir_log(WEIR_LOG_WARN,
             "the kernel's TCP states are not known, in /stats they are null, in /metrics absent: "
             "%s: %s%s",
             step, strerror(-error), advice(error));
}

static int dump(struct weir_tcp_tally *tally, struct weir_dump *dump)
{
    const struct weir_sock_filter *filter = weir_tcp_tally_filter(tally);
    int error = weir_sock_diag_dump(filter, WEIR_TCP_DUMP_MS_MAX, weir_tcp_tally_count, tally,
                                    dump);

    if (error || !dump->is_disturbed)
        return error;
    /* Once more; if that one is disturbed too, it is as good as can be had. */
    weir_tcp_tally_clear(tally);
    return weir_sock_diag_dump(filter, WEIR_TCP_DUMP_MS_MAX, weir_tcp_tally_count, tally, dump);
}

static void look(struct weir_tcp_states *states, const struct weir_generation *generation)
{
    struct weir_dump how = {.step = "counting sockets"};
    struct weir_tcp_tally *tally = weir_tcp_tally_create();
    int error = -ENOMEM;

    if (tally && watch_all(states, tally, generation))
        error = dump(tally, &how);
    if (error) {
        tell(states, how.step, error);
        weir_tcp_tally_destroy(tally);
        tally = NULL;
    }
    weir_tcp_tally_destroy(states->tally);
    states->tally = tally;
    if (!weir_port_range_read(&states->local_ports))
        states->local_ports = 0;
}

void weir_tcp_states_look(struct weir_tcp_states *states, const struct weir_generation *generation)
{
    uint64_t begun_ms = now_ms(), took_ms;

    if (!states || (begun_ms < states->again_ms && states->revision == generation->revision))
        return;
    states->revision = generation->revision;
    if (begun_ms >= states->hosts_again_ms) {
        read_hosts(states);
        states->hosts_again_ms = begun_ms + HOSTS_MS;
    }
    look(states, generation);
    took_ms = now_ms() - begun_ms;
    states->again_ms = begun_ms +
                       (took_ms * SHARE > WEIR_TCP_LOOK_MS ? took_ms * SHARE : WEIR_TCP_LOOK_MS);
}
