/* A server that is killed and comes back costs what it was doing, and nothing after that. */
#include "support/t_ask.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 3, CONCURRENCY = 10 };

static void make(struct t_load_request *request, bool close, void *user)
{
    (void)close;
    (void)user;
    request->len = (size_t)asprintf(&request->data,
                                    "%s /?body=x&delay=1ms HTTP/1.1\r\nHost: h\r\n"
                                    "Connection: close\r\n%s\r\n",
                                    request->id % 2 ? "POST" : "GET",
                                    request->id % 2 ? "Content-Length: 0\r\n" : "");
    snprintf(request->method, sizeof(request->method), "%s", request->id % 2 ? "POST" : "GET");
}

static bool is_200_or_no_server(const struct t_load_request *request,
                                const struct t_message *answer, void *user)
{
    (void)request;
    (void)user;
    return answer->status == 200 || answer->status == 502 || answer->status == 503;
}

/* weir-origin again, at the same port. */
static void restart(struct t_process *origin, int port)
{
    const char *binary = getenv("WEIR_ORIGIN");
    const char *listen = t_text("127.0.0.1:%d", port);
    const char *const args[] = {binary ? binary : WEIR_ORIGIN, "--listen", listen, NULL};
    t_process_start(origin, "weir-origin", args, false, false);
    t_process_await(origin, "listening on");
}

Test(pull_the_plug, killed_and_restarted_under_load)
{
    struct t_process origin;
    struct t_weir weir;
    int port = t_free_port();
    restart(&origin, port);
    t_weir_start_shape(&weir, &(struct t_shape){.port = port});

    struct t_load_beside beside = {.load = {.port = weir.port,
                                            .concurrency = CONCURRENCY,
                                            .requests = 12000,
                                            .reset_clients = true,
                                            .make = make,
                                            .check = is_200_or_no_server}};
    t_load_start(&beside);
    for (int i = 1; i <= ROUNDS; i++) {
        int64_t before = t_stats_number(&weir, "listeners/web/requests/2xx");
        t_stats_await_at_least(&weir, "listeners/web/requests/2xx", before + 200);
        t_process_kill(&origin);
        int64_t failed = t_stats_number(&weir, "listeners/web/requests/5xx");
        t_stats_await_at_least(&weir, "listeners/web/requests/5xx", failed + 50);
        restart(&origin, port);
    }
    int64_t good = t_stats_number(&weir, "listeners/web/requests/2xx");
    t_stats_await_at_least(&weir, "listeners/web/requests/2xx", good + 200);
    t_load_join(&beside);
    t_load_assert_ok(&beside.load, &beside.result);
    cr_assert_gt(beside.result.by_status[502] + beside.result.by_status[503], ROUNDS * 50 - 1);

    /* It is up: not one more fails. */
    int64_t failed = t_stats_number(&weir, "listeners/web/requests/5xx");
    for (int i = 0; i < 50; i++)
        t_one_shot(&weir, "/?body=x");
    t_stats_assert(&weir, "listeners/web/requests/5xx", failed);
    t_weir_end(&weir);
    t_process_stop(&origin);
}

/* The first request after its return is served. */
Test(pull_the_plug, the_first_request_after_its_return_is_served)
{
    struct t_process origin;
    struct t_weir weir;
    int port = t_free_port();
    restart(&origin, port);
    t_weir_start_shape(&weir, &(struct t_shape){.port = port});
    t_one_shot(&weir, "/?body=x");
    t_process_kill(&origin);
    /* The third connection that was refused to the second of them made five in a row. */
    for (int i = 0; i < 10; i++)
        t_await_answer(t_ask(&weir, "GET", "/", NULL), "GET", i < 1 ? 502 : 503);
    restart(&origin, port);
    t_assert_text(t_one_shot(&weir, "/?body=back")->body, "back");
    t_weir_end(&weir);
    t_process_stop(&origin);
}
