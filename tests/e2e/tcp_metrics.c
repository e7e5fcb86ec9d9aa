/* /metrics has the kernel's TCP states and the local ports as /stats has them, and asks the kernel
 * itself; what the kernel does not tell is absent. */
#include "support/t_ask.h"
#include "support/t_metrics.h"
#include "support/t_netns.h"

#include <criterion/criterion.h>
#include <string.h>

static struct t_weir weir;

static bool begins_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* How many series FAMILY has. */
static int64_t series_of(const struct t_metrics *metrics, const char *family)
{
    const char *series;
    json_t *value;
    int64_t n = 0;

    json_object_foreach(metrics->series, series, value)
    {
        n += begins_with(series, t_text("weir_%s{", family));
    }
    return n;
}

static void assert_same(const struct t_metrics *metrics, const char *series, json_t *figure)
{
    t_assert_number(series, (int64_t)t_metrics_number(metrics, series), json_integer_value(figure));
}

/* Each state of COUNTS has its series, which is FAMILY's with these LABELS. Returns how many. */
static int64_t assert_states(const struct t_metrics *metrics, const char *family,
                             const char *labels, const char *after, json_t *counts)
{
    const char *state;
    json_t *figure;

    json_object_foreach(counts, state, figure)
    {
        assert_same(metrics, t_text("weir_%s{%sstate=\"%s\",%s}", family, labels, state, after),
                    figure);
    }
    return (int64_t)json_object_size(counts);
}

static void assert_server(const struct t_metrics *metrics, const char *address, json_t *server,
                          int64_t *n_states)
{
    static const char *const ports[] = {"in_use", "time_wait", "available"};
    const char *labels = t_text("pool=\"legacy\",server=\"%s\"", address);

    *n_states += assert_states(metrics, "server_tcp_sockets", "side=\"proxy\",", labels,
                               t_stats_find(server, "tcp/proxy_side"));
    *n_states += assert_states(metrics, "server_tcp_sockets", "side=\"server\",", labels,
                               t_stats_find(server, "tcp/server_side"));
    for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++)
        assert_same(metrics, t_text("weir_server_ports_%s{%s}", ports[i], labels),
                    t_stats_find(server, t_text("ports/%s", ports[i])));
}

/* All of it, and nothing else. */
static void assert_as_in_stats(const struct t_metrics *metrics, json_t *stats)
{
    json_t *servers = t_stats_find(stats, "pools/legacy/servers"), *server;
    int64_t n_states = 0, n_of_listener;
    const char *address;

    n_of_listener = assert_states(metrics, "listener_tcp_sockets", "", "listener=\"web\"",
                                  t_stats_find(stats, "listeners/web/tcp"));
    t_assert_number("states of a listener", n_of_listener, 8);
    t_assert_number("listeners", series_of(metrics, "listener_tcp_sockets"), n_of_listener);
    json_object_foreach(servers, address, server)
    {
        assert_server(metrics, address, server, &n_states);
    }
    t_assert_number("servers", series_of(metrics, "server_tcp_sockets"), n_states);
}

/* Scrapes alone, until the series has VALUE. Returns when the last of them began, in ms. */
static int64_t await_series(const char *series, int64_t value)
{
    int64_t deadline_ms = t_deadline_ms(), begun_ms = 0, now = -1;

    while (now != value && t_left_ms(deadline_ms) > 0) {
        begun_ms = t_now_ms();
        struct t_metrics metrics = t_scrape(&weir);
        now = (int64_t)t_metrics_number(&metrics, series);
        if (now != value)
            t_nap();
    }
    t_assert_number(series, now, value);
    return begun_ms;
}

static const char *of_server(int port, const char *side, const char *state)
{
    return t_text("weir_server_tcp_sockets{side=\"%s\",state=\"%s\",pool=\"legacy\","
                  "server=\"127.0.0.1:%d\"}",
                  side, state, port);
}

static const char *of_web(const char *state)
{
    return t_text("weir_listener_tcp_sockets{state=\"%s\",listener=\"web\"}", state);
}

