/* That weir has run out of descriptors is nothing against a server: none is ejected or found down
 * for it. */
#include "support/t_health.h"

#include <sys/resource.h>

static struct t_origin origin;
static struct t_weir weir;
static struct rlimit before;

/* What is open stays open. */
static void run_out(void)
{
    struct rlimit none;

    cr_assert_eq(prlimit(weir.process.pid, RLIMIT_NOFILE, NULL, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    cr_assert_eq(prlimit(weir.process.pid, RLIMIT_NOFILE, &none, NULL), 0);
}

static void recover(void)
{
    cr_assert_eq(prlimit(weir.process.pid, RLIMIT_NOFILE, &before, NULL), 0);
}

Test(descriptors, requests_are_told_and_eject_nobody)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port,
                                                .pool = "    outlier: {failures: 2, eject: 1h}\n"
                                                        "    retry: {attempts: 0}\n"});
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_send(upstream, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    t_assert_number("status", t_read_response(client, "GET")->status, 204);
    t_expect_any_end(upstream);
    run_out();
    for (int i = 0; i < 5; i++) {
        struct t_message *answer = t_get(client, "/");
        t_assert_number("status", answer->status, 503);
        t_assert_contains(answer->body, "no more sockets");
    }
    recover();
    t_server_assert_state(&weir, origin.port, "up");
    t_pool_assert(&weir, "connections/active", 0);
    t_pool_assert(&weir, "requests/failed", 5);
    t_round(&weir, &origin, NULL, "/");
    t_weir_end(&weir);
}

/* Once down it would stay so. */
Test(descriptors, checks_find_nobody_down)
{
    static struct t_moody moody;
    t_moody_open(&moody);
    t_weir_start_shape(
        &weir, &(struct t_shape){.port = moody.origin.port,
                                 .pool = "    health: {interval: 10ms, rise: 1000, fall: 1}\n"});
    t_await_count(&moody.checks, 2);
    run_out();
    t_weir_await_log(&weir, "not checked");
    recover();
    t_await_count(&moody.checks, atomic_load(&moody.checks) + 3);
    t_server_assert_state(&weir, moody.origin.port, "up");
    t_weir_end(&weir);
}
