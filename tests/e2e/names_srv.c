/* SRV records are followed: their ports, weights and priorities, and what becomes of them. */
#include "support/t_ask.h"

#include <signal.h>

static struct t_dns dns;
static struct t_weir weir;
static struct t_origin origins[3];

static const char name[] = "_http._tcp.fleet.test";

static void open_origins(void)
{
    for (int i = 0; i < 3; i++)
        t_origin_open_on(&origins[i], i == 2 ? "127.0.0.2" : "127.0.0.1");
    t_dns_open(&dns);
}

static void start(const char *pool)
{
    struct t_shape shape = {.workers = 1,
                            .servers = t_text("[{address: %s, srv: true, weight: 9}]", name),
                            .pool = pool,
                            .top = t_dns_yaml(&dns, "10s")};
    t_weir_start_shape(&weir, &shape);
}

static char *path(int i, const char *what)
{
    return t_text("pools/legacy/servers/%s:%d/%s", origins[i].host, origins[i].port, what);
}

Test(names_srv, ports_and_weights_are_the_records)
{
    open_origins();
    t_dns_set(&dns,
              "%s 60 SRV 5 3 %d a.test\n%s 60 SRV 5 0 %d a.test\n%s 60 SRV 5 2 %d b.test\n"
              "a.test 60 A 127.0.0.1\nb.test 60 A 127.0.0.2\n",
              name, origins[0].port, name, origins[1].port, name, origins[2].port);
    start("    balance: round_robin\n");
    json_t *stats = t_stats(&weir);
    t_assert_number("servers",
                    (int64_t)json_object_size(t_stats_find(stats, "pools/legacy/servers")), 3);
    t_assert_text(json_string_value(t_stats_find(stats, path(2, "name"))), name);
    t_stats_assert(&weir, path(0, "weight"), 3);
    t_stats_assert(&weir, path(1, "weight"), 1);
    t_stats_assert(&weir, path(2, "weight"), 2);
    struct t_conn *clients[6];
    for (int i = 0; i < 6; i++)
        clients[i] = t_ask(&weir, "GET", "/", NULL);
    for (int i = 0; i < 3; i++) {
        for (int n = i == 0 ? 3 : i; n > 0; n--)
            t_serve(t_accept(&origins[i]), "/");
    }
    for (int i = 0; i < 6; i++)
        t_await_answer(clients[i], "GET", 200);
    t_weir_end(&weir);
}

/* One whose weight is the most a record can say, and one with a thousandth of it. */
Test(names_srv, great_weights_are_scaled)
{
    open_origins();
    t_dns_set(&dns,
              "%s 60 SRV 0 65535 %d a.test\n%s 60 SRV 0 66 %d a.test\na.test 60 A 127.0.0.1\n",
              name, origins[0].port, name, origins[1].port);
    start("    balance: hash_path\n");
    t_stats_assert(&weir, path(0, "weight"), 256);
    t_stats_assert(&weir, path(1, "weight"), 1);
    t_weir_end(&weir);
}

Test(names_srv, all_but_the_first_priority_are_backups)
{
    open_origins();
    t_dns_set(&dns,
              "%s 60 SRV 20 1 %d a.test\n%s 60 SRV 10 1 %d a.test\n%s 60 SRV 30 1 %d b.test\n"
              "a.test 60 A 127.0.0.1\nb.test 60 A 127.0.0.2\n",
              name, origins[0].port, name, origins[1].port, name, origins[2].port);
    start("    balance: round_robin\n");
    json_t *stats = t_stats(&weir);
    cr_assert(json_is_true(t_stats_find(stats, path(0, "backup"))));
    cr_assert(json_is_false(t_stats_find(stats, path(1, "backup"))));
    cr_assert(json_is_true(t_stats_find(stats, path(2, "backup"))));
    struct t_conn *upstream = t_round(&weir, &origins[1], NULL, "/1");
    t_round(&weir, &origins[1], upstream, "/2");
    /* The first fails: a backup takes its request, whichever has its turn; here one alone can. */
    t_close(upstream);
    t_origin_close(&origins[1]);
    t_origin_close(&origins[2]);
    t_stats_await(&weir, path(1, "connections/idle"), 0);
    t_round(&weir, &origins[0], NULL, "/3");
    t_weir_end(&weir);
}

