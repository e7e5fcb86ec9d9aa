/* A server that comes back is given load gradually. */
#include "support/t_health.h"

#include <stdlib.h>
#include <string.h>

enum { RETURN_MS = 10000, REQUESTS = 600 };

static struct t_moody moodies[2];
static struct t_weir weir;
static int ports[2];

static void open_all(int n, const char *pool)
{
    for (int i = 0; i < n; i++) {
        t_moody_open(&moodies[i]);
        ports[i] = moodies[i].origin.port;
    }
    t_weir_start_shape(
        &weir, &(struct t_shape){.servers = t_servers(ports, n), .pool = pool, .token = true});
}

/* How many of REQUESTS go to server 0, asked one after the other. */
static int count_share(const char *target)
{
    struct t_conn *client = t_connect(weir.port);
    int count = 0;

    for (int i = 0; i < REQUESTS; i++)
        count += atoi(t_get(client, target)->body) == ports[0];
    t_close(client);
    return count;
}

/* Of its FULL share of the requests it may have got no more than it was due at the end of them, but
 * for chance: five standard deviations. It came back after SINCE_MS. */
static void is_gradual(const char *target, double full, int64_t since_ms)
{
    int count = count_share(target);
    int64_t took_ms = t_now_ms() - since_ms;
    double due = REQUESTS * full * (0.1 + 0.9 * (double)took_ms / RETURN_MS);

    cr_log_info("%d of %d within %d ms, %.0f at most", count, REQUESTS, (int)took_ms, due);
    cr_assert_gt(count, 0);
    cr_assert(count < due || (count - due) * (count - due) < 25 * due,
              "%d of %d within %d ms, and should be no more than %.0f", count, REQUESTS,
              (int)took_ms, due);
}

/* It refuses until it is ejected, and comes back. Returns a moment before it did. */
static int64_t eject_and_return(const char *target)
{
    t_moody_leave(&moodies[0]);
    for (int i = 0; i < 20 && t_server_number(&weir, ports[0], "health/ejections") == 0; i++)
        t_one_shot(&weir, target);
    t_assert_number("ejections", t_server_number(&weir, ports[0], "health/ejections"), 1);
    t_moody_return(&moodies[0]);
    int64_t since_ms, looked_ms = t_now_ms();
    do {
        since_ms = looked_ms;
        looked_ms = t_now_ms();
    } while (strcmp(t_server_state(&weir, ports[0]), "up") != 0);
    return since_ms;
}

Test(health_return, after_an_ejection)
{
    open_all(2, "    balance: round_robin\n    outlier: {failures: 2, eject: 100ms}\n");
    is_gradual("/", 0.5, eject_and_return("/"));
    t_weir_end(&weir);
}

Test(health_return, after_checks)
{
    open_all(2, "    balance: round_robin\n    health: {interval: 10ms}\n");
    atomic_store(&moodies[0].for_checks, T_ERROR);
    t_server_await_state(&weir, ports[0], "down");
    int64_t since_ms = t_now_ms();
    atomic_store(&moodies[0].for_checks, T_FINE);
    t_server_await_state(&weir, ports[0], "up");
    is_gradual("/", 0.5, since_ms);
    t_weir_end(&weir);
}

/* What has its home there goes elsewhere meanwhile, and comes home gradually. */
Test(health_return, home)
{
    open_all(2, "    balance: hash_path\n    outlier: {failures: 2, eject: 100ms}\n");
    const char *target = "/";
    for (int i = 0; t_who(&weir, target) != ports[0]; i++)
        target = t_text("/%d", i);
    is_gradual(target, 1.0, eject_and_return(target));
    t_weir_end(&weir);
}

/* With nobody else to take the rest, it gets all of it. */
Test(health_return, at_once_when_it_is_needed)
{
    open_all(2, "    balance: round_robin\n    outlier: {failures: 2, eject: 100ms}\n");
    eject_and_return("/");
    t_order(&weir, t_text("/pools/legacy/servers/127.0.0.1:%d/down", ports[1]), 200);
    for (int i = 0; i < 20; i++)
        t_assert_number("who answers", t_who(&weir, "/"), ports[0]);
    t_weir_end(&weir);
}
