/* Ports, TIME_WAIT and connection tracking. Sources: ip(7), tcp(7), the kernel's
 * Documentation/networking/ip-sysctl.rst and nf_conntrack-sysctl.rst; for the values of
 * tcp_tw_reuse the commit "net-tcp: extend tcp_tw_reuse sysctl to enable loopback only
 * optimization" (Linux 4.19); for tcp_tw_recycle "tcp: remove tcp_tw_recycle" (Linux 4.12). */
#include "weir/net/port_range.h"

#include "doctor_checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* TCP_TIMEWAIT_LEN in the kernel's include/net/tcp.h: a constant that no setting changes. */
enum { TIME_WAIT_S = 60 };
/* Fewer than the kernel gives to a host of 2 GiB. */
enum { TW_BUCKETS_FEW = 8192 };
enum { CONNTRACK_TIME_WAIT_S = 120 };

#define N "%" PRIu64
#define SAY(level, ...) weir_doctor_say(report, WEIR_DOCTOR_##level, __VA_ARGS__)
#define FIX(...) weir_doctor_fix(report, __VA_ARGS__)

static bool is_known(const struct weir_reading *reading)
{
    return reading->state == WEIR_READING_KNOWN;
}

/* How many ports from FIRST to LAST the kernel may choose for an outgoing connection. */
static uint64_t ports_available(const struct weir_doctor_host *host, uint64_t first, uint64_t last)
{
    char range[64];
    unsigned n;

    snprintf(range, sizeof(range), N " " N, first, last);
    if (weir_port_range_count(range, host->reserved_text, &n))
        return n;
    return weir_port_range_count(range, "", &n) ? n : 0;
}

static void check_pair(const struct weir_doctor_pair *pair, uint64_t available,
                       struct weir_doctor_report *report)
{
    uint64_t sources = pair->sources ? pair->sources : 1;
    uint64_t used = pair->connections / sources + (pair->connections % sources != 0);
    uint64_t left = available > used ? available - used : 0;
    const char *wider = "sysctl -w net.ipv4.ip_local_port_range=\"10240 65535\"";
    char where[64] = "";

    if (sources > 1)
        snprintf(where, sizeof(where), " at each of " N " source addresses", sources);
    if (used > available) {
        SAY(ERROR,
            "%s: pool `%s` may open " N " connections%s, and there are " N " ports for it: beyond "
            "them no connection can be opened, and requests wait",
            pair->address, pair->pool, used, where, available);
        FIX("connections: {max: " N "} in the pool, or more addresses in its connections.source, "
            "or %s",
            available / 2 * sources, wider);
    } else if (pair->is_unlimited) {
        SAY(WARNING, "%s: pool `%s` has no limit of connections; " N " ports are all there are%s",
            pair->address, pair->pool, available, where);
        FIX("connections: {max: N} in the pool: as many requests as a server works on at once");
    } else if (used > available / 10 * 8) {
        SAY(WARNING,
            "%s: up to " N " of " N " ports%s; what else on this host connects there needs "
            "some too",
            pair->address, used, available, where);
        FIX("connections: {max: " N "} in the pool, or more addresses in its connections.source, "
            "or %s",
            available / 2 * sources, wider);
    } else if (pair->ends_with_fin) {
        SAY(OK,
            "%s: up to " N " of " N " ports%s, " N " left; with `close: fin` an ended connection "
            "may hold its port for %d s more: that is " N " ended a second at most",
            pair->address, used, available, where, left, TIME_WAIT_S, left / TIME_WAIT_S * sources);
    } else {
        SAY(OK, "%s: up to " N " of " N " ports%s, " N " left", pair->address, used, available,
            where, left);
    }
}

void weir_doctor_check_ports(const struct weir_doctor_host *host,
                             const struct weir_doctor_needs *needs,
                             struct weir_doctor_report *report)
{
    uint64_t available = ports_available(host, host->port_first.value, host->port_last.value);

    if (weir_doctor_is_unknown(report, &host->port_first, "net.ipv4.ip_local_port_range"))
        return;
    if (needs && needs->n_pairs == 0)
        SAY(OK, "no server is reached over TCP");
    for (size_t i = 0; needs && i < needs->n_pairs; i++)
        check_pair(&needs->pairs[i], available, report);
    if (!needs)
        SAY(OK,
            N " to " N ": " N " connections at once from one address of this host to one server "
              "(address and port), IPv4 and IPv6 alike",
            host->port_first.value, host->port_last.value, available);
}

void weir_doctor_check_listener_ports(const struct weir_doctor_host *host,
                                      const struct weir_doctor_needs *needs,
                                      struct weir_doctor_report *report)
{
    char list[400];
    int len;
    size_t n = 0;