/* A registry that knows no healthy instance says that there is no such name. */
Test(names_srv, a_fleet_may_begin_empty)
{
    open_origins();
    start(NULL);
    t_weir_await_log(&weir, t_text("names: SRV records of %s: there is no such name; it has no "
                                   "servers until there are some",
                                   name));
    t_await_answer(t_ask(&weir, "GET", "/", NULL), "GET", 503);
    t_dns_set(&dns, "%s 1 SRV 1 1 %d a.test\na.test 60 A 127.0.0.1\n", name, origins[0].port);
    t_stats_await(&weir, "weir/revision", 2);
    struct t_conn *upstream = t_round(&weir, &origins[0], NULL, "/");

    /* Empty again: what was known stays. */
    t_dns_set(&dns, "a.test 60 A 127.0.0.1\n");
    t_weir_await_log(&weir, "there is no such name; what was known of it stays");
    t_round(&weir, &origins[0], upstream, "/");
    t_weir_end(&weir);
}

Test(names_srv, instances_come_and_go)
{
    open_origins();
    t_dns_set(&dns, "%s 1 SRV 1 1 %d a.test\na.test 60 A 127.0.0.1\n", name, origins[0].port);
    start(NULL);
    struct t_conn *upstream = t_round(&weir, &origins[0], NULL, "/1");
    t_dns_set(&dns,
              "%s 1 SRV 1 1 %d b.test\n%s 1 SRV 1 1 %d a.test\n"
              "b.test 60 A 127.0.0.2\na.test 60 A 127.0.0.1\n",
              name, origins[2].port, name, origins[0].port);
    t_stats_await(&weir, "weir/revision", 2);
    t_stats_await_size(&weir, "pools/legacy/servers", 2);
    t_stats_assert(&weir, path(0, "connections/idle"), 1);
    t_dns_set(&dns, "%s 1 SRV 1 1 %d b.test\nb.test 60 A 127.0.0.2\n", name, origins[2].port);
    t_expect_any_end(upstream);
    t_stats_await(&weir, "weir/revision", 3);
    t_round(&weir, &origins[2], NULL, "/2");
    t_weir_end(&weir);
}

/* One target that can't be looked up takes nothing away from the others, nor loses its own. */
Test(names_srv, a_target_that_fails_keeps_what_was_known)
{
    open_origins();
    t_dns_set(&dns, "%s 1 SRV 1 1 %d b.test\nb.test 60 A 127.0.0.2\n", name, origins[2].port);
    start(NULL);
    t_dns_set(&dns,
              "%s 1 SRV 1 1 %d b.test\n%s 1 SRV 1 1 %d a.test\n"
              "b.test 60 SERVFAIL\na.test 60 A 127.0.0.1\n",
              name, origins[2].port, name, origins[0].port);
    t_weir_await_log(&weir, "not all could be looked up");
    t_stats_await(&weir, "weir/revision", 2);
    t_stats_await_size(&weir, "pools/legacy/servers", 2);
    t_stats_assert(&weir, path(2, "weight"), 1);
    /* One that does not exist is gone. */
    t_dns_set(&dns, "%s 1 SRV 1 1 %d b.test\n%s 1 SRV 1 1 %d a.test\na.test 60 A 127.0.0.1\n", name,
              origins[2].port, name, origins[0].port);
    t_stats_await(&weir, "weir/revision", 3);
    t_stats_await_size(&weir, "pools/legacy/servers", 1);
    t_round(&weir, &origins[0], NULL, "/");
    t_weir_end(&weir);
}

Test(names_srv, stands_beside_other_servers)
{
    open_origins();
    t_dns_set(&dns, "%s 1 SRV 1 1 %d a.test\na.test 60 A 127.0.0.1\n", name, origins[0].port);
    struct t_shape shape = {.workers = 1,
                            .servers = t_text("[{address: %s, srv: true}, "
                                              "{address: \"127.0.0.2:%d\", backup: true}]",
                                              name, origins[2].port),
                            .top = t_dns_yaml(&dns, "10s")};
    t_weir_start_shape(&weir, &shape);
    t_stats_await_size(&weir, "pools/legacy/servers", 2);
    t_round(&weir, &origins[0], NULL, "/");
    t_weir_end(&weir);
}
