/* A server that is down, or ends what is opened ahead of need, is tried ever less often; once it is
 * well it gets its connections. */
#include "support/t_ask.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define OUTAGE "can't be connected to ahead of need"

static struct t_origin origin;
static struct t_weir weir;

static void start(const char *connections)
{
    t_weir_start_shape(&weir,
                       &(struct t_shape){.workers = 2,
                                         .port = origin.port,
                                         .pool = t_text("    connections: {%s}\n", connections)});
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        n++;
    return n;
}

/* The pauses before these attempts are at least this long, however slow the machine is. */
static void assert_slow(int64_t began_ms, int64_t attempts, int64_t at_once)
{
    int64_t least_ms = 0, pause_ms = 75;
    for (int64_t i = at_once; i < attempts; i++, pause_ms *= 2)
        least_ms += pause_ms;
    if (t_now_ms() - began_ms < least_ms)
        t_fail("%d attempts within %d ms", (int)attempts, (int)(t_now_ms() - began_ms));
}

Test(ahead_backoff, a_server_that_is_down_is_tried_ever_less_often)
{
    t_origin_open(&origin);
    t_origin_close(&origin);
    int64_t began_ms = t_now_ms();
    start("min_idle: 3");
    t_stats_await_at_least(&weir, "pools/legacy/connections/closed/error", 6);
    int64_t attempts = t_pool_number(&weir, "connections/closed/error");
    /* Some may be under way before the first is seen to fail. */
    assert_slow(began_ms, attempts, 3);
    t_pool_assert(&weir, "connections/prewarmed", 0);
    t_assert_number("times the log says so", count(t_weir_log(&weir), OUTAGE), 1);

    t_origin_reopen(&origin);
    t_pool_await(&weir, "connections/idle", 3);
    t_weir_await_log(&weir, "can be connected to again");
    t_pool_assert(&weir, "connections/prewarmed", 3);
    t_weir_end(&weir);
}

/* What was ready goes with the server, and comes back with it. */
Test(ahead_backoff, a_restart_of_the_server)
{
    struct t_conn *upstreams[3];
    t_origin_open(&origin);
    start("min_idle: 3");
    t_pool_await(&weir, "connections/idle", 3);
    for (int i = 0; i < 3; i++)
        upstreams[i] = t_accept(&origin);
    t_origin_close(&origin);
    for (int i = 0; i < 3; i++)
        t_close(upstreams[i]);
    t_pool_await(&weir, "connections/closed/by_server_idle", 3);
    t_stats_await_at_least(&weir, "pools/legacy/connections/closed/error", 1);
    t_origin_reopen(&origin);
    t_pool_await(&weir, "connections/idle", 3);

    /* That nothing was ever asked on them says nothing of the server's keep-alive. */
    const char *facts = t_text("pools/legacy/servers/127.0.0.1:%d/keep_alive/", origin.port);
    t_assert_text(json_string_value(t_stats_find(t_stats(&weir), t_text("%slearned_from", facts))),
                  "config");
    t_stats_assert(&weir, t_text("%sidle_timeout_ms", facts), 55000);
    t_weir_end(&weir);
}

/* A request that gets through shows that it is well. */
Test(ahead_backoff, a_request_that_connects_ends_it)
{
    t_origin_open(&origin);
    t_origin_close(&origin);
    start("min_idle: 2");
    t_stats_await_at_least(&weir, "pools/legacy/connections/closed/error", 5);
    t_origin_reopen(&origin);
    t_round(&weir, &origin, NULL, "/");
    t_pool_await(&weir, "connections/idle", 2);
    t_weir_end(&weir);
}

Test(ahead_backoff, a_server_that_ends_them_at_once_is_let_alone)
{
    t_origin_open(&origin);
    int64_t began_ms = t_now_ms();
    start("min_idle: 1");
    for (int i = 0; i < 5; i++)
        t_close(t_accept(&origin));
    t_pool_await(&weir, "connections/closed/by_server_idle", 5);
    assert_slow(began_ms, 5, 1);

    /* The sixth carries a request, and all is well. */
    struct t_conn *sixth = t_accept(&origin);
    t_pool_await(&weir, "connections/idle", 1);
    t_round(&weir, &origin, sixth, "/");
    t_weir_end(&weir);
}

