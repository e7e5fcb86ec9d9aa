/* Sessions are resumed on any worker, over a reload, and with TLS 1.2 and 1.3; never by another
 * listener. */
#include "support/t.h"
#include "support/t_tls.h"

#include <signal.h>

#define CERTIFICATES "certificates: [{certificate: @dir@/site.pem, key: @dir@/site.key}]"
#define TWO(tls)                                                                                   \
    "workers: 4\nshutdown_timeout: 5s\nlog: {level: info}\n"                                       \
    "admin: {listen: \"127.0.0.1:@admin@\"}\n"                                                     \
    "listeners:\n"                                                                                 \
    "  web: {listen: [\"127.0.0.1:@port@\"], tls: {" CERTIFICATES tls "}}\n"                       \
    "  other: {listen: [\"127.0.0.1:@port2@\"], tls: {" CERTIFICATES "}}\n"

enum { TIMES = 24 }; /* the kernel spreads so many over four workers */

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

/* Asks for nothing that has a route: a 404 comes, and before it the tickets. */
static SSL_SESSION *begin(int port, int version, SSL_SESSION *session, bool resumes)
{
    struct t_tls *client = t_tls_connect(
        port, &(struct t_tls_wish){.name = "site.test", .version = version, .session = session});

    t_assert_number("resumed", client->is_resumed, resumes);
    t_send(client->conn, "GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n");
    t_assert_number("status", t_read_response(client->conn, "GET")->status, 404);
    if (version == TLS1_2_VERSION && resumes)
        return session;
    session = t_tls_session(client);
    t_close(client->conn);
    return session;
}

static void start(struct t_weir *weir, const char *tls)
{
    t_tls_certificate("site", &(struct certificate_wish){.names = "DNS:site.test"});
    t_weir_start(weir, TWO("%s"), tls);
}

Test(tls_sessions, any_worker_resumes_them)
{
    struct t_weir weir;

    start(&weir, "");
    for (size_t i = 0; i < 2; i++) {
        SSL_SESSION *session = begin(weir.port, versions[i], NULL, false);
        for (int n = 0; n < TIMES; n++)
            session = begin(weir.port, versions[i], session, true);
    }
    t_stats_await(&weir, "listeners/web/tls/resumed", 2 * TIMES);
    t_stats_await(&weir, "listeners/web/tls/handshakes", 2 * TIMES + 2);
    t_weir_end(&weir);
}

Test(tls_sessions, they_survive_a_reload)
{
    struct t_weir weir;
    SSL_SESSION *sessions[2];

    start(&weir, "");
    for (size_t i = 0; i < 2; i++)
        sessions[i] = begin(weir.port, versions[i], NULL, false);
    t_tls_certificate("site", &(struct certificate_wish){.names = "DNS:site.test"});
    t_weir_signal(&weir, SIGHUP);
    t_weir_await_log(&weir, "reloaded");
    t_stats_await(&weir, "weir/generation", 2);
    for (size_t i = 0; i < 2; i++)
        begin(weir.port, versions[i], sessions[i], true);
    t_weir_end(&weir);
}

Test(tls_sessions, another_listener_knows_nothing_of_them)
{
    struct t_weir weir;

    start(&weir, "");
    for (size_t i = 0; i < 2; i++)
        begin(weir.port2, versions[i], begin(weir.port, versions[i], NULL, false), false);
    t_weir_end(&weir);
}

Test(tls_sessions, there_are_none_where_they_are_off)
{
    struct t_weir weir;

    start(&weir, ", sessions: off");
    for (size_t i = 0; i < 2; i++) {
        struct t_tls *client = t_tls_connect(weir.port,
                                             &(struct t_tls_wish){.version = versions[i]});
        t_send(client->conn, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        t_read_response(client->conn, "GET");
        t_tls_expect_end(client, T_TLS_GOODBYE);
        SSL_SESSION *session = atomic_load(&client->session);
        cr_expect(!session || !SSL_SESSION_has_ticket(session));
        t_close(client->conn);
    }
    t_weir_end(&weir);
}
