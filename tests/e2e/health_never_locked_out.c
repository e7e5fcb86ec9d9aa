/* When no server is well, all are tried all the same: whoever asks first after a return is served,
 * and until then clients are told at once. */
#include "support/t_health.h"

#include <string.h>

static struct t_moody moodies[2];
static struct t_weir weir;
static int ports[2];

static void open_all(int n, const char *pool)
{
    for (int i = 0; i < n; i++) {
        t_moody_open(&moodies[i]);
        ports[i] = moodies[i].origin.port;
    }
    t_weir_start_shape(&weir, &(struct t_shape){.servers = t_servers(ports, n), .pool = pool});
}

/* Returns how long the slowest took. */
static int64_t expect_prompt_503(int requests)
{
    int64_t slowest_ms = 0;

    for (int i = 0; i < requests; i++) {
        int64_t begin_ms = t_now_ms();
        struct t_message *answer = t_try(&weir);
        t_assert_number("status", answer->status, 503);
        t_assert_contains(answer->body, "no server is up");
        cr_assert(t_field(answer, "Retry-After"));
        if (t_now_ms() - begin_ms > slowest_ms)
            slowest_ms = t_now_ms() - begin_ms;
    }
    return slowest_ms;
}

/* Asks again and again until the first 200; returns how many it took. */
static int until_200(int64_t *took_ms)
{
    int64_t begin_ms = t_now_ms(), deadline = t_deadline_ms();

    for (int n = 1;; n++) {
        if (t_try(&weir)->status == 200) {
            *took_ms = t_now_ms() - begin_ms;
            return n;
        }
        if (!t_left_ms(deadline))
            cr_assert_fail("no 200 after %d requests", n);
    }
}

Test(health_never_locked_out, a_single_server)
{
    int64_t took_ms, slowest_ms;

    open_all(1, "    outlier: {failures: 5, eject: 1h}\n    queue: {timeout: 1h}\n"
                "    retry: {attempts: 0}\n");
    t_assert_number("who answers", t_who(&weir, "/"), ports[0]);
    t_moody_leave(&moodies[0]);
    t_pool_await(&weir, "connections/idle", 0);
    for (int i = 0; i < 4; i++)
        t_assert_number("status", t_try(&weir)->status, 502);
    /* Each of them looks whether it is there again. */
    int64_t opened = t_pool_number(&weir, "connections/opened");
    slowest_ms = expect_prompt_503(20);
    t_pool_assert(&weir, "connections/opened", opened + 20);
    t_server_assert_state(&weir, ports[0], "ejected");
    t_moody_return(&moodies[0]);
    t_assert_number("requests until the first 200", until_200(&took_ms), 1);
    cr_log_info("503 after at most %d ms, the first 200 after %d ms", (int)slowest_ms,
                (int)took_ms);
    t_server_assert_state(&weir, ports[0], "up");
    for (int i = 0; i < 20; i++)
        t_assert_number("who answers", t_who(&weir, "/"), ports[0]);
    t_assert_number("ejections", t_server_number(&weir, ports[0], "health/ejections"), 1);
    t_weir_end(&weir);
}

/* What checks say of the only one does not keep clients from it either. */
Test(health_never_locked_out, a_single_server_that_is_down)
{
    int64_t took_ms;

    open_all(1, "    outlier: {failures: 5, eject: 1h}\n"
                "    health: {interval: 10ms, fall: 1, rise: 1000}\n");
    t_moody_leave(&moodies[0]);
    t_server_await_state(&weir, ports[0], "down");
    expect_prompt_503(20);
    t_moody_return(&moodies[0]);
    t_assert_number("requests until the first 200", until_200(&took_ms), 1);
    t_weir_end(&weir);
}

static void one_of_two_returns(const char *balance)
{
    int64_t took_ms;

    open_all(2, t_text("    balance: %s\n    outlier: {failures: 2, eject: 1h}\n", balance));
    for (int i = 0; i < 2; i++)
        t_moody_leave(&moodies[i]);
    for (int i = 0; i < 8; i++)
        (void)t_try(&weir);
    for (int i = 0; i < 2; i++)
        t_server_assert_state(&weir, ports[i], "ejected");
    expect_prompt_503(10);
    t_moody_return(&moodies[1]);
    cr_assert_leq(until_200(&took_ms), 10);
    cr_log_info("%s: the first 200 after %d ms", balance, (int)took_ms);
    /* From now on the other is left alone. */
    for (int i = 0; i < 20; i++)
        t_assert_number("who answers", t_who(&weir, "/"), ports[1]);
    t_server_assert_state(&weir, ports[0], "ejected");
    t_server_assert_state(&weir, ports[1], "up");
    t_weir_end(&weir);
}

Test(health_never_locked_out, one_of_two)
{
    one_of_two_returns("least_connections");
}

Test(health_never_locked_out, one_of_two_in_turn)
{
    one_of_two_returns("round_robin");
}

Test(health_never_locked_out, one_of_two_at_random)
{
    one_of_two_returns("random_two");
}

Test(health_never_locked_out, one_of_two_by_hash)
{
    one_of_two_returns("hash_path");
}

/* A server's moods, ejections and returns: a POST is executed once, or not at all. */
Test(health_never_locked_out, no_post_is_executed_twice)
{
    static const enum t_mood moods[] = {T_CLOSES, T_NONSENSE, T_SILENT, T_FINE};
    int sent = 0;

    open_all(2, "    balance: round_robin\n    outlier: {failures: 2, eject: 100ms}\n"
                "    timeouts: {response: 100ms}\n");
    for (int round = 0; round < 8; round++) {
        atomic_store(&moodies[round % 2].for_requests, moods[round / 2]);
        for (int i = 0; i < 5; i++, sent++) {
            struct t_conn *client = t_ask(&weir, "POST", t_text("/%d", sent),
                                          "Content-Length: 0\r\n");
            int status = t_read_response(client, "POST")->status;
            t_close(client);
            int times = t_executed(sent);
            cr_assert(times == 1 || (times == 0 && status != 200), "%d is executed %d times: %d",
                      sent, times, status);
        }
    }
    t_weir_end(&weir);
}