    if (!needs || !is_known(&host->port_first))
        return;
    len = snprintf(list, sizeof(list), "%s",
                   strlen(host->reserved_text) < sizeof(list) / 2
                       ? host->reserved_text
                       : "$(sysctl -n net.ipv4.ip_local_reserved_ports)");
    for (size_t i = 0; i < needs->n_ports; i++) {
        const struct weir_doctor_port *port = &needs->ports[i];
        if (port->port < host->port_first.value || port->port > host->port_last.value ||
            ports_available(host, port->port, port->port) == 0)
            continue;
        /* Each list has the ports of those before it: to follow all the advice, in turn, is right.
         */
        if (len + 8 < (int)sizeof(list))
            len += snprintf(list + len, sizeof(list) - (size_t)len, "%s%u", len ? "," : "",
                            port->port);
        n++;
        SAY(WARNING,
            "%s: port %u is in ip_local_port_range: while weir is down, an outgoing connection "
            "can take it, and weir then cannot start",
            port->listener, port->port);
        FIX("sysctl -w net.ipv4.ip_local_reserved_ports=\"%s\" (the whole list: writing replaces "
            "it)",
            list);
    }
    if (n == 0)
        SAY(OK, "none is where outgoing connections could take it");
}

void weir_doctor_check_max_tw_buckets(const struct weir_doctor_host *host,
                                      const struct weir_doctor_needs *needs,
                                      struct weir_doctor_report *report)
{
    uint64_t value = host->max_tw_buckets.value, now = host->time_waits.value;
    const char *upstream = !needs              ? ""
                           : needs->time_waits ? ", besides those of pools with `close: fin`"
                                               : "; connections to servers leave none (`close: "
                                                 "reset`)";

    if (weir_doctor_is_unknown(report, &host->max_tw_buckets, "net.ipv4.tcp_max_tw_buckets"))
        return;
    if (is_known(&host->time_waits) && now > value / 10 * 9) {
        SAY(WARNING,
            N " of " N " are in use: beyond it the kernel ends TIME_WAIT at once, and late "
              "segments of an old connection can reach a new one",
            now, value);
        FIX("sysctl -w net.ipv4.tcp_max_tw_buckets=" N " (about 300 bytes each); or have clients "
            "close first: close_grace: 200ms in the listener",
            value * 2);
    } else if (value < TW_BUCKETS_FEW || (needs && value < needs->time_waits)) {
        SAY(WARNING,
            N ": room for " N " clients' connections that weir closes a second, each %d s in "
              "TIME_WAIT%s; what is beyond ends at once, and late segments of an old connection "
              "can reach a new one",
            value, value / TIME_WAIT_S, TIME_WAIT_S, upstream);
        FIX("sysctl -w net.ipv4.tcp_max_tw_buckets=%d", 32 * TW_BUCKETS_FEW);
    } else {
        SAY(OK,
            N ": room for " N " clients' connections that weir closes a second, each %d s in "
              "TIME_WAIT%s%s",
            value, value / TIME_WAIT_S, TIME_WAIT_S, upstream,
            is_known(&host->time_waits) ? "" : "; how many there are now is not known");
    }
}

/* The first server that leaves TIME_WAIT here and is not reached over loopback; else NULL. */
static const struct weir_doctor_pair *find_fin(const struct weir_doctor_needs *needs,
                                               bool with_loopback)
{
    for (size_t i = 0; needs && i < needs->n_pairs; i++) {
        const struct weir_doctor_pair *pair = &needs->pairs[i];
        if (pair->ends_with_fin && (with_loopback || !pair->is_loopback))
            return pair;
    }
    return NULL;
}

void weir_doctor_check_tw_reuse(const struct weir_doctor_host *host,
                                const struct weir_doctor_needs *needs,
                                struct weir_doctor_report *report)
{
    uint64_t value = host->tw_reuse.value;
    const struct weir_doctor_pair *left = find_fin(needs, value == 0);
    const char *what = value == 0   ? "off"
                       : value == 2 ? "for loopback only (an end in 127.0.0.0/8 or ::1)"
                                    : "for all outgoing connections";

