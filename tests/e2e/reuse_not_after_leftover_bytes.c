/* A connection on which more came than belongs to the answer is never used again. */
#include "support/t_ask.h"

static void leaves(const char *answer, const char *body)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    struct t_conn *client = t_ask(&weir, "GET", "/first", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_send(upstream, answer);
    t_assert_text(t_await_answer(client, "GET", 200)->body, body);
    t_expect_any_end(upstream);
    t_pool_await(&weir, "connections/closed/poisoned", 1);
    t_round(&weir, &origin, NULL, "/second");
    t_pool_assert(&weir, "connections/opened", 2);
    t_pool_assert(&weir, "connections/reused", 0);
    t_weir_end(&weir);
}

Test(reuse_not_after_leftover_bytes, behind_a_length)
{
    leaves("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok!", "ok");
}

Test(reuse_not_after_leftover_bytes, a_whole_second_answer)
{
    leaves("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
           "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
           "ok");
}

Test(reuse_not_after_leftover_bytes, behind_the_last_chunk)
{
    leaves("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n\r\n", "ok");
}

Test(reuse_not_after_leftover_bytes, a_body_where_there_may_be_none)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    struct t_conn *client = t_ask(&weir, "HEAD", "/first", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_answer(upstream, "a body to a HEAD");
    t_await_answer(client, "HEAD", 200);
    t_expect_any_end(upstream);
    t_pool_await(&weir, "connections/closed/poisoned", 1);
    t_round(&weir, &origin, NULL, "/second");
    t_weir_end(&weir);
}
