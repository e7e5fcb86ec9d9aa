/* Each timeout ends what it is for, in its time, with the answer that says so. */
#include "support/t_ask.h"
#include "support/t_scene.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LIMIT_MS = 300, BEFORE_MS = 280, LONG_MS = 60000 };

static struct t_origin origin;
static struct t_weir weir;

/* One worker with these timeouts of the listener and of the pool; whatever else is long. */
static void start(const char *listener, const char *pool)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir,
                       &(struct t_shape){
                           .workers = 1,
                           .port = origin.port,
                           .listener = listener ? t_text("    timeouts: {%s}\n", listener) : NULL,
                           .pool = t_text("    retry: {attempts: 0}\n    timeouts: {%s}\n", pool),
                       });
}

static void assert_took(int64_t since_ms)
{
    int64_t took_ms = t_now_ms() - since_ms;
    cr_assert_geq(took_ms, BEFORE_MS, "it took %d ms only", (int)took_ms);
    cr_assert_lt(took_ms, LONG_MS, "it took %d ms", (int)took_ms);
}

Test(timeouts, header_of_the_first_request)
{
    start("header: 300ms, idle: 1h", "response: 1h");
    int64_t since_ms = t_now_ms();
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "GET / HTTP/1.1\r\nHo");
    t_assert_contains(t_await_answer(client, "GET", 408)->body, "head");
    assert_took(since_ms);
    t_weir_end(&weir);
}

/* From its first byte on, however much is left of the idle time. */
Test(timeouts, header_of_a_later_request)
{
    start("header: 300ms, idle: 1h", "response: 1h");
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    t_serve(t_accept(&origin), "/");
    t_read_response(client, "GET");
    int64_t since_ms = t_now_ms();
    t_send(client, "GET / HTTP/1.1\r\nHo");
    t_assert_contains(t_await_answer(client, "GET", 408)->body, "head");
    assert_took(since_ms);
    t_weir_end(&weir);
}

/* A byte now and then does not stretch it. */
Test(timeouts, header_that_drips)
{
    start("header: 300ms, idle: 1h", "response: 1h");
    int64_t since_ms = t_now_ms();
    struct t_conn *client = t_connect(weir.port);
    t_send(client, "GET / HTTP/1.1\r\n");
    while (!t_conn_poll(client)) {
        t_try_send(client, "X", 1);
        usleep(20000);
        cr_assert_lt(t_now_ms() - since_ms, LONG_MS);
    }
    assert_took(since_ms);
    t_assert_number("status", t_read_response(client, "GET")->status, 408);
    t_close(client);
    t_weir_end(&weir);
}

Test(timeouts, idle_ends_a_kept_client_without_a_word)
{
    start("idle: 300ms", "response: 1h");
    struct t_conn *client = t_connect(weir.port);
    int64_t since_ms = t_now_ms();
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    t_serve(t_accept(&origin), "/");
    t_read_response(client, "GET");
    t_expect_end(client);
    assert_took(since_ms);
    t_stats_assert(&weir, "listeners/web/requests/total", 1);
    t_weir_end(&weir);
}

Test(timeouts, body_of_a_request_that_does_not_come)
{
    start("body: 300ms", "response: 1h");
    int64_t since_ms = t_now_ms();
    struct t_conn *client = t_ask(&weir, "POST", "/", "Content-Length: 10\r\n");
    t_send(client, "12345");
    t_assert_contains(t_await_answer(client, "POST", 408)->body, "body");
    assert_took(since_ms);
    struct t_conn *upstream = t_accept(&origin);
    t_read_until(upstream, "12345");
    t_expect_any_end(upstream);
    t_pool_assert(&weir, "connections/closed/client_gone", 1);
    t_weir_end(&weir);
}

/* It is for the next bytes, not for all of the body. They come for three times as long, and had a
 * busy machine kept this test from sending one in time, it would say nothing. */