    if (weir_doctor_is_unknown(report, &host->tw_reuse, "net.ipv4.tcp_tw_reuse"))
        return;
    if (value != 0 && is_known(&host->timestamps) && host->timestamps.value == 0) {
        SAY(WARNING, N ": without effect, for it needs tcp_timestamps, which is off", value);
        FIX("sysctl -w net.ipv4.tcp_timestamps=1");
    } else if (left && value != 1) {
        SAY(WARNING,
            N ": %s; pool `%s` ends connections to %s with a FIN, and those that weir closes first "
              "hold their port for %d s",
            value, what, left->pool, left->address, TIME_WAIT_S);
        FIX("close: reset in the pool (then there is no TIME_WAIT), or sysctl -w "
            "net.ipv4.tcp_tw_reuse=1");
    } else {
        SAY(OK,
            N ": %s. It lets connect(2) take a port in TIME_WAIT after a second, if both ends "
              "send timestamps; it does nothing for connections that come in%s",
            value, what,
            needs && !needs->time_waits ? ", and weir, with `close: reset`, does not need it" : "");
    }
}

void weir_doctor_check_tw_recycle(const struct weir_doctor_host *host,
                                  const struct weir_doctor_needs *needs,
                                  struct weir_doctor_report *report)
{
    (void)needs;
    if (host->tw_recycle.state == WEIR_READING_ABSENT) {
        SAY(OK, "not in this kernel (removed in Linux 4.12: it took one address for one host, and "
                "dropped SYNs of clients behind a NAT, whose timestamps differ); a line with it in "
                "sysctl.conf can go");
        return;
    }
    if (weir_doctor_is_unknown(report, &host->tw_recycle, "net.ipv4.tcp_tw_recycle"))
        return;
    if (host->tw_recycle.value == 0) {
        SAY(OK, "0: off, as it must be");
        return;
    }
    SAY(ERROR,
        N ": of clients behind one NAT, those whose timestamps lag have their SYNs dropped without "
          "a word; removed in Linux 4.12 for that",
        host->tw_recycle.value);
    FIX("sysctl -w net.ipv4.tcp_tw_recycle=0, and remove it from /etc/sysctl.conf and "
        "/etc/sysctl.d");
}

void weir_doctor_check_fin_timeout(const struct weir_doctor_host *host,
                                   const struct weir_doctor_needs *needs,
                                   struct weir_doctor_report *report)
{
    uint64_t value = host->fin_timeout.value;

    (void)needs;
    if (weir_doctor_is_unknown(report, &host->fin_timeout, "net.ipv4.tcp_fin_timeout"))
        return;
    if (value > 2 * TIME_WAIT_S) {
        SAY(WARNING,
            N " s: so long a closed connection waits in FIN_WAIT_2 for a client that never closes",
            value);
        FIX("sysctl -w net.ipv4.tcp_fin_timeout=60");
        return;
    }
    SAY(OK,
        N " s: how long a closed connection waits in FIN_WAIT_2 for the peer's FIN. Contrary to "
          "much advice it does not shorten TIME_WAIT, which is %d s, a constant of the kernel",
        value, TIME_WAIT_S);
}

void weir_doctor_check_conntrack(const struct weir_doctor_host *host,
                                 const struct weir_doctor_needs *needs,
                                 struct weir_doctor_report *report)
{
    uint64_t max = host->conntrack_max.value, count = host->conntrack_count.value;
    uint64_t wait = is_known(&host->conntrack_time_wait) && host->conntrack_time_wait.value
                        ? host->conntrack_time_wait.value
                        : CONNTRACK_TIME_WAIT_S;

    if (host->conntrack_max.state == WEIR_READING_ABSENT) {
        SAY(OK, "connections are not tracked here (nf_conntrack is not loaded, or only the host "
                "of this container shows it)");
        return;
    }
    if (weir_doctor_is_unknown(report, &host->conntrack_max, "net.netfilter.nf_conntrack_max"))
        return;
    if (max == 0) {
        SAY(OK, "the table of tracked connections has no limit");
        return;
    }
    if (is_known(&host->conntrack_count) && count >= max / 4 * 3) {
        weir_doctor_say(report, count >= max / 20 * 19 ? WEIR_DOCTOR_ERROR : WEIR_DOCTOR_WARNING,
                        N " of " N " connections are tracked: when the table is full, packets of "
                          "new ones are dropped",
                        count, max);
    } else if (needs && (needs->clients > max || needs->upstream > max - needs->clients)) {
        SAY(WARNING,
            "the table holds " N " connections, and the configuration allows " N
            " of clients and " N " to servers at once",
            max, needs->clients, needs->upstream);
    } else {
        SAY(OK,
            "the table holds " N " connections, with " N " now. An entry can outlive its "
            "connection by " N " s: that is " N " new ones a second",
            max, count, wait, max / wait);
        return;
    }
    FIX("sysctl -w net.netfilter.nf_conntrack_max=" N
        ", or exempt weir's ports from tracking (iptables -t raw … -j CT --notrack, both ways)",
        max * 4);
}