/* Both ends of a connection to the server; the test's own, as weir's would change by themselves. */
struct ends {
    struct t_conn *client, *server;
};

static struct ends join(struct t_origin *origin)
{
    struct ends ends = {.client = t_connect(origin->port)};

    ends.server = t_accept(origin);
    return ends;
}

/* One is established, one half closed, and of two others either side keeps a TIME_WAIT. */
static void fill(struct t_origin *origin)
{
    struct ends ends;

    join(origin);
    ends = join(origin);
    t_half_close(ends.client);
    ends = join(origin);
    t_half_close(ends.client);
    t_read_to_end(ends.server, NULL);
    t_close(ends.server);
    ends = join(origin);
    t_half_close(ends.server);
    t_read_to_end(ends.client, NULL);
    t_close(ends.client);
}

Test(tcp_metrics, are_those_of_stats)
{
    struct t_origin origin;
    t_netns_enter();
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.servers = t_text("[{address: \"127.0.0.1:%d\"}, "
                                                                  "{address: \"10.1.2.3:80\"}]",
                                                                  origin.port)});
    fill(&origin);
    struct t_conn *client = t_connect(weir.port), *refused = t_connect(weir.port);
    t_send(client, "GET / ");
    t_send(refused, "nonsense\r\n\r\n");
    t_read_to_end(refused, NULL);
    t_close(refused);
    /* Nobody has asked for /stats yet. */
    await_series(of_web("time_wait"), 1);
    await_series(of_web("established"), 1);
    await_series(of_server(origin.port, "proxy", "established"), 1);
    await_series(of_server(origin.port, "proxy", "fin_wait2"), 1);
    await_series(of_server(origin.port, "proxy", "time_wait"), 1);
    await_series(of_server(origin.port, "server", "close_wait"), 1);
    await_series(of_server(origin.port, "server", "time_wait"), 1);
    struct t_metrics metrics = t_scrape(&weir);
    assert_as_in_stats(&metrics, t_stats(&weir));
    const char *labels = t_text("{pool=\"legacy\",server=\"127.0.0.1:%d\"}", origin.port);
    t_assert_number(
        "in use", (int64_t)t_metrics_number(&metrics, t_text("weir_server_ports_in_use%s", labels)),
        2);
    t_assert_number(
        "available",
        (int64_t)t_metrics_number(&metrics, t_text("weir_server_ports_available%s", labels)),
        28229);
    t_assert_lacks(metrics.text, "side=\"server\",state=\"established\",pool=\"legacy\","
                                 "server=\"10.1.2.3:80\"");
    t_reset(client);
    t_weir_end(&weir);
}

/* Who scrapes and who reads /stats share one look a second. */
Test(tcp_metrics, a_look_serves_stats_too)
{
    struct t_origin origin;
    int64_t begun_ms, number;
    t_netns_enter();
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});
    const char *series = of_server(origin.port, "proxy", "established");
    await_series(series, 0);
    join(&origin);
    begun_ms = await_series(series, 1); /* by a look of its own */
    join(&origin);
    number = t_stats_number(
        &weir, t_text("pools/legacy/servers/127.0.0.1:%d/tcp/proxy_side/established", origin.port));
    if (t_now_ms() - begun_ms < 900)
        t_assert_number("what the scrape saw", number, 1);
    await_series(series, 2);
    t_weir_end(&weir);
}

Test(tcp_metrics, are_absent_where_netlink_is_refused)
{
    static const char *const families[] = {"listener_tcp_sockets", "server_tcp_sockets",
                                           "server_ports_in_use", "server_ports_time_wait",
                                           "server_ports_available"};
    t_netlink_refuse();
    t_weir_start_shape(&weir, &(struct t_shape){.port = t_free_port()});
    struct t_metrics metrics = t_scrape(&weir);
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
        t_assert_number(families[i], series_of(&metrics, families[i]), 0);
    t_assert_number("another", series_of(&metrics, "server_up"), 1);
    t_weir_await_log(&weir, "opening a netlink socket: Operation not permitted");
    t_weir_end(&weir);
}
