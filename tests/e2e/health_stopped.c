/* A server that is stopped while its kernel accepts for it is found by the answers it does not
 * give. */
#include "support/t_health.h"

#include <signal.h>
#include <string.h>

static struct t_real_origin reals[2];
static struct t_weir weir;
static int ports[2];

static void open_all(const char *pool)
{
    for (int i = 0; i < 2; i++) {
        t_real_origin_start(&reals[i], NULL);
        ports[i] = reals[i].port;
    }
    t_weir_start_shape(&weir, &(struct t_shape){.servers = t_servers(ports, 2), .pool = pool});
}

static void close_all(void)
{
    t_weir_end(&weir);
    for (int i = 0; i < 2; i++)
        t_real_origin_stop(&reals[i]);
}

/* All go to server 1, and none waits for server 0. */
static void all_is_well(void)
{
    int64_t requests = t_server_number(&weir, ports[0], "requests/total");

    for (int i = 0; i < 20; i++)
        t_assert_number("status", t_try(&weir)->status, 200);
    t_assert_number("requests of the stopped", t_server_number(&weir, ports[0], "requests/total"),
                    requests);
}

static void gets_requests_again(void)
{
    int64_t requests = t_server_number(&weir, ports[0], "requests/total");
    int64_t deadline = t_deadline_ms();

    while (t_server_number(&weir, ports[0], "requests/total") == requests) {
        cr_assert(t_left_ms(deadline), "it gets no requests");
        for (int i = 0; i < 10; i++)
            t_one_shot(&weir, "/");
    }
}

Test(health_stopped, by_requests)
{
    enum { EJECT_MS = 10000 };
    open_all("    balance: round_robin\n    timeouts: {response: 3s}\n"
             "    outlier: {failures: 2, eject: 10s}\n");
    for (int i = 0; i < 4; i++)
        t_one_shot(&weir, "/");
    t_process_signal(&reals[0].process, SIGSTOP);
    int timeouts = 0, asked = 0;
    int64_t asked_ms = 0;
    while (t_server_number(&weir, ports[0], "health/ejections") == 0 && asked++ < 50) {
        asked_ms = t_now_ms();
        timeouts += t_try(&weir)->status == 504;
    }
    cr_assert_geq(timeouts, 2);
    /* When the machine lets the ejection pass meanwhile, the next to ask waits for the stopped. */
    if (t_now_ms() < asked_ms + EJECT_MS / 2)
        all_is_well();
    t_process_signal(&reals[0].process, SIGCONT);
    t_server_await_state(&weir, ports[0], "up");
    gets_requests_again();
    close_all();
}

Test(health_stopped, by_checks)
{
    open_all("    balance: round_robin\n    outlier: {failures: 0}\n"
             "    health: {interval: 20ms, timeout: 3s, rise: 1, fall: 2, path: /}\n");
    for (int i = 0; i < 4; i++)
        t_one_shot(&weir, "/");
    t_process_signal(&reals[0].process, SIGSTOP);
    t_server_await_state(&weir, ports[0], "down");
    t_weir_await_log(&weir, "the last: no answer within 3000 ms");
    all_is_well();
    t_process_signal(&reals[0].process, SIGCONT);
    t_server_await_state(&weir, ports[0], "up");
    gets_requests_again();
    close_all();
}