Test(timeouts, body_that_goes_on)
{
    enum { BODY_MS = 1000 };
    start("body: 1s", "response: 1h");
    int64_t since_ms = t_now_ms(), sent_ms = since_ms, gap_ms = 0;
    struct t_conn *client = t_ask(&weir, "POST", "/", "Transfer-Encoding: chunked\r\n");
    t_send(client, "1\r\nx\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_read_head(upstream);
    while (sent_ms < since_ms + 3 * BODY_MS && gap_ms < BODY_MS) {
        t_expect(upstream, "1\r\nx\r\n");
        usleep(20000);
        if (!t_try_send(client, "1\r\nx\r\n", 6))
            break;
        gap_ms = t_now_ms() - sent_ms;
        sent_ms += gap_ms;
    }
    if (gap_ms >= BODY_MS) {
        t_process_kill(&weir.process);
        cr_skip_test("this test had to wait for its turn for %d ms", (int)gap_ms);
    }
    t_send(client, "0\r\n\r\n");
    t_expect(upstream, "1\r\nx\r\n0\r\n\r\n");
    t_answer(upstream, "ok");
    t_await_answer(client, "POST", 200);
    t_weir_end(&weir);
}

Test(timeouts, write_to_a_client_that_does_not_read)
{
    start("write: 300ms", "response: 1h, stall: 1h");
    struct t_conn *client = t_connect_small(weir.port, 4096);
    t_send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    int64_t since_ms = t_now_ms();
    t_send(upstream, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    char piece[65536] = {0};
    while (t_now_ms() - since_ms < LONG_MS && t_try_send(upstream, piece, sizeof(piece)))
        continue;
    assert_took(since_ms);
    t_expect_any_end(upstream);
    t_pool_await(&weir, "connections/closed/client_gone", 1);
    t_weir_end(&weir);
}

Test(timeouts, response_that_does_not_come)
{
    start(NULL, "response: 300ms");
    int64_t since_ms = t_now_ms();
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    t_assert_contains(t_await_answer(client, "GET", 504)->body, "in time");
    assert_took(since_ms);
    t_expect_any_end(upstream);
    t_pool_assert(&weir, "connections/closed/timeout", 1);
    t_weir_end(&weir);
}

/* A head that drips is not in time either. */
Test(timeouts, response_whose_head_drips)
{
    start(NULL, "response: 300ms");
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    int64_t since_ms = t_now_ms();
    t_send(upstream, "HTTP/1.1 200 OK\r\nX: ");
    while (!t_conn_poll(client)) {
        t_try_send(upstream, "x", 1);
        usleep(20000);
        cr_assert_lt(t_now_ms() - since_ms, LONG_MS);
    }
    t_await_answer(client, "GET", 504);
    t_weir_end(&weir);
}

Test(timeouts, stall_inside_an_answer_breaks_it_visibly)
{
    start(NULL, "stall: 300ms");
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    struct t_conn *upstream = t_accept(&origin);
    t_read_request(upstream);
    int64_t since_ms = t_now_ms();
    t_send(upstream, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    size_t len;
    char *got = t_read_to_any_end(client, &len);
    assert_took(since_ms);
    t_assert_contains(got, "hello");
    t_assert_lacks(got, "\r\n0\r\n");
    t_pool_assert(&weir, "connections/closed/timeout", 1);
    t_weir_end(&weir);
}

Test(timeouts, stall_of_a_server_that_does_not_read)
{
    start(NULL, "stall: 300ms");
    struct t_conn *client = t_ask(&weir, "POST", "/", "Content-Length: 1000000000\r\n");
    int64_t since_ms = t_now_ms();
    char piece[65536] = {0};
    while (t_now_ms() - since_ms < LONG_MS && !t_conn_poll(client))
        (void)send(client->fd, piece, sizeof(piece), MSG_NOSIGNAL | MSG_DONTWAIT);
    t_assert_contains(t_read_head(client), "HTTP/1.1 504 ");
    assert_took(since_ms);
    t_reset(client);
    t_pool_await(&weir, "connections/closed/timeout", 1);
    t_weir_end(&weir);
}

/* A listening socket whose queue is full does not answer any more. */
static int deaf_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int port = t_free_port();
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    cr_assert_eq(listen(listener, 0), 0);
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fd, (struct sockaddr *)&address, sizeof(address));
    }
    return port;
}

Test(timeouts, connect_to_a_server_that_does_not_answer)
{
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1,
                                                .port = deaf_port(),
                                                .pool = "    retry: {attempts: 0}\n"
                                                        "    timeouts: {connect: 300ms}\n"});
    int64_t since_ms = t_now_ms();
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    t_assert_contains(t_await_answer(client, "GET", 502)->body, "in time");
    assert_took(since_ms);
    t_pool_assert(&weir, "connections/closed/timeout", 1);
    t_weir_end(&weir);
}

/* The attempts are made elsewhere. */
Test(timeouts, connect_goes_on_to_another_server)
{
    t_origin_open(&origin);
    t_weir_start_shape(
        &weir, &(struct t_shape){
                   .workers = 1,
                   .servers = t_text("[{address: \"127.0.0.1:%d\"}, {address: \"127.0.0.1:%d\"}]",
                                     deaf_port(), origin.port),
                   .pool = "    balance: round_robin\n    timeouts: {connect: 300ms}\n",
               });
    struct t_conn *client = t_ask(&weir, "POST", "/", "Content-Length: 0\r\n");
    t_serve(t_accept(&origin), "/");
    t_await_answer(client, "POST", 200);
    t_pool_assert(&weir, "connections/closed/timeout", 1);
    t_weir_end(&weir);
}

/* What was in the socket in time counts, also when weir itself was stopped and comes to it late. */
Test(timeouts, a_stall_of_weirs_own_is_nobodys_fault)
{
    enum { RESPONSE_MS = 1000 };
    struct t_scene scene;
    t_scene_open(&scene, NULL, "    timeouts: {response: 1s, stall: 1s}\n");
    for (int i = 0; i < 3; i++) {
        int64_t since_ms = t_now_ms();
        t_scene_request(&scene, "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                        "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.1 weir\r\n\r\n");
        t_weir_freeze(&scene.weir);
        (void)t_try_send(scene.upstream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 40);
        if (t_now_ms() - since_ms >= RESPONSE_MS) {
            t_process_kill(&scene.weir.process);
            cr_skip_test("this machine is too slow for an answer in time");
        }
        while (t_now_ms() - since_ms < RESPONSE_MS + 50)
            t_nap();
        t_weir_thaw(&scene.weir);
        t_assert_number("status", t_read_response(scene.client, "GET")->status, 200);
    }
    t_weir_end(&scene.weir);
}
