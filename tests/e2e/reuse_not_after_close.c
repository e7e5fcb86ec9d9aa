/* A connection is used again only when the answer's version, Connection and framing keep it. */
#include "support/t_ask.h"

static const struct {
    const char *answer;
    bool closes; /* the server ends it: the end of the body */
    bool keeps;
} cases[] = {
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", false, true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", false, true},
    {"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", false, true},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", false, true},
    {"HTTP/1.1 200 OK\r\nConnection: X, close\r\nContent-Length: 2\r\n\r\nok", false, false},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", false, false},
    {"HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nContent-Length: 2\r\n\r\nok", false,
     false},
    {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", false, false},
    {"HTTP/1.0 200 OK\r\n\r\nok", true, false},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nok", true, false},
    {"HTTP/1.1 200 OK\r\n\r\nok", true, false},
};

Test(reuse_not_after_close, by_what_the_answer_says)
{
    struct t_origin origin;
    struct t_weir weir;
    struct t_conn *upstream = NULL;
    int64_t opened = 0, ended = 0;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
        if (!upstream) {
            upstream = t_accept(&origin);
            opened++;
        }
        t_read_request(upstream);
        t_send(upstream, cases[i].answer);
        if (cases[i].closes)
            t_half_close(upstream);
        t_assert_text(t_await_answer(client, "GET", 200)->body, "ok");
        if (cases[i].keeps)
            continue;
        t_expect_any_end(upstream);
        upstream = NULL;
        t_pool_await(&weir, "connections/closed/not_reusable", ++ended);
    }
    t_pool_assert(&weir, "connections/opened", opened);
    t_weir_end(&weir);
}

/* A complete answer, and the FIN right behind it. */
Test(reuse_not_after_close, the_end_behind_the_answer)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    for (int i = 0; i < 20; i++) {
        struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
        struct t_conn *upstream = t_accept(&origin);
        t_read_request(upstream);
        t_answer(upstream, "ok");
        t_close(upstream);
        t_assert_text(t_await_answer(client, "GET", 200)->body, "ok");
        t_pool_await(&weir, "connections/idle", 0);
    }
    t_pool_assert(&weir, "connections/opened", 20);
    t_pool_assert(&weir, "requests/retried", 0);
    t_weir_end(&weir);
}
