/* Over TLS an answer ends where the server says that it ends: a connection that ends without a
 * close_notify cuts it short, and the client sees that. */
#include "support/t_tls_scene.h"

enum how { GOODBYE, CUT, RESET };

struct cut {
    struct t_tls_scene scene;
    struct t_conn *client, *upstream;
};

static void begin(struct cut *cut, const char *version)
{
    t_tls_scene_open(&cut->scene, 1, "    retry: {attempts: 0}\n" T_TLS_TRUST, NULL);
    cut->client = t_connect(cut->scene.weir.port);
    t_sendf(cut->client, "GET /a HTTP/%s\r\nHost: h\r\n\r\n", version);
    cut->upstream = t_tls_accept(&cut->scene.origin, &cut->scene.tls);
    t_read_request(cut->upstream);
}

static void end(struct cut *cut, enum how how)
{
    if (how == GOODBYE)
        t_close(cut->upstream);
    else if (how == CUT)
        t_tls_break_off(cut->upstream);
    else
        t_reset(cut->upstream);
}

/* The body is without end mark, whatever it is framed by towards the client. */
static void expect_cut(const char *head, const char *body, enum how how, const char *seen)
{
    struct cut cut;
    size_t len;
    begin(&cut, "1.1");
    t_sendf(cut.upstream, "HTTP/1.1 200 OK\r\n%s\r\n%s", head, body);
    t_assert_contains(t_read_head(cut.client), "HTTP/1.1 200 OK\r\n");
    t_expect(cut.client, seen);
    end(&cut, how);
    t_assert_text(t_read_to_any_end(cut.client, &len), "");
    t_pool_await(&cut.scene.weir, "requests/failed", 1);
    t_weir_end(&cut.scene.weir);
}

Test(tls_server_cut, in_a_length)
{
    expect_cut("Content-Length: 10\r\n", "abc", CUT, "abc");
}

Test(tls_server_cut, in_a_length_with_a_goodbye)
{
    expect_cut("Content-Length: 10\r\n", "abc", GOODBYE, "abc");
}

Test(tls_server_cut, in_chunks)
{
    expect_cut("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n", CUT, "3\r\nabc\r\n");
}

Test(tls_server_cut, in_chunks_with_a_goodbye)
{
    expect_cut("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n", GOODBYE, "3\r\nabc\r\n");
}

/* weir makes chunks of it, whose last is missing. */
Test(tls_server_cut, where_the_end_of_the_connection_would_end_it)
{
    expect_cut("", "abc", CUT, "3\r\nabc\r\n");
}

Test(tls_server_cut, by_a_reset)
{
    expect_cut("", "abc", RESET, "3\r\nabc\r\n");
}

Test(tls_server_cut, not_where_a_goodbye_ends_it)
{
    struct cut cut;
    begin(&cut, "1.1");
    t_send(cut.upstream, "HTTP/1.1 200 OK\r\n\r\nabc");
    end(&cut, GOODBYE);
    t_assert_text(t_read_response(cut.client, "GET")->body, "abc");
    t_pool_assert(&cut.scene.weir, "requests/failed", 0);
    t_weir_end(&cut.scene.weir);
}

/* An HTTP/1.0 client has no end mark but the end: a cut answer must end in a reset. */
Test(tls_server_cut, shows_to_an_old_client_too)
{
    struct cut cut;
    begin(&cut, "1.0");
    t_send(cut.upstream, "HTTP/1.1 200 OK\r\n\r\nabc");
    t_assert_contains(t_read_head(cut.client), "200 OK\r\n");
    t_expect(cut.client, "abc");
    end(&cut, CUT);
    t_expect_reset(cut.client);
    t_weir_end(&cut.scene.weir);
}

Test(tls_server_cut, in_a_head)
{
    struct cut cut;
    begin(&cut, "1.1");
    t_send(cut.upstream, "HTTP/1.1 200 OK\r\nContent-");
    end(&cut, CUT);
    t_assert_contains(t_read_response(cut.client, "GET")->body, "cut short");
    t_weir_end(&cut.scene.weir);
}

Test(tls_server_cut, before_any_byte)
{
    struct cut cut;
    begin(&cut, "1.1");
    end(&cut, CUT);
    struct t_message *answer = t_read_response(cut.client, "GET");
    t_assert_number("status", answer->status, 502);
    t_assert_contains(answer->body, "closed the connection without an answer");
    t_weir_end(&cut.scene.weir);
}

/* What is no TLS in the middle of an answer is no end either. */
Test(tls_server_cut, by_garbage)
{
    struct cut cut;
    size_t len;
    begin(&cut, "1.1");
    t_send(cut.upstream, "HTTP/1.1 200 OK\r\n\r\nabc");
    t_assert_contains(t_read_head(cut.client), "200 OK\r\n");
    t_expect(cut.client, "3\r\nabc\r\n");
    cut.upstream->way = NULL;
    t_send(cut.upstream, "\r\n0\r\n\r\n and more");
    t_assert_text(t_read_to_any_end(cut.client, &len), "");
    t_weir_await_log(&cut.scene.weir, "TLS: a connection failed under a request");
    t_weir_end(&cut.scene.weir);
}

/* A server that answers early, takes no more and closes: the answer gets through. */
Test(tls_server_cut, not_an_early_answer)
{
    enum { BYTES = 8 << 20 };
    struct t_tls_scene scene;
    t_tls_scene_open(&scene, 1, NULL, NULL);
    struct t_conn *client = t_connect(scene.weir.port);
    t_sendf(client, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", BYTES);
    struct t_conn *upstream = t_tls_accept(&scene.origin, &scene.tls);
    t_read_head(upstream);
    t_send_pattern(client, 1000, 0);
    t_expect_pattern(upstream, 1000, 0);
    t_send(upstream, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno\n");
    t_close(upstream);
    t_assert_text(t_read_response(client, "POST")->body, "no\n");
    t_weir_end(&scene.weir);
}
