/* Every address of a name is a server, once, and gets its share. */
#include "support/t_ask.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct t_dns dns;
static struct t_weir weir;
static struct t_origin origins[3];

static const char *const hosts[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};

static void open_origins(int n)
{
    t_origin_open(&origins[0]);
    for (int i = 1; i < n; i++)
        t_origin_open_at(&origins[i], hosts[i], origins[0].port);
}

static void start(const char *servers, const char *pool)
{
    struct t_shape shape = {
        .workers = 1, .servers = servers, .pool = pool, .top = t_dns_yaml(&dns, "10s")};
    t_weir_start_shape(&weir, &shape);
}

/* One request goes to each of N origins. */
static void expect_one_each(int n)
{
    struct t_conn *clients[3];
    for (int i = 0; i < n; i++)
        clients[i] = t_ask(&weir, "GET", "/", NULL);
    for (int i = 0; i < n; i++)
        t_serve(t_accept(&origins[i]), "/");
    for (int i = 0; i < n; i++)
        t_await_answer(clients[i], "GET", 200);
}

static char *server_path(int i, const char *what)
{
    return t_text("pools/legacy/servers/%s:%d/%s", hosts[i], origins[0].port, what);
}

Test(names_addresses, each_is_a_server)
{
    open_origins(3);
    t_dns_open(&dns);
    t_dns_set(&dns, "fleet.test 60 A 127.0.0.3\nfleet.test 60 A 127.0.0.1\n"
                    "fleet.test 60 A 127.0.0.2\n");
    start(t_text("[{address: \"fleet.test:%d\", weight: 7}]", origins[0].port),
          "    balance: round_robin\n");
    expect_one_each(3);
    json_t *stats = t_stats(&weir);
    t_assert_number("servers",
                    (int64_t)json_object_size(t_stats_find(stats, "pools/legacy/servers")), 3);
    for (int i = 0; i < 3; i++) {
        t_assert_text(json_string_value(t_stats_find(stats, server_path(i, "name"))),
                      t_text("fleet.test:%d", origins[0].port));
        t_stats_assert(&weir, server_path(i, "weight"), 7);
        t_stats_assert(&weir, server_path(i, "requests/total"), 1);
    }
    t_weir_end(&weir);
}

Test(names_addresses, one_that_a_pool_has_twice_counts_once)
{
    open_origins(2);
    t_dns_open(&dns);
    t_dns_set(&dns, "a.test 60 A 127.0.0.1\nb.test 60 A 127.0.0.1\nb.test 60 A 127.0.0.2\n");
    start(t_text("[{address: \"127.0.0.1:%d\"}, {address: \"a.test:%d\", backup: true}, "
                 "{address: \"b.test:%d\"}]",
                 origins[0].port, origins[0].port, origins[0].port),
          "    balance: round_robin\n");
    expect_one_each(2);
    json_t *stats = t_stats(&weir);
    t_assert_number("servers",
                    (int64_t)json_object_size(t_stats_find(stats, "pools/legacy/servers")), 2);
    cr_assert_null(t_stats_find(stats, server_path(0, "name")));
    cr_assert(json_is_false(t_stats_find(stats, server_path(0, "backup"))));
    t_weir_end(&weir);
}

Test(names_addresses, aliases_lead_to_them)
{
    open_origins(2);
    t_dns_open(&dns);
    t_dns_set(&dns, "fleet.test 60 CNAME east.test\neast.test 60 CNAME real.test\n"
                    "real.test 60 A 127.0.0.1\nreal.test 60 A 127.0.0.2\n");
    start(t_text("[{address: \"fleet.test:%d\"}]", origins[0].port), "    balance: round_robin\n");
    expect_one_each(2);
    t_weir_end(&weir);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 here = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&here, sizeof(here)) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

Test(names_addresses, of_both_families)
{
    open_origins(1);
    t_dns_open(&dns);
    t_dns_set(&dns, "fleet.test 60 A 127.0.0.1\nfleet.test 60 AAAA ::1\n");
    if (has_ipv6())
        t_origin_open_at(&origins[1], "::1", origins[0].port);
    start(t_text("[{address: \"fleet.test:%d\"}]", origins[0].port), "    balance: round_robin\n");
    t_stats_await_size(&weir, "pools/legacy/servers", has_ipv6() ? 2 : 1);
    if (has_ipv6()) {
        struct t_conn *clients[] = {t_ask(&weir, "GET", "/", NULL), t_ask(&weir, "GET", "/", NULL)};
        for (int i = 0; i < 2; i++)
            t_serve(t_accept(&origins[i]), "/");
        for (int i = 0; i < 2; i++)
            t_await_answer(clients[i], "GET", 200);
    }
    t_weir_end(&weir);
}

Test(names_addresses, of_one_family_where_that_is_wanted)
{
    open_origins(1);
    t_dns_open(&dns);
    t_dns_set(&dns, "fleet.test 60 A 127.0.0.1\nfleet.test 60 AAAA ::1\n");
    struct t_shape shape = {
        .servers = t_text("[{address: \"fleet.test:%d\"}]", origins[0].port),
        .top = t_text("resolver: {servers: [\"127.0.0.1:%d\"], family: ipv4}\n", dns.port)};
    t_weir_start_shape(&weir, &shape);
    t_stats_await_size(&weir, "pools/legacy/servers", 1);
    t_assert_number("questions", t_dns_questions(&dns, "fleet.test", T_DNS_AAAA), 0);
    t_round(&weir, &origins[0], NULL, "/");
    t_weir_end(&weir);
}

/* Nobody is asked for localhost. */
Test(names_addresses, of_this_host_need_no_name_server)
{
    open_origins(1);
    t_dns_open(&dns);
    start(t_text("[{address: \"localhost:%d\"}]", origins[0].port), NULL);
    t_assert_text(json_string_value(t_stats_find(t_stats(&weir), server_path(0, "name"))),
                  t_text("localhost:%d", origins[0].port));
    t_assert_number("questions", t_dns_questions(&dns, "localhost", T_DNS_A), 0);
    t_weir_end(&weir);
}
