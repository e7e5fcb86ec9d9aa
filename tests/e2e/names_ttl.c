/* A name is asked for again when its TTL runs out, and not before; what changed is in force without
 * a reload, and what stayed is as warm as it was. */
#include "support/t_ask.h"

#include <signal.h>

static struct t_dns dns;
static struct t_weir weir;
static struct t_origin origins[2];

static void open_origins(void)
{
    t_origin_open(&origins[0]);
    t_origin_open_at(&origins[1], "127.0.0.2", origins[0].port);
    t_dns_open(&dns);
}

static void start(void)
{
    struct t_shape shape = {.workers = 1,
                            .servers = t_text("[{address: \"fleet.test:%d\"}]", origins[0].port),
                            .pool = "    balance: round_robin\n    connections: {max: 1}\n",
                            .top = t_dns_yaml(&dns, "10s")};
    t_weir_start_shape(&weir, &shape);
}

Test(names_ttl, an_address_that_was_added_is_used)
{
    open_origins();
    t_dns_set(&dns, "fleet.test 1 A 127.0.0.1\n");
    start();
    struct t_conn *warm = t_round(&weir, &origins[0], NULL, "/1");

    t_dns_set(&dns, "fleet.test 1 A 127.0.0.1\nfleet.test 1 A 127.0.0.2\n");
    t_stats_await(&weir, "weir/revision", 2);
    struct t_conn *clients[2];
    for (int i = 0; i < 2; i++)
        clients[i] = t_ask(&weir, "GET", "/2", NULL);
    t_serve(warm, "/2");
    t_serve(t_accept(&origins[1]), "/2");
    for (int i = 0; i < 2; i++)
        t_await_answer(clients[i], "GET", 200);
    t_stats_assert(&weir, "weir/generation", 1);
    t_stats_assert(
        &weir, t_text("pools/legacy/servers/127.0.0.1:%d/connections/opened", origins[0].port), 1);
    t_weir_end(&weir);
}

/* The order in an answer turns from one to the next, and means nothing. */
Test(names_ttl, the_same_in_another_order_is_no_change)
{
    open_origins();
    t_dns_set(&dns, "fleet.test 1 A 127.0.0.1\nfleet.test 1 A 127.0.0.2\n");
    start();
    t_dns_set(&dns, "fleet.test 1 A 127.0.0.2\nfleet.test 1 A 127.0.0.1\n");
    t_dns_await_questions(&dns, "fleet.test", T_DNS_A, 2);
    t_stats_assert(&weir, "weir/revision", 1);
    t_weir_end(&weir);
}

Test(names_ttl, each_name_has_its_own)
{
    open_origins();
    t_dns_set(&dns, "long.test 3600 A 127.0.0.1\nshort.test 1 A 127.0.0.2\n"
                    "alias.test 1 CNAME aim.test\naim.test 3600 A 127.0.0.3\n");
    struct t_shape shape = {
        .servers = t_text("[{address: \"long.test:%d\"}, {address: \"short.test:%d\"}, "
                          "{address: \"alias.test:%d\"}]",
                          origins[0].port, origins[0].port, origins[0].port),
        .top = t_dns_yaml(&dns, "10s")};
    t_weir_start_shape(&weir, &shape);
    t_dns_await_questions(&dns, "short.test", T_DNS_A, 2);
    t_dns_await_questions(&dns, "alias.test", T_DNS_A, 1);
    t_assert_number("questions", t_dns_questions(&dns, "long.test", T_DNS_A), 1);
    t_weir_end(&weir);
}

/* What has run out of nothing but zeros would be asked for without a pause. */
Test(names_ttl, of_nothing_is_a_second)
{
    open_origins();
    t_dns_set(&dns, "fleet.test 0 A 127.0.0.1\n");
    int64_t began_ms = t_now_ms();
    start();
    t_dns_await_questions(&dns, "fleet.test", T_DNS_A, 2);
    int64_t took_ms = t_now_ms() - began_ms;
    cr_assert_geq(took_ms, 2000, "two more questions in %d ms", (int)took_ms);
    t_weir_end(&weir);
}

Test(names_ttl, a_reload_asks_again_at_once)
{
    open_origins();
    t_dns_set(&dns, "fleet.test 3600 A 127.0.0.1\n");
    start();
    t_dns_set(&dns, "fleet.test 3600 A 127.0.0.2\n");
    t_weir_signal(&weir, SIGHUP);
    t_stats_await(&weir, "weir/generation", 2);
    t_stats_await(&weir, "weir/revision", 3);
    t_round(&weir, &origins[1], NULL, "/");
    t_weir_end(&weir);
}
