#include "metrics_tcp.h"

#include <math.h>
#include <string.h>

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))

/* ---- One state of one end: a row's OFFSET is that of its state. ---- */

enum { SYN_SENT = offsetof(struct weir_tcp_counts, in[WEIR_TCP_syn_sent]) };

static double count_sockets(const struct weir_tcp_counts *counts, const struct weir_row *row)
{
    uint64_t n;

    if (!counts)
        return NAN;
    memcpy(&n, (const char *)counts + row->offset, sizeof(n));
    return (double)n;
}

/* Connections are never opened from a listener's or a server's own end. */
static double count_accepted(const struct weir_tcp_counts *counts, const struct weir_row *row)
{
    return row->offset == SYN_SENT ? NAN : count_sockets(counts, row);
}

#define SOCKETS(family, meaning, value, state)                                                     \
    {family "state=\"" #state "\"}", meaning, value,                                               \
     offsetof(struct weir_tcp_counts, in[WEIR_TCP_##state]), NULL},

/* ---- Listeners ---- */

static double get_listener_tcp(const struct weir_subject *subject, const struct weir_row *row)
{
    return count_accepted(subject->has_listener_tcp ? &subject->listener_tcp : NULL, row);
}

#define OF_LISTENER(state, number)                                                                 \
    SOCKETS("listener_tcp_sockets{", "its sockets, as the kernel tells, by state",                 \
            get_listener_tcp, state)
static const struct weir_row listener_rows[] = {WEIR_TCP_STATES(OF_LISTENER)};

void weir_metrics_put_listener_tcp(FILE *out, const struct weir_subjects *listeners)
{
    weir_metrics_put_rows(out, listener_rows, COUNT(listener_rows), listeners);
}

/* ---- Servers ---- */

static double get_proxy_side(const struct weir_subject *subject, const struct weir_row *row)
{
    return count_sockets(subject->server_tcp.proxy, row);
}

static double get_server_side(const struct weir_subject *subject, const struct weir_row *row)
{
    return count_accepted(subject->server_tcp.server, row);
}

static double get_ports_in_use(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return subject->ports.is_seen ? (double)subject->ports.in_use : NAN;
}

static double get_ports_time_wait(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return subject->ports.is_seen ? (double)subject->ports.time_wait : NAN;
}

static double get_ports_available(const struct weir_subject *subject, const struct weir_row *row)
{
    (void)row;
    return subject->ports.has_limit ? (double)subject->ports.available : NAN;
}

#define OF_SERVER(side, value, state)                                                              \
    SOCKETS("server_tcp_sockets{side=\"" side "\",",                                               \
            "sockets of connections to it, as the kernel tells, by side and state", value, state)
#define PROXY_SIDE(state, number) OF_SERVER("proxy", get_proxy_side, state)
#define SERVER_SIDE(state, number) OF_SERVER("server", get_server_side, state)
static const struct weir_row server_rows[] = {
    {"server_ports_in_use", "local ports towards it that connections have", get_ports_in_use, 0,
     NULL},
    {"server_ports_time_wait", "local ports towards it that are in TIME_WAIT", get_ports_time_wait,
     0, NULL},
    {"server_ports_available", "local ports towards it that are left", get_ports_available, 0,
     NULL},
    WEIR_TCP_STATES(PROXY_SIDE) WEIR_TCP_STATES(SERVER_SIDE)};

void weir_metrics_put_server_tcp(FILE *out, const struct weir_subjects *servers)
{
    weir_metrics_put_rows(out, server_rows, COUNT(server_rows), servers);
}
