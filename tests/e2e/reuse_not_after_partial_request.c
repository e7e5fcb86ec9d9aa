/* A connection to which a request was not sent whole is never used again. */
#include "support/t_ask.h"

/* The server answers a request before its body is complete; the client never sends the rest. */
Test(reuse_not_after_partial_request, an_early_answer)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    struct t_conn *client = t_ask(&weir, "POST", "/first", "Content-Length: 10\r\n");
    t_send(client, "12345");
    struct t_conn *upstream = t_accept(&origin);
    t_assert_contains(t_read_head(upstream), "POST /first");
    t_expect(upstream, "12345");
    t_answer(upstream, "early");
    t_assert_text(t_await_answer(client, "POST", 200)->body, "early");
    t_expect_any_end(upstream);
    t_pool_await(&weir, "connections/closed/not_reusable", 1);
    t_round(&weir, &origin, NULL, "/second");
    t_pool_assert(&weir, "connections/reused", 0);
    t_weir_end(&weir);
}

Test(reuse_not_after_partial_request, a_client_that_leaves)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    struct t_conn *client = t_ask(&weir, "POST", "/first", "Content-Length: 10\r\n");
    t_send(client, "12345");
    struct t_conn *upstream = t_accept(&origin);
    t_assert_contains(t_read_head(upstream), "POST /first");
    t_expect(upstream, "12345");
    t_reset(client);
    t_expect_any_end(upstream);
    t_pool_await(&weir, "connections/closed/client_gone", 1);
    t_round(&weir, &origin, NULL, "/second");
    t_pool_assert(&weir, "connections/reused", 0);
    t_weir_end(&weir);
}

/* The answer is on its way when the client leaves: what is left of it must not be read by another.
 */
Test(reuse_not_after_partial_request, a_client_that_leaves_inside_the_answer)
{
    struct t_origin origin;
    struct t_weir weir;
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.port = origin.port});

    struct t_conn *client = t_ask(&weir, "GET", "/first", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_send(upstream, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
    t_read_until(client, "12345");
    t_reset(client);
    t_try_send(upstream, "6789", 4);
    t_expect_any_end(upstream);
    t_pool_await(&weir, "connections/closed/client_gone", 1);
    t_round(&weir, &origin, NULL, "/second");
    t_weir_end(&weir);
}