/* Some servers say on an unused connection that they waited for too long. */
Test(ahead_backoff, a_server_that_says_goodbye_harms_nobody)
{
    t_origin_open(&origin);
    start("min_idle: 1");
    struct t_conn *first = t_accept(&origin);
    t_pool_await(&weir, "connections/idle", 1);
    t_send(first, "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    t_pool_await(&weir, "connections/closed/poisoned", 1);
    struct t_conn *second = t_accept(&origin);
    t_pool_await(&weir, "connections/idle", 1);
    struct t_message *answer;
    struct t_conn *client = t_ask(&weir, "GET", "/", NULL);
    t_serve(second, "/");
    answer = t_await_answer(client, "GET", 200);
    t_assert_text(answer->body, "/");
    t_weir_end(&weir);
}

/* The first connection on which anything comes. */
static struct t_conn *accept_asked(void)
{
    struct t_conn *upstreams[16];
    int n = 0;

    while (n < 16) {
        if (n == 0 || t_origin_connections(&origin) > origin.accepted - (int)origin.shelf_len)
            upstreams[n++] = t_accept(&origin);
        for (int i = 0; i < n; i++) {
            t_conn_poll(upstreams[i]);
            if (upstreams[i]->in_len > 0)
                return upstreams[i];
        }
    }
    t_fail("16 connections, and no request");
    return NULL;
}

/* Its server had closed before the request came, as with any other connection that was kept: the
 * kernel shows it, and the POST is sent again. */
Test(ahead_backoff, a_race_on_one_that_was_never_used)
{
    t_origin_open(&origin);
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 1,
                                                .port = origin.port,
                                                .token = true,
                                                .pool = "    connections: {min_idle: 1}\n"});
    struct t_conn *used = t_accept(&origin), *client = t_connect(weir.port);
    struct t_crowd crowd;
    t_pool_await(&weir, "connections/idle", 1);
    t_crowd_open(&crowd, &weir);
    t_send(client, "GET /first HTTP/1.1\r\nHost: h\r\n\r\n");
    t_read_request(used);
    t_send(used, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    t_read_response(client, "GET");
    struct t_conn *unused = t_accept(&origin);
    t_pool_await(&weir, "connections/idle", 1);
    /* The worker has looked at its sockets since: what it is told now comes in its order. */
    t_order(&weir, t_text("/pools/legacy/servers/127.0.0.1:%d/up", origin.port), 200);

    t_weir_freeze(&weir);
    t_send(client, "POST /second HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    t_crowd_speak(&crowd); /* so that the request is written before the end is heard of */
    t_close(unused);
    t_weir_thaw(&weir);
    t_crowd_leave(&crowd);
    t_serve(accept_asked(), "/second");
    t_assert_number("status", t_read_response(client, "POST")->status, 200);
    t_pool_assert(&weir, "races/seen", 1);
    t_pool_assert(&weir, "races/retried_on_evidence", 1);
    t_pool_assert(&weir, "connections/reused", 0);
    t_weir_end(&weir);
}

/* A port where connecting neither succeeds nor fails: nobody accepts, and its queue is full. */
static int open_silent_port(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    socklen_t len = sizeof(to);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (struct sockaddr *)&to, len) != 0 || listen(fd, 0) != 0 ||
        getsockname(fd, (struct sockaddr *)&to, &len) != 0)
        t_fail("no silent port");
    t_connect(ntohs(to.sin_port));
    return ntohs(to.sin_port);
}

/* Neither the end nor a pause waits for what is only being opened ahead. */
Test(ahead_backoff, an_attempt_under_way_holds_nothing_up)
{
    t_weir_start_shape(&weir, &(struct t_shape){.workers = 2,
                                                .port = open_silent_port(),
                                                .token = true,
                                                .pool = "    connections: {min_idle: 9}\n"
                                                        "    timeouts: {connect: 1h}\n"});
    /* Four at once, and no more. */
    t_pool_await(&weir, "connections/connecting", 4);
    t_order(&weir, "/pools/legacy/pause", 200);
    t_pool_assert(&weir, "connections/connecting", 0);
    t_pool_assert(&weir, "connections/closed/flushed", 4);
    t_order(&weir, "/pools/legacy/resume", 200);
    t_pool_await(&weir, "connections/connecting", 4);
    t_pool_assert(&weir, "connections/opened", 8);
    t_weir_stop(&weir);
}
